/** What a service does under more and more load: latency above, what is busy below. */
import { type Drawing, draw, INK, quietAxis, series, valueAxis } from '../html/drawing.js'
import { percent, seconds, shortened } from '../html/figures.js'
import { COLOURS } from '../html/page.js'
import type { Outcome } from './outcome.js'
import type { Sweep } from './sweep.js'

const WIDTH = 860
const HEIGHT = 330
/** Resources that are shown: the busiest at the end. */
const RESOURCES = 4

/** @returns an SVG file; light or dark as the reader's system is */
export function renderSweep({ outcomes }: Pick<Sweep, 'outcomes'>): string {
  const style = `<style>${COLOURS} svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }</style>`
  const part = (drawing: Drawing, y: number): string =>
    draw(drawing).text.replace('<svg', `<svg y="${y}" width="${WIDTH}" height="${HEIGHT}"`) +
    `<text x="${GRID.left}" y="${y + 20}" font-size="14" fill="${INK}">${drawing.title}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${2 * HEIGHT}" viewBox="0 0 ${WIDTH} ${2 * HEIGHT}">${style}${part(latencyOf(outcomes), 0)}${part(utilisationOf(outcomes), HEIGHT)}</svg>\n`
}

function frame(outcomes: readonly Outcome[]): object {
  const rates = outcomes.map(({ queriesPerDay }) => queriesPerDay)
  return {
    type: 'log',
    logBase: 10,
    min: rates[0],
    max: rates.at(-1),
    name: 'queries a day',
    nameLocation: 'middle',
    nameGap: 28,
    nameTextStyle: { color: INK },
    axisLabel: { color: INK, formatter: (value: number) => Math.round(value).toLocaleString('en') }
  }
}

const GRID = { left: 76, right: 170, top: 44, bottom: 48 }

function line(name: string, colour: number, data: readonly (readonly [number, number])[]): object {
  return {
    name,
    type: 'line',
    silent: true,
    data,
    symbol: 'circle',
    symbolSize: 6,
    lineStyle: { color: series(colour), width: 2 },
    itemStyle: { color: series(colour) },
    endLabel: { show: true, color: series(colour), formatter: name, offset: [8, 0] },
    labelLayout: { moveOverlap: 'shiftY' }
  }
}

function latencyOf(outcomes: readonly Outcome[]): Drawing {
  const of = (key: 'median' | 'p95' | 'p99'): (readonly [number, number])[] =>
    outcomes.map(({ queriesPerDay, latency }) => [queriesPerDay, latency[key]] as const)
  return {
    id: 'latency',
    title: 'Seconds from asking to the answer, by queries a day',
    description: outcomes
      .map(
        ({ queriesPerDay, latency }) =>
          `${Math.round(queriesPerDay)} a day: half within ${seconds(latency.median)}, 95 of 100 within ${seconds(latency.p95)}`
      )
      .join('; '),
    width: WIDTH,
    height: HEIGHT,
    option: {
      grid: GRID,
      xAxis: { ...quietAxis, ...frame(outcomes) },
      yAxis: {
        ...valueAxis,
        type: 'log',
        logBase: 10,
        axisLabel: { ...valueAxis.axisLabel, formatter: (value: number) => shortened(seconds(value)) }
      },
      series: [line('half within', 1, of('median')), line('95 of 100 within', 2, of('p95')), line('99 of 100 within', 3, of('p99'))]
    } as Drawing['option']
  }
}

function utilisationOf(outcomes: readonly Outcome[]): Drawing {
  const last = outcomes.at(-1)!
  const names = Object.entries(last.utilisation)
    .sort((a, b) => b[1] - a[1])
    .slice(0, RESOURCES)
    .map(([name]) => name)
  return {
    id: 'utilisation',
    title: 'How busy each resource is, by queries a day',
    description: names.map(name => `${name}: ${percent(last.utilisation[name]!)} at ${Math.round(last.queriesPerDay)} a day`).join('; '),
    width: WIDTH,
    height: HEIGHT,
    option: {
      grid: GRID,
      xAxis: { ...quietAxis, ...frame(outcomes) },
      yAxis: {
        ...valueAxis,
        type: 'value',
        min: 0,
        max: 1,
        axisLabel: { ...valueAxis.axisLabel, formatter: (value: number) => `${Math.round(100 * value)} %` }
      },
      series: names.map((name, index) =>
        line(
          name,
          index + 1,
          outcomes.map(({ queriesPerDay, utilisation }) => [queriesPerDay, Math.min(1, utilisation[name]!)] as const)
        )
      )
    } as Drawing['option']
  }
}
