/**
 * A run in the form of the FHE benchmarking suite's harness: seconds a stage, sizes of what travels, and how good the predictions are, under the suite's own names. What a stage of ours covers is
 * what the suite's stage of that name does; stages of which nothing is done here (the harness's own, and processing before encryption and after decryption) are left out.
 */
import type { ScenarioReport } from '../report/scenario-report.js'

/** Sizes of the suite, by number of images. */
export const SIZES = { 1: 'single', 100: 'small', 1000: 'medium', 10000: 'large' } as const
export type Size = keyof typeof SIZES

export interface Measurements {
  readonly total_latency_ms: number
  readonly per_stage: Readonly<Record<string, string>>
  readonly bandwidth: Readonly<Record<string, string>>
  readonly mnist_model_quality: { readonly encrypted_model_accuracy: number; readonly harness_model_accuracy: number }
  /** What the suite's form has no place for. */
  readonly slytherin: {
    readonly instance: string
    readonly images: number
    readonly queries: number
    /** Whether the client re-encrypted values in the middle. */
    readonly refreshes: number
    readonly endToEndSeconds: number
    readonly parameters: Pick<ScenarioReport['parameters'], 'logN' | 'logQP' | 'securityBits' | 'floodingBits'>
    readonly peakMemoryBytes: number
    readonly machine: ScenarioReport['machine']
    readonly createdAt: string
  }
}

/** As the suite's harness writes sizes: powers of 1024, one decimal. */
export function humanReadable(bytes: number): string {
  let left = bytes
  for (const unit of ['B', 'K', 'M', 'G', 'T']) {
    if (left < 1024) return `${left.toFixed(1)}${unit}`
    left /= 1024
  }
  return `${left.toFixed(1)}P`
}

export function measurementsOf(report: ScenarioReport): Measurements {
  const { secondsByPhase: seconds, queryBytes, queries, parameters } = report
  const stages = {
    'Client: Key Generation': seconds.ceremony,
    'Server: (Encrypted) model preprocessing': seconds.modelUpload,
    'Client: Input encryption': seconds.dataEncryption,
    'Server: Encrypted ML Inference computation': seconds.evaluation,
    'Client: Result decryption': seconds.result
  }
  const phases = Object.values(report.bytesByParty)[0]?.phases ?? {}
  const keys = ['public-key', 'relinearization-key', 'galois-keys'].reduce((sum, phase) => sum + (phases[phase]?.sent ?? 0), 0)
  return {
    total_latency_ms: Math.round(1000 * Object.values(stages).reduce((sum, value) => sum + value, 0)),
    per_stage: Object.fromEntries(Object.entries(stages).map(([name, value]) => [name, `${value.toFixed(4)}s`])),
    bandwidth: {
      'Client: Public and evaluation keys': humanReadable(keys),
      'Client: Encrypted input': humanReadable(queries * queryBytes.up),
      'Client: Encrypted results': humanReadable(queries * queryBytes.down)
    },
    mnist_model_quality: { encrypted_model_accuracy: report.accuracyEncrypted, harness_model_accuracy: report.accuracyFile },
    slytherin: {
      instance: SIZES[report.images as Size] ?? 'other',
      images: report.images,
      queries,
      refreshes: report.refreshes,
      endToEndSeconds: report.endToEndSeconds.loopback,
      parameters: {
        logN: parameters.logN,
        logQP: parameters.logQP,
        securityBits: parameters.securityBits,
        floodingBits: parameters.floodingBits
      },
      peakMemoryBytes: report.peakMemoryBytes,
      machine: report.machine,
      createdAt: report.createdAt
    }
  }
}
