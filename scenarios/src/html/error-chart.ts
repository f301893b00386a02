/** Errors after every step, and of the logits that the querier reads, as powers of ten. */
import type { LayerReport } from '../layer-report.js'
import type { ScenarioReport } from '../report.js'
import { type Drawing, INK, type KeyEntry, LINE, MUTED, quietAxis, roomFor, series, valueAxis } from './drawing.js'
import { powerOfTen, small } from './figures.js'

interface Curve {
  readonly key: KeyEntry
  readonly symbol: string
  /** After a step; undefined where there is none. */
  layer?(layer: LayerReport): number | undefined
  /** Of the logits read. */
  readonly read?: number | undefined
}

const WIDTH = 960
const PLOT_HEIGHT = 270
/** Lines across the chart, at most. */
const GRID_LINES = 8
/** More names than this are turned. */
const ROOM_FOR_NAMES = 8

export function errorChart(report: ScenarioReport, names: readonly string[]): Drawing {
  const { layers, computationError, planned } = report
  const curves: Curve[] = [
    {
      key: { name: 'tracked (standard deviation)', colour: MUTED, mark: 'dashes' },
      symbol: 'circle',
      layer: ({ trackedError }) => trackedError
    },
    {
      key: { name: 'simulated (root mean square)', colour: series(1), mark: 'line' },
      symbol: 'circle',
      layer: ({ simulatedError }) => simulatedError?.rms
    },
    {
      key: { name: 'simulated (worst)', colour: series(3), mark: 'line' },
      symbol: 'circle',
      layer: ({ simulatedError }) => simulatedError?.worst,
      read: computationError.simulated
    },
    { key: { name: 'planned (worst)', colour: MUTED, mark: 'bar' }, symbol: 'rect', read: planned.worstLogitError },
    { key: { name: 'encrypted (worst)', colour: series(6), mark: 'diamond' }, symbol: 'diamond', read: computationError.encrypted }
  ]
  const drawn = curves.map(curve => ({ ...curve, data: [...layers.map(layer => curve.layer?.(layer)), curve.read].map(logarithm) }))
  const shown = drawn.flatMap(({ data }) => data).filter(value => value !== GAP)
  const interval = Math.max(1, Math.ceil((Math.max(...shown) - Math.min(...shown)) / GRID_LINES))
  const turned = names.length > ROOM_FOR_NAMES
  const bottom = turned ? roomFor(names) + 8 : 30
  return {
    id: 'error',
    title: 'Error after every step',
    description: `Absolute error of a value on a logarithmic scale, step by step through the network, and of the logits after flooding: ${small(computationError.encrypted)} at worst in the encrypted run.`,
    width: WIDTH,
    height: PLOT_HEIGHT + bottom,
    key: drawn.filter(({ data }) => data.some(value => value !== GAP)).map(({ key }) => key),
    option: {
      grid: { left: 56, right: 40, top: 12, bottom },
      xAxis: {
        ...quietAxis,
        type: 'category',
        data: [...names, 'logits read'],
        axisLine: { show: true, lineStyle: { color: LINE }, onZero: false },
        axisLabel: { color: INK, interval: 0, rotate: turned ? 90 : 0 }
      },
      yAxis: {
        ...valueAxis,
        min: interval * Math.floor(Math.min(...shown) / interval),
        max: interval * Math.ceil(Math.max(...shown) / interval),
        interval,
        axisLabel: { ...valueAxis.axisLabel, formatter: (value: number) => powerOfTen(Math.round(value)) }
      },
      series: drawn.map(({ key, symbol, data }) => ({
        name: key.name,
        type: 'line',
        silent: true,
        data,
        symbol,
        symbolSize: key.mark === 'diamond' ? 12 : key.mark === 'bar' ? [34, 3] : 8,
        lineStyle: { color: key.colour, width: 2, type: key.mark === 'dashes' ? 'dashed' : 'solid' },
        itemStyle: { color: key.colour }
      }))
    } as Drawing['option']
  }
}

const GAP = '-'

/** Nothing where there is no error to show, for its logarithm would have no place. */
function logarithm(value: number | undefined): number | typeof GAP {
  return value !== undefined && value > 0 && Number.isFinite(value) ? Math.log10(value) : GAP
}
