/**
 * Charts as inline SVG, drawn by echarts without a browser. Colours are custom properties of the page, so that light and dark need one drawing only; what the library adds
 * for pointers is left out.
 */
import { BarChart, LineChart, ScatterChart } from 'echarts/charts'
import { GridComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { escapeHtml, Markup } from './markup.js'

echarts.use([BarChart, LineChart, ScatterChart, GridComponent, SVGRenderer])

export type ChartOption = Parameters<ReturnType<typeof echarts.init>['setOption']>[0]

export interface KeyEntry {
  readonly name: string
  readonly colour: string
  readonly mark: 'box' | 'outline' | 'dot' | 'diamond' | 'bar'
}

export interface Drawing {
  /** Unique in the page: letters, digits, dashes. */
  readonly id: string
  readonly title: string
  /** What the chart shows, for those who cannot see it. */
  readonly description: string
  readonly width: number
  readonly height: number
  /** What stands for what, where that needs saying. */
  readonly key?: readonly KeyEntry[]
  readonly option: ChartOption
}

export const INK = 'var(--ink)'
export const MUTED = 'var(--muted)'
export const LINE = 'var(--line)'
export const SURFACE = 'var(--surface)'
export const series = (index: number): string => `var(--series-${index})`

export const FONT_SIZE = 12

export function draw({ id, title, description, width, height, option }: Drawing): Markup {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: 'transparent',
      textStyle: { fontFamily: 'inherit', fontSize: FONT_SIZE, color: INK },
      ...option
    })
    return new Markup(settled(chart.renderToSVGString({ useViewBox: true }), { id, title, description, width }))
  } finally {
    chart.dispose()
  }
}

/** The library's drawing as part of a page: named, with identifiers of its own, without behaviour. */
function settled(svg: string, { id, title, description, width }: Pick<Drawing, 'id' | 'title' | 'description' | 'width'>): string {
  const names = `<title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-description">${escapeHtml(description)}</desc>`
  return svg
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/ (?:ecmeta_\w+|pointer-events|class|xmlns:xlink|version|baseProfile)="[^"]*"/g, '')
    .replace(/\bzr\d+-/g, `${id}-`)
    .replace(/^<svg width="\d+" height="\d+"/, '<svg')
    .replace(
      /^<svg([^>]*)>/,
      `<svg$1 style="max-width:${width}px" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-description">${names}`
    )
    .replace(/\n\s*\n*/g, '\n')
}

/** Axes that stay in the background. */
export const quietAxis = {
  axisLine: { show: false },
  axisTick: { show: false },
  splitLine: { show: false },
  axisLabel: { color: MUTED, fontSize: FONT_SIZE }
} as const

export const valueAxis = { ...quietAxis, type: 'value', splitLine: { show: true, lineStyle: { color: LINE, width: 1 } } } as const

/** The largest step of 1, 2 or 5 times a power of ten that leaves at least four below `largest`. */
export function axisStep(largest: number): number {
  if (!(largest > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(largest / 4))
  return power * ([5, 2, 1].find(factor => factor * power * 4 <= largest) ?? 1)
}

/** Room for the longest of the texts, in pixels. */
export function roomFor(texts: readonly string[]): number {
  return 14 + Math.ceil(6.8 * texts.reduce((longest, text) => Math.max(longest, text.length), 0))
}
