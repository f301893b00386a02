/** What a scenario found out: as data for files, as a table for people. */
import { Parameters } from '@slytherin/ckks'
import {
  agreementOf,
  type CostModel,
  logitDeviation as deviationOf,
  FEW_SAMPLES,
  formatBytes,
  type Label,
  type Measure,
  NEAR_TIE_DEVIATIONS,
  type OutputMeaning,
  type Plan,
  type Prediction,
  type StepReport,
  type TaskKind
} from '@slytherin/engine'
import type { SessionReport } from '@slytherin/node'
import Table from 'cli-table3'
import { FEW_CALIBRATION_SAMPLES } from './calibration.js'
import type { ClearReference } from './clear-reference.js'
import {
  accuracyOf,
  type Disagreements,
  disagreementsOf,
  type FourWays,
  isSame,
  largestOf,
  mapWays,
  predictionsOf,
  rootMeanSquare,
  shown,
  worstDifference
} from './comparison.js'
import { type ConfusionMatrix, confusionMatrix } from './confusion.js'
import { type EndToEndSeconds, endToEndSeconds } from './end-to-end.js'
import { type LayerReport, layerReports } from './layer-report.js'
import { describeMachine, type Machine } from './machine.js'
import type { PartyDescription, Scenario } from './scenario.js'
import type { Simulation } from './simulation.js'

/** One activation of the file, the polynomial in its place, and where its inputs lay when it was asked about. */
export interface ActivationReport {
  layer: string
  activation: string
  method: string
  degree: number
  interval: readonly [number, number]
  /** Largest error on the interval and, of fitted polynomials, the root of the mean square over the calibration samples. */
  maximumError: number
  rmsError?: number
  /** Inputs outside the interval, as a share, and samples with at least one. */
  outside: number
  samplesOutside: number
  smallestInput: number
  largestInput: number
}

export interface ScenarioReport {
  scenario: string
  description: string
  /** What was encrypted. */
  operands: Plan['operands']
  /** Key holders. */
  parties: number
  images: number
  /** What the outputs mean. */
  task: TaskKind
  /** Shares of the images (of a multi-label task: of the labels) that are classified as labelled; of a regression R²: by the network of the file, and by what the querier read. */
  accuracyClear: number
  /** The first of the two, under the name that says whose it is. */
  accuracyFile: number
  accuracyEncrypted: number
  /** The same of all four ways. */
  accuracy: FourWays<number>
  /** So many of the first images were simulated: the simulated figures are of these. */
  simulatedImages?: number
  /** Share of the images whose encrypted prediction equals that of the network of the file; of a regression R² against its values. */
  agreement: number
  /** The same against the evaluated network, whose activations are polynomials, in the clear: what encryption changes. */
  agreementPolynomial: number
  /** The same of the evaluated network against that of the file: what approximating activations changes; 1 where there were none to approximate. */
  approximationAgreement: number
  /** By so much the accuracy of the evaluated network falls short of that of the file's. */
  approximationLoss: number
  /** As the fit reckoned it on samples that it had put aside; absent where nothing was fitted. */
  fit?: { agreement: number; measure: Measure; samples: number }
  /** Encrypted answers against those of the evaluated network in the clear, near ties apart. */
  disagreements: Disagreements
  /** Standard deviation of the error of a logit, from tracked noise and flooding, and how many of them count as a near tie. */
  errorBar: { logitDeviation: number; deviations: number }
  /** Of a regression: root of the mean square of errors, in the units of the data. */
  valueError?: FourWays<number>
  /** Samples that the model owner calibrated on, none of which is judged; absent where it took the ranges of a manifest. */
  calibrationSamples?: number
  /** What whoever reads this should know. */
  warnings: string[]
  /** Largest absolute difference of a logit between the encrypted run and the evaluated network in the clear. */
  maxLogitError: number
  /** Largest absolute logit of the evaluated network in the clear: what errors are to be held against. */
  maxLogit: number
  /** Largest absolute difference of a logit from the network of the file: approximating, then errors, then encryption. */
  logitError: Omit<FourWays<number>, 'clear'>
  /** The same from the evaluated network in the clear: errors and encryption alone. */
  computationError: Omit<FourWays<number>, 'clear' | 'polynomial'>
  secondsByPhase: Record<'ceremony' | 'modelUpload' | 'dataEncryption' | 'evaluation' | 'refresh' | 'result' | 'total', number>
  /** From samples to logits. */
  endToEndSeconds: EndToEndSeconds
  /** Of one query: what its inputs take to the evaluator, and its results back. */
  queryBytes: { up: number; down: number }
  /** Of every activation of the evaluated network, in order. */
  degrees: number[]
  /** Activations that had to be approximated, in order; the polynomials of a file are none. */
  activations: ActivationReport[]
  /**
   * That model and inputs are encryptions: seconds at the evaluator while a proof was being made, checked or handed on, which are part of those above; and bytes of what was sent for
   * it between all parties. Absent in reports from before there were proofs.
   */
  proofs?: { seconds: number; bytes: number }
  /** In the order of the plan. */
  layers: LayerReport[]
  rolesByParty: Record<string, PartyDescription['roles']>
  bytesByParty: Record<string, { sent: number; received: number; phases: Record<string, { sent: number; received: number }> }>
  /** Largest sum of the resident memory of all processes. */
  peakMemoryBytes: number
  peakMemoryByParty: Record<string, number>
  parameters: {
    logN: number
    logQP: number
    securityBits: number
    /** log2 of the primes of the ciphertext modulus, and of the special ones. */
    primeBits: number[]
    specialPrimeBits: number[]
    floodingBits: number
    /** Minus log2 of the statistical distance over the session; reports of earlier versions lack it. */
    floodingDistanceBits?: number
    maximumDecryptions: number
  }
  /** What the plan foretold for all queries together. */
  planned: { costModel: string; seconds: Omit<Plan['costs']['seconds'], 'steps'>; bytes: Plan['costs']['bytes']; worstLogitError: number }
  /** Labels against encrypted predictions, where a sample has one class. */
  confusion?: ConfusionMatrix
  queries: number
  /** Ciphertexts refreshed together count once. */
  refreshes: number
  /** Parties with the role witness, and the endorsements that the evaluator gathered of them. */
  witnesses: number
  endorsements: number
  evaluator: string
  model: string
  batch: number
  /** Samples in one ciphertext. */
  batchBlock: number
  machine: Machine
  createdAt: string
}

