/** Seconds, errors, bytes and memory, by phase, step and party. */

import { formatBytes } from '@slytherin/engine'
import type { LayerReport } from '../../layer-report.js'
import type { ScenarioReport } from '../../report/scenario-report.js'
import { bars, stackedBars } from '../charts.js'
import { type Drawing, draw, type KeyEntry } from '../drawing.js'
import { errorTracks } from '../error-tracks.js'
import { seconds, small, words } from '../figures.js'
import { html, type Markup } from '../markup.js'
import { table } from '../page.js'
import { error } from './ways.js'

function chart(drawing: Drawing, figures: Markup): Markup {
  return figure(drawing.key, html`<div class="chart">${draw(drawing)}</div>`, figures)
}

function figure(key: readonly KeyEntry[] | undefined, drawn: Markup, figures: Markup): Markup {
  const legend =
    key &&
    html`<ul class="key">${key.map(({ name, colour, mark }) => html`<li><i aria-hidden="true" class="${mark}" style="--mark: ${colour}"></i>${name}</li>`)}</ul>`
  return html`<figure>${legend}${drawn}<details><summary>Figures</summary>${figures}</details></figure>`
}

export function phases(report: ScenarioReport): Markup {
  const { total, ...measured } = report.secondsByPhase
  const { keys, modelEncryption, dataEncryption, evaluation, refresh } = report.planned.seconds
  const planned: Partial<Record<keyof typeof measured, number>> = {
    ceremony: keys,
    modelUpload: modelEncryption,
    dataEncryption,
    evaluation,
    refresh
  }
  const rows = (Object.keys(measured) as (keyof typeof measured)[]).map(phase => ({
    name: phase === 'refresh' ? 'of which refresh' : words(phase),
    value: measured[phase],
    planned: planned[phase]
  }))
  return html`<section><h2>Time by phase</h2>
<p>Measured at the evaluator, encryption of the data at their owner; planned by the cost model “${report.planned.costModel}”. From the start of the processes to the end of the last: ${seconds(total)}.</p>
${chart(
  bars({
    id: 'phases',
    title: 'Seconds by phase',
    description: `Measured and planned time of every phase; evaluation took ${seconds(measured.evaluation)}.`,
    bars: rows,
    format: seconds
  }),
  table(
    ['phase', 'measured', 'planned'],
    rows.map(({ name, value, planned }) => [name, seconds(value), planned === undefined ? '–' : seconds(planned)])
  )
)}</section>`
}

const KINDS: Readonly<Record<string, string>> = { taps: 'convolution', diagonals: 'matrix' }

const stepName = ({ name, kind }: LayerReport): string => (kind === 'refresh' ? `refresh after ${name}` : name)

/** Names that are longer leave bars no room. */
const LONGEST_NAME = 32

/** A long name without its middle: the table has it whole. */
const shortened = (name: string): string =>
  name.length <= LONGEST_NAME ? name : `${name.slice(0, 18)}…${name.slice(-(LONGEST_NAME - 19))}`

/** Steps of one drawing: as many as a page of paper takes. */
const STEPS_PER_DRAWING = 32

export function layers(report: ScenarioReport): Markup {
  const { layers } = report
  const drawings = Array.from({ length: Math.ceil(layers.length / STEPS_PER_DRAWING) }, (_, part) => {
    const steps = layers.slice(part * STEPS_PER_DRAWING, (part + 1) * STEPS_PER_DRAWING)
    return bars({
      id: part === 0 ? 'layers' : `layers-${part + 1}`,
      title: 'Seconds by layer',
      description: `Measured and planned time of steps ${part * STEPS_PER_DRAWING + 1} to ${part * STEPS_PER_DRAWING + steps.length} of the plan.`,
      bars: steps.map(layer => ({ name: shortened(stepName(layer)), value: layer.seconds, planned: layer.predictedSeconds })),
      largest: Math.max(...layers.flatMap(({ seconds, predictedSeconds }) => [seconds, predictedSeconds])),
      format: seconds
    })
  })
  const steps = layers.reduce((sum, layer) => sum + layer.seconds, 0)
  return html`<section><h2>Time by layer</h2>
<p>Steps of the plan in the order of evaluation, ${seconds(steps)} in all; ${seconds(report.planned.seconds.evaluation)} were planned.</p>
${figure(
  drawings[0]?.key,
  html`${drawings.map(drawing => html`<div class="chart">${draw(drawing)}</div>`)}`,
  table(
    ['step', 'kind', 'measured', 'planned', 'level', 'scale', 'noise', 'encrypted weights', 'bytes'],
    layers.map(layer => [
      stepName(layer),
      KINDS[layer.kind] ?? layer.kind,
      seconds(layer.seconds),
      seconds(layer.predictedSeconds),
      String(layer.level),
      `2^${Math.log2(layer.scale).toFixed(1)}`,
      `2^${layer.noiseBits.toFixed(1)}`,
      layer.weights === 0 ? '–' : String(layer.weights),
      layer.weights === 0 ? '–' : formatBytes(layer.bytes)
    ])
  )
)}</section>`
}

