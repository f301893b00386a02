/** What a scenario found out: as data for files, as a table for people. */
import { Parameters } from '@slytherin/ckks'
import { predictionsOf, type SessionReport } from '@slytherin/node'
import Table from 'cli-table3'
import type { ClearReference } from './clear-reference.js'
import { describeMachine, type Machine } from './machine.js'
import type { PartyDescription, Scenario } from './scenario.js'

export interface ScenarioReport {
  scenario: string
  parties: number
  images: number
  /** Fractions of the images classified as labelled. */
  accuracyClear: number
  accuracyEncrypted: number
  /** Fraction of the images whose encrypted prediction equals the clear one. */
  agreement: number
  /** Largest absolute difference of a logit. */
  maxLogitError: number
  /** Largest absolute clear logit: what the error is to be held against. */
  maxLogit: number
  secondsByPhase: Record<'ceremony' | 'modelUpload' | 'dataEncryption' | 'evaluation' | 'refresh' | 'result' | 'total', number>
  bytesByParty: Record<string, { sent: number; received: number; phases: Record<string, { sent: number; received: number }> }>
  /** Largest sum of the resident memory of all processes. */
  peakMemoryBytes: number
  peakMemoryByParty: Record<string, number>
  parameters: { logN: number; logQP: number; securityBits: number; floodingBits: number; maximumDecryptions: number }
  /** Ciphertexts refreshed together count once. */
  refreshes: number
  evaluator: string
  model: string
  batch: number
  machine: Machine
  createdAt: string
}

export interface Observations {
  readonly parties: readonly PartyDescription[]
  readonly sessions: ReadonlyMap<string, SessionReport>
  readonly logits: readonly (readonly number[])[]
  readonly totalSeconds: number
  readonly peakMemoryBytes: number
  readonly peakMemoryByParty: Record<string, number>
}

/** Phases of the protocol that make up a phase of the report. */
const CEREMONY = ['session', 'public-key', 'relinearization-key', 'galois-keys'] as const

export function makeReport(scenario: Scenario, seen: Observations, clear: ClearReference): ScenarioReport {
  const leader = seen.parties.find(party => party.roles.includes('evaluator'))!
  const session = seen.sessions.get(leader.name)!
  const seconds = (...phases: (keyof SessionReport['phases'])[]): number =>
    phases.reduce((sum, phase) => sum + (session.phases[phase]?.seconds ?? 0), 0)
  const clearPredictions = predictionsOf(clear.logits.map(row => row))
  const predictions = predictionsOf(seen.logits.map(row => Float64Array.from(row)))
  const share = (hits: (k: number) => boolean): number => clear.labels.filter((_, k) => hits(k)).length / clear.labels.length
  let maxLogitError = 0
  let maxLogit = 0
  clear.logits.forEach((row, k) => {
    row.forEach((value, i) => {
      maxLogit = Math.max(maxLogit, Math.abs(value))
      maxLogitError = Math.max(maxLogitError, Math.abs(value - (seen.logits[k]?.[i] ?? Number.POSITIVE_INFINITY)))
    })
  })
  const parameters = Parameters.fromJSON(session.parameters)
  return {
    scenario: scenario.name,
    parties: seen.parties.filter(party => party.roles.includes('key-holder')).length,
    images: scenario.images,
    accuracyClear: share(k => clearPredictions[k] === clear.labels[k]),
    accuracyEncrypted: share(k => predictions[k] === clear.labels[k]),
    agreement: share(k => predictions[k] === clearPredictions[k]),
    maxLogitError,
    maxLogit,
    secondsByPhase: {
      ceremony: seconds(...CEREMONY),
      modelUpload: seconds('model-upload'),
      dataEncryption: seconds('input'),
      evaluation: seconds('evaluation'),
      refresh: seconds('refresh'),
      result: seconds('switch', 'result'),
      total: seen.totalSeconds
    },
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
      floodingBits: session.floodingBits,
      maximumDecryptions: session.maximumDecryptions
    },
    refreshes: session.refreshes,
    evaluator: session.evaluator,
    model: session.model,
    batch: session.batch,
    machine: describeMachine(),
    createdAt: new Date().toISOString()
  }
}

/** What a person wants to see first, then what it cost. */
export function renderReport(report: ScenarioReport, predictions: readonly number[], clear: ClearReference): string {
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`
  const answers = new Table({ head: ['', 'correct', 'same as clear'], style: { head: [], border: [] } })
  answers.push(
    ['clear model', percent(report.accuracyClear), ''],
    ['encrypted', percent(report.accuracyEncrypted), `${Math.round(report.agreement * report.images)} of ${report.images}`]
  )
  const phases = new Table({ head: ['phase', 'seconds'], colAligns: ['left', 'right'], style: { head: [], border: [] } })
  const { refresh, ...others } = report.secondsByPhase
  for (const [phase, seconds] of Object.entries(others)) {
    phases.push([label(phase), seconds.toFixed(2)])
    if (phase === 'evaluation') phases.push(['  of which refreshing', refresh.toFixed(2)])
  }
  const traffic = new Table({
    head: ['party', 'sent', 'received', 'peak memory'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [] }
  })
  for (const [name, bytes] of Object.entries(report.bytesByParty)) {
    traffic.push([name, size(bytes.sent), size(bytes.received), size(report.peakMemoryByParty[name] ?? 0)])
  }
  const { logN, logQP, securityBits, floodingBits, maximumDecryptions } = report.parameters
  const wrong = predictions.flatMap((prediction, k) =>
    prediction === clear.labels[k] ? [] : [`image ${k}: ${prediction}, is a ${clear.labels[k]}`]
  )
  return [
    `First predictions: ${predictions.slice(0, 32).join(' ')}${predictions.length > 32 ? ' …' : ''}`,
    wrong.length === 0
      ? 'Every image was recognised.'
      : `Not recognised: ${wrong.slice(0, 8).join('; ')}${wrong.length > 8 ? ` and ${wrong.length - 8} more` : ''}`,
    answers.toString(),
    `Worst logit error ${report.maxLogitError.toExponential(2)}, ${(report.maxLogitError / report.maxLogit).toExponential(2)} of the largest logit.`,
    phases.toString(),
    traffic.toString(),
    `All processes together at their peak: ${size(report.peakMemoryBytes)}. Refreshes: ${report.refreshes}. Evaluator: ${report.evaluator}.`,
    `N = 2^${logN}, log2(QP) = ${logQP.toFixed(1)}: ${securityBits} bits of security. Flooding: ${floodingBits} statistical bits over ${maximumDecryptions} decryptions.`
  ].join('\n')
}

/** Why the run counts as failed; empty when it does not. */
export function failuresOf(report: ScenarioReport, { expect }: Scenario): string[] {
  const failures: string[] = []
  if (report.agreement < expect.agreement) {
    failures.push(`only ${Math.round(report.agreement * report.images)} of ${report.images} encrypted predictions equal the clear ones`)
  }
  if (!(report.maxLogitError <= expect.logitError * report.maxLogit)) {
    failures.push(`the worst logit error, ${report.maxLogitError}, exceeds ${expect.logitError} of the largest logit, ${report.maxLogit}`)
  }
  return failures
}

function label(phase: string): string {
  return phase.replace(/([A-Z])/g, ' $1').toLowerCase()
}

export function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`
  return `${(bytes / 2 ** 10).toFixed(1)} KiB`
}