export interface Observations {
  readonly parties: readonly PartyDescription[]
  readonly sessions: ReadonlyMap<string, SessionReport>
  readonly plan: Plan
  /** Every step of every pass of every query. */
  readonly steps: readonly StepReport[]
  readonly logits: readonly (readonly number[])[]
  readonly totalSeconds: number
  readonly peakMemoryBytes: number
  readonly peakMemoryByParty: Record<string, number>
  /** From asking the first samples to reading their logits, where one party does both. */
  readonly firstAnswerSeconds?: number | undefined
  /** What operations cost on this machine. */
  readonly costModel: CostModel
  /** Where the plan was simulated, too. */
  readonly simulation?: Simulation
}

/** Phases of the protocol that make up a phase of the report. */
const CEREMONY = ['session', 'public-key', 'relinearization-key', 'galois-keys'] as const

export function makeReport(scenario: Scenario, seen: Observations, clear: ClearReference): ScenarioReport {
  const leader = seen.parties.find(party => party.roles.includes('evaluator'))!
  const session = seen.sessions.get(leader.name)!
  const { plan, simulation } = seen
  const seconds = (...phases: (keyof SessionReport['phases'])[]): number =>
    phases.reduce((sum, phase) => sum + (session.phases[phase]?.seconds ?? 0), 0)
  /** The evaluator's clock counts only while it takes a ciphertext in: the owner's counts while it encrypts and sends. */
  const dataEncryption = Math.max(
    ...seen.parties
      .filter(party => party.roles.includes('data-owner'))
      .map(party => seen.sessions.get(party.name)?.phases.input?.seconds ?? 0)
  )
  const reportsOf = (role: PartyDescription['roles'][number]): SessionReport[] =>
    seen.parties.filter(({ roles }) => roles.includes(role)).flatMap(({ name }) => seen.sessions.get(name) ?? [])
  const sent = (role: PartyDescription['roles'][number], phase: keyof SessionReport['phases']): number =>
    reportsOf(role).reduce((sum, { phases }) => sum + (phases[phase]?.bytesSent ?? 0), 0)
  const received = (role: PartyDescription['roles'][number], phase: keyof SessionReport['phases']): number =>
    reportsOf(role).reduce((sum, { phases }) => sum + (phases[phase]?.bytesReceived ?? 0), 0)
  const logits: FourWays<readonly ArrayLike<number>[]> = {
    clear: clear.logits,
    polynomial: clear.polynomial,
    ...(simulation === undefined ? {} : { simulated: simulation.logits }),
    encrypted: seen.logits
  }
  const meaning = clear.network
  const { task } = meaning
  const truth = clear.labels
  const simulatedImages = simulation?.logits.length
  /** Of all samples, but of those that were simulated where only they count. */
  const same = <T>(expected: readonly T[], way: keyof FourWays<T>): readonly T[] =>
    way === 'simulated' ? expected.slice(0, simulatedImages) : expected
  const accuracy = mapWays(logits, (rows, way) => accuracyOf(meaning, same(truth, way), rows))
  const approximated = clear.approximation.activations.length > 0
  const approximationAgreement = approximated ? agreementOf(meaning, logits.clear, logits.polynomial) : 1
  const logitDeviation = deviationOf(plan)
  const errorsFrom = (expected: readonly ArrayLike<number>[]): FourWays<number> =>
    mapWays(logits, (rows, way) => worstDifference(rows, same(expected, way)))
  const parameters = Parameters.fromJSON(session.parameters)
  const queries = Math.max(1, session.queries)
  const times = <K extends string>(figures: Record<K, number>): Record<K, number> =>
    Object.fromEntries(Object.entries<number>(figures).map(([name, figure]) => [name, figure * queries])) as Record<K, number>
  const { modelEncryption, keys, evaluation, refresh, result, dataEncryption: encryption } = plan.costs.seconds
  return {
    scenario: scenario.name,
    description: scenario.description,
    operands: plan.operands,
    parties: seen.parties.filter(party => party.roles.includes('key-holder')).length,
    images: scenario.images,
    task: task.kind,
    accuracyClear: accuracy.clear,
    accuracyFile: accuracy.clear,
    accuracyEncrypted: accuracy.encrypted,
    accuracy,
    ...(simulatedImages === undefined ? {} : { simulatedImages }),
    agreement: agreementOf(meaning, logits.clear, logits.encrypted),
    agreementPolynomial: agreementOf(meaning, logits.polynomial, logits.encrypted),
    approximationAgreement,
    approximationLoss: approximated ? accuracy.clear - accuracy.polynomial : 0,
    ...fitOf(clear.approximation),
    disagreements: disagreementsOf(meaning, logits.polynomial, logits.encrypted, logitDeviation, NEAR_TIE_DEVIATIONS),
    errorBar: { logitDeviation, deviations: NEAR_TIE_DEVIATIONS },
    ...(task.kind === 'regression' ? { valueError: mapWays(logits, (rows, way) => rootMeanSquare(meaning, same(truth, way), rows)) } : {}),
    ...(clear.calibrationRows === undefined ? {} : { calibrationSamples: clear.calibrationRows }),
    warnings: warningsOf(task.kind, accuracy, approximated, clear.calibrationRows),
    maxLogitError: worstDifference(logits.encrypted, logits.polynomial),
    maxLogit: largestOf(logits.polynomial),
    logitError: withoutClear(errorsFrom(logits.clear)),
    computationError: withoutPolynomial(errorsFrom(logits.polynomial)),
    secondsByPhase: {
      ceremony: seconds(...CEREMONY),
      modelUpload: seconds('model-upload'),
      dataEncryption,
      evaluation: seconds('evaluation'),
      refresh: seconds('refresh'),
      result: seconds('switch', 'result'),
      total: seen.totalSeconds
    },
    endToEndSeconds: endToEndSeconds(
      plan,
      seen.firstAnswerSeconds ?? (dataEncryption + seconds('evaluation', 'switch', 'result')) / queries,
      seen.costModel
    ),
    queryBytes: { up: sent('data-owner', 'input') / queries, down: received('querier', 'result') / queries },
    degrees: plan.architecture.layers.flatMap(layer => {
      if (layer.kind === 'square') return [2]
      return layer.kind === 'polynomial' ? [layer.coefficients.length - 1] : []
    }),
    proofs: {
      seconds: seconds('proofs'),
      bytes: [...seen.sessions.values()].reduce((sum, { phases }) => sum + (phases.proofs?.bytesSent ?? 0), 0)
    },
    activations: activationReports(clear),
    layers: layerReports(plan, seen.steps, queries, simulation),
    rolesByParty: Object.fromEntries(seen.parties.map(({ name, roles }) => [name, roles])),
    bytesByParty: Object.fromEntries(
      seen.parties.map(({ name }) => {
        const own = seen.sessions.get(name)
        const phases = Object.entries(own?.phases ?? {}).map(([phase, figures]) => [
          phase,
          { sent: figures?.bytesSent ?? 0, received: figures?.bytesReceived ?? 0 }
        ])
        return [name, { sent: own?.bytes.sent ?? 0, received: own?.bytes.received ?? 0, phases: Object.fromEntries(phases) }]
      })
    ),
    peakMemoryBytes: seen.peakMemoryBytes,
    peakMemoryByParty: seen.peakMemoryByParty,
    parameters: {
      logN: parameters.logN,
      logQP: parameters.logQP,
      securityBits: parameters.securityBits,
      primeBits: parameters.primes.map(prime => prime.log2),
      specialPrimeBits: parameters.specialPrimes.map(prime => prime.log2),
      floodingBits: session.floodingBits,
      floodingDistanceBits: plan.floodingDistanceBits,
      maximumDecryptions: session.maximumDecryptions
    },
    planned: {
      costModel: plan.costs.model,
      seconds: { ...times({ evaluation, refresh, result, dataEncryption: encryption }), modelEncryption, keys },
      bytes: plan.costs.bytes,
      worstLogitError: plan.precision.worstError
    },
    ...confusionOf(meaning, truth, logits.encrypted, plan.output.features),
    queries: session.queries,
    refreshes: session.refreshes,
    witnesses: session.witnesses,
    endorsements: session.endorsements,
    evaluator: session.evaluator,
    model: session.model,
    batch: session.batch,
    batchBlock: plan.batchBlock,
    machine: describeMachine(),
    createdAt: new Date().toISOString()
  }
}

