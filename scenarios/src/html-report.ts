/** A scenario's report for people: one HTML file with charts, readable offline. */
import { formatBytes, type OutputMeaning, type Prediction } from '@slytherin/engine'
import type { ClearReference } from './clear-reference.js'
import { isSame, predictionsOf, shown as told } from './comparison.js'
import { bars, stackedBars } from './html/charts.js'
import { confusionChart } from './html/confusion-chart.js'
import { type Drawing, draw } from './html/drawing.js'
import { errorChart } from './html/error-chart.js'
import { percent, powerOfTen, seconds, small, words } from './html/figures.js'
import { html, type Markup } from './html/markup.js'
import { facts, page, table } from './html/page.js'
import { type Picture, pictureOf, pngAddress } from './html/png.js'
import type { LayerReport } from './layer-report.js'
import { describeDistance, type ScenarioReport, score } from './report.js'

/** Single samples, which the report's data leaves out. */
export interface SampleAnswers {
  readonly samples: readonly Float64Array[]
  /** Of one sample, as the network takes it. */
  readonly shape: readonly number[]
  readonly labels: readonly Prediction[]
  /** what logits mean */
  readonly meaning: OutputMeaning
  readonly clear: readonly ArrayLike<number>[]
  readonly encrypted: readonly ArrayLike<number>[]
}

export function sampleAnswers(clear: ClearReference, encrypted: readonly ArrayLike<number>[]): SampleAnswers {
  const { samples, labels, logits, network } = clear
  return { samples, shape: network.shape, labels, meaning: network, clear: logits, encrypted }
}

const SHOWN_SAMPLES = 30
const SHOWN_ERRORS = 15

export function renderHtml(report: ScenarioReport, answers: SampleAnswers): string {
  const title = `${report.scenario}: ${report.model}`
  return page(
    title,
    html`${headline(report)}
${fourWays(report)}
<div class="pair">${confusion(report)}${samples(answers)}</div>
${activations(report)}
${phases(report)}
${layers(report)}
${errors(report)}
${traffic(report)}
${memory(report)}
<div class="pair">${parameters(report)}${machine(report)}</div>
<footer>Measured ${report.createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, one process per party on one machine.</footer>`
  )
}

// --- answers ------------------------------------------------------------------------------------------------------------------------------------------------------

function headline(report: ScenarioReport): Markup {
  const { evaluation } = report.secondsByPhase
  const tiles: [string, string, string][] = [
    [
      report.task === 'regression' ? 'Encrypted' : 'Encrypted accuracy',
      score(report.task, report.accuracy.encrypted),
      `in the clear ${score(report.task, report.accuracy.clear)}`
    ],
    ['Same as in the clear', sameAs(report, report.agreement), `${sameAs(report, report.agreementPolynomial)} as the evaluated network`],
    [
      'Near ties',
      String(report.disagreements.nearTies),
      `${report.disagreements.within} of them, and ${report.disagreements.beyond} others, changed`
    ],
    ['Evaluation', seconds(evaluation), `${(report.images / evaluation).toPrecision(3)} samples per second`],
    ['Worst logit error', small(report.maxLogitError), `${percent(report.maxLogitError / report.maxLogit)} of the largest logit`],
    ['Security', `${report.parameters.securityBits} bits`, `N = ${power(2, report.parameters.logN)}`]
  ]
  return html`<header><h1>${report.scenario}: ${report.model}</h1><p>${report.description}</p></header>
<dl class="tiles">${tiles.map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`
}

/** Samples with the same answer; of a regression R². */
const sameAs = ({ task, images }: ScenarioReport, agreement: number): string =>
  task === 'regression' ? score(task, agreement) : `${Math.round(agreement * images)} of ${images}`

const WAYS = {
  clear: 'Clear: the network of the file, float64',
  polynomial: 'Polynomial: approximated and fused, float64',
  simulated: 'Simulated: the plan with modelled noise',
  encrypted: 'Encrypted: what the querier read'
} as const

