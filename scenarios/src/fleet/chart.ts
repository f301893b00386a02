/** What a fleet was measured at, as bars of seconds. */
import { type Drawing, draw, INK, quietAxis, series, valueAxis } from '../html/drawing.js'
import { COLOURS } from '../html/page.js'

const WIDTH = 860
const ROW = 34
const GRID = { left: 330, right: 90, top: 44, bottom: 24 }

export interface Bar {
  readonly name: string
  readonly seconds: number
  /** Of the colours of a page: 1 for what is compared with, 2 for what is compared. */
  readonly colour: number
}

/** @returns an SVG file; light or dark as the reader's system is */
export function renderBars(title: string, bars: readonly Bar[]): string {
  const height = GRID.top + GRID.bottom + ROW * bars.length
  const drawing: Drawing = {
    id: 'seconds',
    title,
    description: bars.map(({ name, seconds }) => `${name}: ${seconds.toFixed(1)} s`).join('; '),
    width: WIDTH,
    height,
    option: {
      grid: GRID,
      xAxis: { ...valueAxis, type: 'value', min: 0 },
      yAxis: { ...quietAxis, type: 'category', inverse: true, data: bars.map(({ name }) => name), axisLabel: { color: INK } },
      series: [
        {
          type: 'bar',
          silent: true,
          barWidth: '60%',
          data: bars.map(({ seconds, colour }) => ({ value: seconds, itemStyle: { color: series(colour) } })),
          label: { show: true, position: 'right', color: INK, formatter: ({ value }: { value: number }) => `${value.toFixed(1)} s` }
        }
      ]
    } as Drawing['option']
  }
  const style = `<style>${COLOURS} svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }</style>`
  const chart = draw(drawing).text.replace('<svg', `<svg width="${WIDTH}" height="${height}"`)
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">${style}${chart}<text x="20" y="24" font-size="14" fill="${INK}">${title}</text></svg>\n`
}