function fitOf({ agreement, measure, samples }: ClearReference['approximation']): Pick<ScenarioReport, 'fit'> {
  return agreement === undefined || measure === undefined || samples === undefined ? {} : { fit: { agreement, measure, samples } }
}

/** A loss of accuracy that is worth a warning: half a percentage point, of a regression's R² a twentieth. */
const LOSS = { share: 0.005, determination: 0.05 }

function warningsOf(task: TaskKind, accuracy: FourWays<number>, approximated: boolean, calibrationRows: number | undefined): string[] {
  const warnings: string[] = []
  const loss = accuracy.clear - accuracy.polynomial
  const limit = task === 'regression' ? LOSS.determination * Math.abs(accuracy.clear) : LOSS.share
  if (approximated && !(loss <= limit)) {
    const [before, after] = [score(task, accuracy.clear), score(task, accuracy.polynomial)]
    warnings.push(
      `polynomials in place of the activations cost accuracy: ${before} with the file's network, ${after} with the evaluated one; ask for a higher degree or agreement`
    )
  }
  if (calibrationRows !== undefined && calibrationRows < FEW_CALIBRATION_SAMPLES) {
    warnings.push(
      `the model was calibrated on ${calibrationRows} samples, which are few: give it more, by "data.calibration" or by asking about fewer`
    )
  }
  return warnings
}

