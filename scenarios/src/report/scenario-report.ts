/** What a scenario found out, as data: the schema of the JSON that `--report` writes. */

import type { Measure, Plan, TaskKind } from '@slytherin/engine'
import type { Disagreements, FourWays } from '../comparison.js'
import type { ConfusionMatrix } from '../confusion.js'
import type { EndToEndSeconds } from '../end-to-end.js'
import type { LayerReport } from '../layer-report.js'
import type { Machine } from '../machine.js'
import type { Provenance } from '../provenance.js'
import type { PartyDescription } from '../scenario.js'

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
  /** Whether the data have labels; accuracies are otherwise against the network of the file. Absent in reports from before there were data without. */
  labelled?: boolean
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
  /** What the plan foretold for all queries together; seconds with what its witnesses take, which compute on the same processors. */
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
  /** Absent in reports of earlier releases. */
  provenance?: Provenance
  createdAt: string
}
