/** Horizontal bars: seconds, bytes, memory. */
import { formatBytes } from '@slytherin/engine'
import { axisStep, type Drawing, INK, type KeyEntry, MUTED, quietAxis, roomFor, SURFACE, series, valueAxis } from './drawing.js'
import { shortened } from './figures.js'

const WIDTH = 960
/** Height of a line, alone and with what was planned; more lines than `MANY` stand closer. */
const ROW = { alone: 30, planned: 38, close: 25 }
const MANY = 20

export interface Bar {
  readonly name: string
  readonly value: number
  /** What was foretold. */
  readonly planned?: number | undefined
}

interface BarsInit {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly bars: readonly Bar[]
  /** What the axis reaches at least, where several drawings have the same. */
  readonly largest?: number
  readonly format: Format
}

type Format = (value: number, reference?: number) => string

/** Values from zero in round steps. */
function scaleTo(largest: number, format: Format): object {
  const interval = axisStep(largest)
  const formatter = (value: number): string => (value === 0 ? '0' : shortened(format(value, largest)))
  return { ...valueAxis, min: 0, max: interval * Math.ceil(largest / interval), interval, axisLabel: { ...valueAxis.axisLabel, formatter } }
}

const MEASURED: KeyEntry = { name: 'measured', colour: series(1), mark: 'box' }
const PLANNED: KeyEntry = { name: 'planned', colour: MUTED, mark: 'outline' }

/** Horizontal bars, the first on top; foretold values as outlines beside the measured ones. */
export function bars({ id, title, description, bars, largest = 0, format }: BarsInit): Drawing {
  const planned = bars.some(bar => bar.planned !== undefined)
  const names = bars.map(bar => bar.name)
  const left = roomFor(names)
  const label = { show: true, position: 'right', color: INK, formatter: ({ value }: { value: unknown }) => format(Number(value)) }
  const measured = {
    name: 'measured',
    type: 'bar',
    silent: true,
    barWidth: planned ? (bars.length > MANY ? 7 : 11) : bars.length > MANY ? 12 : 16,
    barGap: '15%',
    itemStyle: { color: series(1), borderRadius: [0, 3, 3, 0] },
    label,
    data: bars.map(bar => bar.value)
  }
  const foretold = {
    ...measured,
    name: 'planned',
    itemStyle: { color: SURFACE, borderColor: MUTED, borderWidth: 1, borderRadius: [0, 3, 3, 0] },
    label: { ...label, color: MUTED, show: bars.length <= MANY },
    data: bars.map(bar => bar.planned ?? '-')
  }
  return {
    id,
    title,
    description,
    width: WIDTH,
    height: bars.length * (bars.length > MANY ? ROW.close : planned ? ROW.planned : ROW.alone) + 34,
    ...(planned ? { key: [MEASURED, PLANNED] } : {}),
    option: {
      grid: { left, right: 90, top: 4, bottom: 26 },
      xAxis: scaleTo(Math.max(largest, ...bars.flatMap(bar => [bar.value, bar.planned ?? 0])), format),
      yAxis: { ...quietAxis, type: 'category', inverse: true, data: names, axisLabel: { color: INK, margin: 10 } },
      series: planned ? [measured, foretold] : [measured]
    } as Drawing['option']
  }
}

export interface Stack {
  readonly name: string
  /** One per part. */
  readonly values: readonly number[]
}

/** Horizontal bars made of parts. */
export function stackedBars(init: {
  id: string
  title: string
  description: string
  parts: readonly string[]
  stacks: readonly Stack[]
}): Drawing {
  const { id, title, description, parts, stacks } = init
  const totals = stacks.map(stack => stack.values.reduce((sum, value) => sum + value, 0))
  const total = {
    name: 'total',
    type: 'bar',
    stack: 'all',
    silent: true,
    data: totals.map(() => 0),
    label: {
      show: true,
      position: 'right',
      color: INK,
      formatter: ({ dataIndex }: { dataIndex: number }) => formatBytes(totals[dataIndex]!)
    }
  }
  return {
    id,
    title,
    description,
    width: WIDTH,
    height: stacks.length * ROW.alone + 34,
    key: parts.map((name, part) => ({ name, colour: series(part + 1), mark: 'box' })),
    option: {
      grid: { left: roomFor(stacks.map(stack => stack.name)), right: 90, top: 4, bottom: 26 },
      xAxis: scaleTo(Math.max(...totals), formatBytes),
      yAxis: {
        ...quietAxis,
        type: 'category',
        inverse: true,
        data: stacks.map(stack => stack.name),
        axisLabel: { color: INK, margin: 10 }
      },
      series: [
        ...parts.map((name, part) => ({
          name,
          type: 'bar',
          stack: 'all',
          silent: true,
          barWidth: 16,
          itemStyle: { color: series(part + 1), borderColor: SURFACE, borderWidth: 1 },
          data: stacks.map(stack => stack.values[part]!)
        })),
        total
      ]
    } as Drawing['option']
  }
}