/** A share in percent, or R². */
export const score = (task: TaskKind, value: number): string =>
  task === 'regression' ? `R² ${value.toFixed(4)}` : `${(100 * value).toFixed(2)} %`

function confusionOf(
  meaning: OutputMeaning,
  truth: readonly Prediction[],
  logits: readonly ArrayLike<number>[],
  outputs: number
): Pick<ScenarioReport, 'confusion'> {
  const { kind, labels } = meaning.task
  if (kind !== 'classification' && kind !== 'binary') return {}
  const classes = labels ?? Array.from({ length: Math.max(2, outputs) }, (_, k) => k)
  return { confusion: confusionMatrix(truth as readonly Label[], predictionsOf(meaning, logits) as Label[], classes) }
}

function activationReports({ approximation, outOfRange }: ClearReference): ActivationReport[] {
  return approximation.activations.map(({ layer, activation, method, degree, interval, maximumError, rmsError }) => {
    const { outside, samplesOutside, smallest, largest } = outOfRange.find(report => report.layer === layer)!
    const error = rmsError === undefined ? { maximumError } : { maximumError, rmsError }
    const inputs = { outside, samplesOutside, smallestInput: smallest, largestInput: largest }
    return { layer, activation: activation.name, method, degree, interval, ...error, ...inputs }
  })
}