function fourWays({ task, warnings, valueError, accuracy, logitError, computationError, images, simulatedImages }: ScenarioReport): Markup {
  const part = simulatedImages !== undefined && simulatedImages < images
  const rows = (Object.keys(WAYS) as (keyof typeof WAYS)[]).flatMap(way => {
    const correct = accuracy[way]
    if (correct === undefined) return []
    const fromClear = way === 'clear' ? undefined : logitError[way]
    const fromPolynomial = way === 'simulated' || way === 'encrypted' ? computationError[way] : undefined
    const of = way === 'simulated' ? simulatedImages! : images
    const how = task === 'regression' ? (valueError?.[way]?.toPrecision(4) ?? '–') : `${Math.round(correct * of)} of ${of}`
    return [[WAYS[way], score(task, correct), how, error(fromClear), error(fromPolynomial)]]
  })
  return html`<section><h2>Four ways to the same answers</h2>
<p>The same ${images} samples each time${part ? `, but only the first ${simulatedImages} of them simulated` : ''}.</p>
${table(['', 'accuracy', task === 'regression' ? 'error in units of the data' : 'correct', 'worst logit error against clear', 'against polynomial'], rows)}
${warnings.map(warning => html`<p><strong>Warning:</strong> ${warning}.</p>`)}</section>`
}

/** Of networks whose file has activations that are no polynomials. */
function activations({ activations: approximated }: ScenarioReport): Markup | undefined {
  if (approximated.length === 0) return undefined
  const rows = approximated.map(({ layer, activation, method, degree, interval, rmsError, maximumError, ...inputs }) => [
    layer,
    `${activation}, ${method} of degree ${degree}`,
    `${interval[0].toPrecision(3)} to ${interval[1].toPrecision(3)}`,
    rmsError === undefined ? `${small(maximumError)} at most` : `${small(rmsError)} in the mean`,
    `${inputs.smallestInput.toPrecision(3)} to ${inputs.largestInput.toPrecision(3)}`,
    inputs.outside === 0 ? 'none' : `${percent(inputs.outside)}, in ${inputs.samplesOutside} samples`
  ])
  return html`<section><h2>Activations as polynomials</h2>
<p>What the model owner put in place of the activations of its file, and the inputs that these samples gave them.</p>
${table(['activation', 'polynomial', 'interval', 'error', 'inputs', 'outside the interval'], rows)}</section>`
}

const error = (value: number | undefined): string => (value === undefined ? '–' : small(value))

function confusion(report: ScenarioReport): Markup | undefined {
  if (report.confusion === undefined) return undefined
  const { classes, counts } = report.confusion
  const figures = table(
    ['label', ...classes.map(String)],
    counts.map((row, k) => [String(classes[k]), ...row.map(String)])
  )
  return html`<section><h2>Encrypted predictions against labels</h2>
<figure><div class="chart small">${draw(confusionChart(report.confusion))}</div><details><summary>As a table</summary>${figures}</details></figure></section>`
}

interface Answer {
  readonly index: number
  readonly label: Prediction
  readonly prediction: Prediction
  readonly clear: Prediction
  readonly right: boolean
  readonly asClear: boolean
}

function samples({ samples, shape, labels, meaning, clear, encrypted }: SampleAnswers): Markup {
  const predictions = predictionsOf(meaning, encrypted)
  const clearPredictions = predictionsOf(meaning, clear)
  const regression = meaning.task.kind === 'regression'
  const all = labels.map((label, index): Answer => {
    const [prediction, own] = [predictions[index]!, clearPredictions[index]!]
    return {
      index,
      label,
      prediction,
      clear: own,
      right: regression || isSame(meaning, label, prediction),
      asClear: regression || isSame(meaning, own, prediction)
    }
  })
  const wrong = all.filter(({ right }) => !right)
  const first = all.slice(0, SHOWN_SAMPLES)
  const shown = [...first, ...wrong.filter(({ index }) => index >= SHOWN_SAMPLES).slice(0, SHOWN_ERRORS)]
  const pictures = shown.map(({ index }) => pictureOf(shape, samples[index]!))
  const note = regression
    ? `The first ${first.length}.`
    : wrong.length === 0
      ? `The first ${first.length}; every one of ${all.length} is right.`
      : `The first ${first.length}${shown.length > first.length ? ', then others that are wrong' : ''}; ${wrong.length} of ${all.length} are wrong.`
  const list =
    !regression && pictures.every(picture => picture !== undefined)
      ? html`<ul class="strip">${shown.map((answer, k) => pictured(answer, pictures[k]!))}</ul>`
      : answerTable(shown)
  return html`<section><h2>Samples and their encrypted predictions</h2><p>${note}</p>${list}</section>`
}