export function errors(report: ScenarioReport): Markup {
  const { layers, computationError, planned } = report
  const { key, tracks } = errorTracks(report, layers.map(stepName))
  return html`<section><h2>Error by layer</h2>
<p>Absolute error of a value against the polynomial network in the clear. What an evaluator tracks is a bound, for it knows bounds of the values only; the simulation puts
modelled errors into clear values. The logits that the querier reads carry the flooding noise of every share of the switch, which is what makes them safe to read.</p>
${figure(
  key,
  tracks,
  table(
    ['step', 'tracked (standard deviation)', 'simulated (root mean square)', 'simulated (worst)', 'encrypted (worst)', 'planned (worst)'],
    [
      ...layers.map(layer => [
        stepName(layer),
        small(layer.trackedError),
        error(layer.simulatedError?.rms),
        error(layer.simulatedError?.worst),
        '–',
        '–'
      ]),
      ['logits read', '–', '–', error(computationError.simulated), error(computationError.encrypted), small(planned.worstLogitError)]
    ]
  )
)}</section>`
}

/** Phases of the protocol by what they are for. */
const PURPOSES: readonly { readonly name: string; readonly phases: readonly string[] }[] = [
  { name: 'ceremony', phases: ['session', 'public-key', 'relinearization-key', 'galois-keys'] },
  { name: 'model upload', phases: ['model-upload'] },
  { name: 'data', phases: ['input'] },
  { name: 'refresh', phases: ['refresh'] },
  { name: 'agreement and control', phases: ['roster', 'plan', 'ready', 'evaluation', 'close'] },
  { name: 'result', phases: ['switch', 'result'] }
]

export function traffic(report: ScenarioReport): Markup {
  const parties = Object.entries(report.bytesByParty)
  const stacks = parties.map(([name, { phases }]) => ({
    name,
    values: PURPOSES.map(purpose => purpose.phases.reduce((sum, phase) => sum + (phases[phase]?.sent ?? 0), 0))
  }))
  const named = [...new Set(parties.flatMap(([, { phases }]) => Object.keys(phases)))]
  const all = parties.reduce((sum, [, { sent }]) => sum + sent, 0)
  return html`<section><h2>Bytes sent, by party and phase</h2>
<p>${formatBytes(all)} in all: what one party sends another receives.</p>
${chart(
  stackedBars({
    id: 'bytes',
    title: 'Bytes sent by party and phase',
    description: `Bytes that each party sent, by what they were for; ${formatBytes(all)} in all.`,
    parts: PURPOSES.map(purpose => purpose.name),
    stacks
  }),
  html`${table(
    ['party', 'sent', 'received'],
    parties.map(([name, { sent, received }]) => [name, formatBytes(sent), formatBytes(received)]),
    'Frames on the wire'
  )}${table(
    ['phase', ...parties.map(([name]) => name)],
    named.map(phase => [
      phase,
      ...parties.map(([, { phases }]) => {
        const figures = phases[phase]
        return figures === undefined ? '–' : `${formatBytes(figures.sent)} / ${formatBytes(figures.received)}`
      })
    ]),
    'Messages, sent / received'
  )}`
)}</section>`
}

export function memory(report: ScenarioReport): Markup {
  const rows = Object.entries(report.peakMemoryByParty).map(([name, value]) => ({ name, value }))
  return html`<section><h2>Memory by party</h2>
<p>Most bytes resident at one moment; all processes together ${formatBytes(report.peakMemoryBytes)}.</p>
${chart(
  bars({
    id: 'memory',
    title: 'Peak memory by party',
    description: `Peak resident memory of every process; ${formatBytes(report.peakMemoryBytes)} together.`,
    bars: rows,
    format: formatBytes
  }),
  table(
    ['party', 'peak'],
    rows.map(({ name, value }) => [name, formatBytes(value)])
  )
)}</section>`
}