const withoutClear = ({ clear: _, ...others }: FourWays<number>): Omit<FourWays<number>, 'clear'> => others
const withoutPolynomial = ({ clear: _, polynomial: __, ...others }: FourWays<number>): Omit<FourWays<number>, 'clear' | 'polynomial'> =>
  others

/** Relative logit error that rounding explains. */
const NEGLIGIBLE = 1e-9

/** What a person wants to see first, then what it cost. */
export function renderReport(report: ScenarioReport, predictions: readonly Prediction[], clear: ClearReference): string {
  const percent = (value: number): string => score(report.task, value)
  const regression = report.task === 'regression'
  const head = regression ? ['', 'R²', "against the file's", 'error in units of the data'] : ['', 'correct', "same as the file's"]
  const answers = new Table({ head, style: { head: [], border: [] } })
  const line = (name: string, way: keyof FourWays<number>, value: number, agreement?: number): string[] => [
    name,
    percent(value),
    agreement === undefined ? '' : regression ? percent(agreement) : `${Math.round(agreement * report.images)} of ${report.images}`,
    ...(regression ? [report.valueError?.[way]?.toPrecision(4) ?? ''] : [])
  ]
  const { accuracy } = report
  answers.push(line("the file's network, clear", 'clear', accuracy.clear))
  if (accuracy.polynomial !== accuracy.clear || report.logitError.polynomial > NEGLIGIBLE * report.maxLogit) {
    answers.push(line('polynomial network, clear', 'polynomial', accuracy.polynomial, report.approximationAgreement))
  }
  if (accuracy.simulated !== undefined) {
    const { simulatedImages, images } = report
    answers.push(line(simulatedImages === images ? 'simulated' : `simulated (${simulatedImages})`, 'simulated', accuracy.simulated))
  }
  answers.push(line('encrypted', 'encrypted', accuracy.encrypted, report.agreement))
  const phases = new Table({ head: ['phase', 'seconds'], colAligns: ['left', 'right'], style: { head: [], border: [] } })
  const { refresh, ...others } = report.secondsByPhase
  for (const [phase, seconds] of Object.entries(others)) {
    phases.push([label(phase), seconds.toFixed(2)])
    if (phase === 'evaluation') phases.push(['  of which refreshing', refresh.toFixed(2)])
  }
  const { loopback, planned } = report.endToEndSeconds
  phases.push(['samples to answers, first batch', loopback.toFixed(2)])
  phases.push(['  planned for a local network', planned.lan.toFixed(2)], ['  planned for 100 Mbit/s, 40 ms', planned.wan.toFixed(2)])
  const traffic = new Table({
    head: ['party', 'sent', 'received', 'peak memory'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [] }
  })
  for (const [name, bytes] of Object.entries(report.bytesByParty)) {
    traffic.push([name, formatBytes(bytes.sent), formatBytes(bytes.received), formatBytes(report.peakMemoryByParty[name] ?? 0)])
  }
  const { logN, logQP, securityBits, floodingBits, floodingDistanceBits, maximumDecryptions } = report.parameters
  const wrong = predictions.flatMap((prediction, k) =>
    isSame(clear.network, clear.labels[k]!, prediction) ? [] : [`image ${k}: ${shown(prediction)}, is ${shown(clear.labels[k]!)}`]
  )
  return [
    `First predictions: ${predictions.slice(0, 32).map(shown).join(' ')}${predictions.length > 32 ? ' …' : ''}`,
    regression
      ? `First values: ${clear.labels.slice(0, 32).map(shown).join(' ')}${predictions.length > 32 ? ' …' : ''}`
      : wrong.length === 0
        ? 'Every image was recognised.'
        : `Not recognised: ${wrong.slice(0, 8).join('; ')}${wrong.length > 8 ? ` and ${wrong.length - 8} more` : ''}`,
    answers.toString(),
    ...describeActivations(report),
    describeDisagreements(report),
    ...report.warnings.map(warning => `Warning: ${warning}.`),
    `Worst logit error ${report.maxLogitError.toExponential(2)}, ${(report.maxLogitError / report.maxLogit).toExponential(2)} of the largest logit.`,
    phases.toString(),
    traffic.toString(),
    `All processes together at their peak: ${formatBytes(report.peakMemoryBytes)}. Refreshes: ${report.refreshes}. Witnesses: ${report.witnesses}, endorsements: ${report.endorsements}. Evaluator: ${report.evaluator}.`,
    `N = 2^${logN}, log2(QP) = ${logQP.toFixed(1)}: ${securityBits} bits of security. Flooding: ${floodingBits} bits of security, a statistical distance of ${describeDistance(floodingDistanceBits)} over ${maximumDecryptions} decryptions.`
  ].join('\n')
}

