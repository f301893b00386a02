/** From what was seen of a run to its report. */

import { availableParallelism } from 'node:os'
import { Parameters } from '@slytherin/ckks'
import {
  agreementOf,
  type CostModel,
  logitDeviation as deviationOf,
  type Label,
  NEAR_TIE_DEVIATIONS,
  type OutputMeaning,
  type Plan,
  type Prediction,
  type StepReport,
  witnessedSeconds
} from '@slytherin/engine'
import type { SessionReport } from '@slytherin/node'
import type { ClearReference } from '../clear-reference.js'
import {
  accuracyOf,
  disagreementsOf,
  type FourWays,
  largestOf,
  mapWays,
  predictionsOf,
  rootMeanSquare,
  worstDifference
} from '../comparison.js'
import { confusionMatrix } from '../confusion.js'
import { endToEndSeconds } from '../end-to-end.js'
import { layerReports } from '../layer-report.js'
import { describeMachine } from '../machine.js'
import type { Provenance } from '../provenance.js'
import type { PartyDescription, Scenario } from '../scenario.js'
import type { Simulation } from '../simulation.js'
import type { ActivationReport, ScenarioReport } from './scenario-report.js'
import { warningsOf } from './warnings.js'

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
  /** The same to the last of them. */
  readonly lastAnswerSeconds?: number | undefined
  /** What operations cost on this machine. */
  readonly costModel: CostModel
  /** Where the plan was simulated, too. */
  readonly simulation?: Simulation
  readonly provenance?: Provenance
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
  const { modelEncryption, keys, ...planned } = plan.costs.seconds
  // stock SEAL computes with one thread, this project's kernel with as many as there are processors
  const beside = witnessedSeconds(plan, seen.costModel, session.witnesses, session.evaluator === 'seal' ? 1 / availableParallelism() : 1)
  return {
    scenario: scenario.name,
    description: scenario.description,
    operands: plan.operands,
    parties: seen.parties.filter(party => party.roles.includes('key-holder')).length,
    images: scenario.images,
    task: task.kind,
    labelled: clear.labelled,
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
    warnings: warningsOf(task.kind, accuracy, approximated, clear),
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
      {
        queries,
        first: seen.firstAnswerSeconds ?? (dataEncryption + seconds('evaluation', 'switch', 'result')) / queries,
        last: seen.lastAnswerSeconds
      },
      seen.costModel,
      beside
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
    layers: layerReports(plan, seen.steps, queries, beside.steps, simulation),
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
      seconds: {
        ...times({
          evaluation: planned.evaluation + beside.evaluation,
          refresh: planned.refresh + beside.refresh,
          result: planned.result + beside.result,
          dataEncryption: planned.dataEncryption + beside.inputs
        }),
        modelEncryption,
        keys
      },
      bytes: plan.costs.bytes,
      worstLogitError: plan.precision.worstError
    },
    ...(clear.labelled ? confusionOf(meaning, truth, logits.encrypted, plan.output.features) : {}),
    queries: session.queries,
    refreshes: session.refreshes,
    witnesses: session.witnesses,
    endorsements: session.endorsements,
    evaluator: session.evaluator,
    model: session.model,
    batch: session.batch,
    batchBlock: plan.batchBlock,
    machine: describeMachine(),
    ...(seen.provenance === undefined ? {} : { provenance: seen.provenance }),
    createdAt: new Date().toISOString()
  }
}

function fitOf({ agreement, measure, samples }: ClearReference['approximation']): Pick<ScenarioReport, 'fit'> {
  return agreement === undefined || measure === undefined || samples === undefined ? {} : { fit: { agreement, measure, samples } }
}

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
