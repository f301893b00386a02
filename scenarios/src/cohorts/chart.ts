/** What grows with the number of holders, and how: seconds of making keys above, bytes below. Both axes are logarithmic, so a power is a straight line. */
import { formatBytes } from '@slytherin/engine'
import { type Drawing, draw, INK, quietAxis, series, valueAxis } from '../html/drawing.js'
import { seconds, shortened } from '../html/figures.js'
import { COLOURS } from '../html/page.js'
import type { Phase } from './phases.js'
import type { CohortFigures } from './report.js'

const WIDTH = 860
const HEIGHT = 330
const GRID = { left: 76, right: 170, top: 44, bottom: 48 }
/** Those of a few milliseconds in any cohort say nothing. */
const SHOWN: readonly Phase[] = ['sharing', 'public key', 'round two', 'rotation keys', 'replacement']

/** @returns an SVG file; light or dark as the reader's system is */
export function renderCohortChart(cohorts: readonly CohortFigures[]): string {
  const style = `<style>${COLOURS} svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }</style>`
  const part = (drawing: Drawing, y: number): string =>
    draw(drawing).text.replace('<svg', `<svg y="${y}" width="${WIDTH}" height="${HEIGHT}"`) +
    `<text x="${GRID.left}" y="${y + 20}" font-size="14" fill="${INK}">${drawing.title}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${2 * HEIGHT}" viewBox="0 0 ${WIDTH} ${2 * HEIGHT}">${style}${part(secondsOf(cohorts), 0)}${part(bytesOf(cohorts), HEIGHT)}</svg>\n`
}

const phaseOf = ({ phases }: CohortFigures, phase: Phase): CohortFigures['phases'][number] => phases.find(one => one.phase === phase)!

type Points = readonly (readonly [number, number])[]

function drawing(
  cohorts: readonly CohortFigures[],
  { id, title, lines, format }: { id: string; title: string; lines: readonly (readonly [string, Points])[]; format(value: number): string }
): Drawing {
  const sizes = cohorts.map(({ holders }) => holders)
  const line = (name: string, data: Points, colour: number): object => ({
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
  })
  const option = {
    grid: GRID,
    xAxis: {
      ...quietAxis,
      type: 'log',
      logBase: 10,
      min: sizes[0],
      max: sizes.at(-1),
      name: 'key holders, more than half of whom suffice',
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: { color: INK },
      axisLabel: { color: INK, formatter: (value: number) => `${Math.round(value)}` }
    },
    yAxis: {
      ...valueAxis,
      type: 'log',
      logBase: 10,
      axisLabel: { ...valueAxis.axisLabel, formatter: (value: number) => shortened(format(value)) }
    },
    series: lines.map(([name, data], index) => line(name, data, index + 1))
  } as Drawing['option']
  const description = lines.map(([name, data]) => `${name}: ${data.map(([n, value]) => `${format(value)} at ${n}`).join(', ')}`).join('; ')
  return { id, title, description, width: WIDTH, height: HEIGHT, option }
}

function secondsOf(cohorts: readonly CohortFigures[]): Drawing {
  const lines = SHOWN.map(phase => [phase, cohorts.map(cohort => [cohort.holders, phaseOf(cohort, phase).seconds] as const)] as const)
  return drawing(cohorts, { id: 'seconds', title: 'Seconds of each phase, all parties in one thread', lines, format: seconds })
}

function bytesOf(cohorts: readonly CohortFigures[]): Drawing {
  const lines = [
    ['evaluator, keys', cohorts.map(({ holders, keyBytes }) => [holders, keyBytes] as const)],
    ['holder, round two', cohorts.map(cohort => [cohort.holders, phaseOf(cohort, 'round two').holder.received] as const)],
    ['holder, sharing', cohorts.map(cohort => [cohort.holders, phaseOf(cohort, 'sharing').holder.sent] as const)],
    ['evaluator, a refresh', cohorts.map(({ holders, refreshBytes }) => [holders, refreshBytes] as const)]
  ] as const
  return drawing(cohorts, { id: 'bytes', title: 'Bytes: the evaluator’s both ways, a holder’s the busier way', lines, format: formatBytes })
}