/** How many answers encryption changed, and how many errors excuse. */
function describeDisagreements({ task, images, disagreements, errorBar }: ScenarioReport): string {
  const { nearTies, within, beyond } = disagreements
  const bar = `${errorBar.deviations} standard deviations of a logit's error, ${errorBar.logitDeviation.toExponential(1)} each`
  if (task === 'regression') return `Encrypted values farther from the evaluated network's than ${bar}: ${beyond} of ${images}.`
  return `Encrypted answers that differ from the evaluated network's: ${within} near ties, ${beyond} beyond; ${nearTies} of ${images} answers are near ties (${bar}).`
}

function describeActivations({ activations, fit }: ScenarioReport): string[] {
  if (activations.length === 0) return []
  const count = (values: readonly string[]): string =>
    [...new Set(values)].map(value => `${values.filter(other => other === value).length} of ${value}`).join(', ')
  const kinds = count(activations.map(({ activation, method, degree }) => `${activation} by ${method} of degree ${degree}`))
  const worst = activations.reduce((a, b) => (b.outside > a.outside ? b : a))
  const range =
    worst.outside === 0
      ? 'every input within its interval'
      : `most inputs outside their interval at ${worst.layer}: ${(100 * worst.outside).toPrecision(2)} %, in ${worst.samplesOutside} samples`
  const held =
    fit === undefined
      ? []
      : [
          `The fit: ${fit.measure === 'R²' ? `R² ${fit.agreement.toFixed(4)}` : `${(100 * fit.agreement).toFixed(2)} %`} on ${fit.samples} samples that it had put aside${fit.samples < FEW_SAMPLES ? ', which are few' : ''}.`
        ]
  return [`Activations: ${kinds}; ${range}.`, ...held]
}

/**
 * Why the run counts as failed; empty when it does not. Another class than the evaluated network's counts where the error bar does not explain it: a normal error beyond six
 * standard deviations has a chance of 2·10⁻⁹.
 */
export function failuresOf(report: ScenarioReport, { expect }: Scenario): string[] {
  const failures: string[] = []
  const { beyond } = report.disagreements
  if (1 - beyond / report.images < expect.agreement) {
    const { deviations } = report.errorBar
    failures.push(
      `${beyond} of ${report.images} encrypted answers differ from the evaluated network's by more than ${deviations} standard deviations of their error`
    )
  }
  if (!(report.maxLogitError <= expect.logitError * report.maxLogit)) {
    failures.push(`the worst logit error, ${report.maxLogitError}, exceeds ${expect.logitError} of the largest logit, ${report.maxLogit}`)
  }
  return failures
}

function label(phase: string): string {
  return phase.replace(/([A-Z])/g, ' $1').toLowerCase()
}

/** A distance as reports tell it. */
export const describeDistance = (bits: number | undefined): string => (bits === undefined ? 'unknown size' : `2^-${bits.toFixed(1)}`)
