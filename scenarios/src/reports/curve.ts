/** Cost by batch: a chart of its own, drawn like those of the reports. */
import { type Drawing, draw, INK, quietAxis, series, valueAxis } from '../html/drawing.js'
import { seconds, shortened } from '../html/figures.js'
import { COLOURS } from '../html/page.js'
import type { ScenarioReport } from '../report/scenario-report.js'

const WIDTH = 860
const HEIGHT = 380

interface Point {
  readonly images: number
  readonly seconds: number
}

/** @returns an SVG file; light or dark as the reader's system is */
export function renderCurve(reports: readonly ScenarioReport[]): string {
  const points = reports
    .map(({ images, secondsByPhase }): Point => ({ images, seconds: secondsByPhase.evaluation }))
    .sort((a, b) => a.images - b.images)
  const style = `<style>${COLOURS} svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }</style>`
  return `${draw(drawingOf(points)).text.replace('<svg', `<svg width="${WIDTH}" height="${HEIGHT}"`).replace('<title', `${style}<title`)}\n`
}

function drawingOf(points: readonly Point[]): Drawing {
  const last = points.at(-1)!
  const each = points.map(({ images, seconds }) => ({ images, seconds: seconds / images }))
  return {
    id: 'curve',
    title: 'Evaluation time by number of images',
    description: `Evaluation of ${points[0]!.images} to ${last.images} images, on logarithmic scales: ${points.map(point => `${point.images}: ${seconds(point.seconds)}`).join(', ')}.`,
    width: WIDTH,
    height: HEIGHT,
    option: {
      grid: { left: 70, right: 130, top: 34, bottom: 48 },
      xAxis: {
        ...quietAxis,
        type: 'log',
        logBase: 2,
        min: points[0]!.images / 1.6,
        max: last.images,
        name: 'images',
        nameLocation: 'middle',
        nameGap: 30,
        nameTextStyle: { color: INK },
        axisLabel: { color: INK, customValues: points.map(point => point.images), formatter: (value: number) => value.toLocaleString('en') }
      },
      yAxis: {
        ...valueAxis,
        type: 'log',
        logBase: 10,
        // Leaves room for the labels below the lowest point.
        min: 10 ** Math.floor(Math.log10(Math.min(...each.map(point => point.seconds)) / 2)),
        axisLabel: { ...valueAxis.axisLabel, formatter: (value: number) => shortened(seconds(value)) }
      },
      series: [curve('all images', 1, points, 'top'), curve('per image', 2, each, 'bottom')]
    } as Drawing['option']
  }
}

function curve(name: string, colour: number, points: readonly Point[], position: 'top' | 'bottom'): object {
  return {
    name,
    type: 'line',
    silent: true,
    data: points.map(point => [point.images, point.seconds]),
    symbol: 'circle',
    symbolSize: 8,
    lineStyle: { color: series(colour), width: 2 },
    itemStyle: { color: series(colour) },
    label: { show: true, position, color: INK, formatter: ({ value }: { value: readonly number[] }) => seconds(value[1]!) },
    endLabel: { show: true, color: series(colour), formatter: name, offset: [12, 0] }
  }
}