function pictured({ index, label, prediction, clear, right, asClear }: Answer, picture: Picture): Markup {
  const text = `Sample ${index}, a ${told(label)}, predicted ${told(prediction)}`
  return html`<li${right ? '' : html` class="wrong"`}><img src="${pngAddress(picture)}" width="${picture.columns}" height="${picture.rows}" alt="${text}"><b>${told(prediction)}</b>${
    right ? undefined : html`<small>is a ${told(label)}</small>`
  }${asClear ? undefined : html`<small>clear: ${told(clear)}</small>`}</li>`
}

function answerTable(answers: readonly Answer[]): Markup {
  const rows = answers.map(({ index, label, prediction, clear, right }) => [
    String(index),
    told(label),
    html`${told(prediction)}${right ? '' : ' (wrong)'}`,
    told(clear)
  ])
  return table(['sample', 'label', 'predicted', 'in the clear'], rows)
}

// --- cost ---------------------------------------------------------------------------------------------------------------------------------------------------------

function chart(drawing: Drawing, figures: Markup): Markup {
  const { key } = drawing
  const legend =
    key &&
    html`<ul class="key">${key.map(({ name, colour, mark }) => html`<li><i aria-hidden="true" class="${mark}" style="--mark: ${colour}"></i>${name}</li>`)}</ul>`
  return html`<figure>${legend}<div class="chart">${draw(drawing)}</div><details><summary>Figures</summary>${figures}</details></figure>`
}

function phases(report: ScenarioReport): Markup {
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

function layers(report: ScenarioReport): Markup {
  const { layers } = report
  const steps = layers.reduce((sum, layer) => sum + layer.seconds, 0)
  return html`<section><h2>Time by layer</h2>
<p>Steps of the plan in the order of evaluation, ${seconds(steps)} in all; ${seconds(report.planned.seconds.evaluation)} were planned.</p>
${chart(
  bars({
    id: 'layers',
    title: 'Seconds by layer',
    description: 'Measured and planned time of every step of the plan.',
    bars: layers.map(layer => ({ name: stepName(layer), value: layer.seconds, planned: layer.predictedSeconds })),
    format: seconds
  }),
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

function errors(report: ScenarioReport): Markup {
  const { layers, computationError, planned } = report
  return html`<section><h2>Error by layer</h2>
<p>Absolute error of a value against the polynomial network in the clear. What an evaluator tracks is a bound, for it knows bounds of the values only; the simulation puts
modelled errors into clear values. The logits that the querier reads carry the flooding noise of every share of the switch, which is what makes them safe to read.</p>
${chart(
  errorChart(report, layers.map(stepName)),
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

function traffic(report: ScenarioReport): Markup {
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

function memory(report: ScenarioReport): Markup {
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

// --- circumstances ------------------------------------------------------------------------------------------------------------------------------------------------

function parameters(report: ScenarioReport): Markup {
  const { logN, logQP, securityBits, primeBits, specialPrimeBits, floodingBits, floodingDistanceBits, maximumDecryptions } =
    report.parameters
  const bits = (values: readonly number[]): string => [...new Set(values.map(value => value.toFixed(1)))].join(', ')
  return html`<section><h2>Parameters</h2>${facts([
    ['Ring degree N', `${power(2, logN)} (${2 ** (logN - 1)} slots)`],
    ['log2(QP)', logQP.toFixed(1)],
    ['Security', `${securityBits} bits, ternary secret (eprint 2024/463)`],
    ['Primes', `${primeBits.length} of ${bits(primeBits)} bits, special ${bits(specialPrimeBits)} bits`],
    ['Flooding', `${floodingBits} bits of security per key holder`],
    ['Statistical distance of a session', describeDistance(floodingDistanceBits)],
    ['Decryptions allowed', String(maximumDecryptions)],
    ['Key holders', String(report.parties)],
    ['Refreshes', String(report.refreshes)],
    [
      'Batch',
      `${report.batch} samples per query, ${report.batchBlock} per ciphertext, ${report.queries} ${report.queries === 1 ? 'query' : 'queries'}`
    ],
    ['Encrypted model', report.planned.bytes.model === 0 ? 'none, the model is clear' : formatBytes(report.planned.bytes.model)],
    ['Evaluator', report.evaluator]
  ])}</section>`
}

function machine({ machine }: ScenarioReport): Markup {
  return html`<section><h2>Machine</h2>${facts([
    ['Processor', machine.processor],
    ['Cores', String(machine.cores)],
    ['Memory', formatBytes(machine.memoryBytes)],
    ['System', machine.system],
    ['Node', machine.node],
    ['V8', machine.v8]
  ])}</section>`
}

const power = (base: number, exponent: number): string => powerOfTen(exponent).replace(/^10/, String(base))
