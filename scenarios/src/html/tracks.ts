/**
 * Values on one logarithmic axis, a line for each name: markup in place of a drawing, so that a hundred lines are as legible as ten, names wrap on a narrow screen, and paper
 * breaks between two lines.
 */
import type { KeyEntry } from './drawing.js'
import { powerOfTen } from './figures.js'
import { html, type Markup } from './markup.js'

export interface Mark {
  readonly key: KeyEntry
  /** undefined where there is none */
  readonly value: number | undefined
}

export interface Track {
  readonly name: string
  readonly marks: readonly Mark[]
}

interface TracksInit {
  readonly title: string
  /** What the lines show, for those who cannot see them. */
  readonly description: string
  readonly tracks: readonly Track[]
}

/** Lines across, at most. */
const GRID_LINES = 8

const logarithm = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 && Number.isFinite(value) ? Math.log10(value) : undefined

/** Values without a logarithm have no place, and are left out. */
export function logarithmicTracks({ title, description, tracks }: TracksInit): Markup {
  const drawn = tracks.map(({ name, marks }) => ({
    name,
    marks: marks.flatMap(({ key, value }) => {
      const exponent = logarithm(value)
      return exponent === undefined ? [] : [{ key, exponent }]
    })
  }))
  const exponents = drawn.flatMap(({ marks }) => marks.map(({ exponent }) => exponent))
  const [least, most] = exponents.length === 0 ? [0, 1] : [Math.min(...exponents), Math.max(...exponents)]
  const interval = Math.max(1, Math.ceil((most - least) / GRID_LINES))
  const low = interval * Math.floor(least / interval)
  const steps = Math.max(1, Math.ceil((most - low) / interval))
  const place = (exponent: number): string => `${((100 * (exponent - low)) / (steps * interval)).toFixed(2)}%`
  const ticks = Array.from({ length: steps + 1 }, (_, k) => low + k * interval)
  const axis = html`<li class="axis" aria-hidden="true"><span></span><span class="track">${ticks.map(tick => html`<b style="left: ${place(tick)}">${powerOfTen(tick)}</b>`)}</span></li>`
  const lines = drawn.map(
    ({ name, marks }) =>
      html`<li><span>${name}</span><span class="track">${marks.map(({ key, exponent }) => html`<i class="${key.mark}" style="left: ${place(exponent)}; --mark: ${key.colour}"></i>`)}</span></li>`
  )
  return html`<ul class="tracks" role="img" aria-label="${title}. ${description}" style="--steps: ${steps}">${axis}${lines}</ul>`
}
