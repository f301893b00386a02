import { describe, expect, it } from 'vitest'
import { makeReport } from '../src/report/make-report.js'
import { humanReadable, measurementsOf } from '../src/suite/measurements.js'
import { recorded } from './observation.js'

describe("measurements in the form of the benchmarking suite's harness", () => {
  it('have its stages and sizes, and the accuracies of the run', async () => {
    const { scenario, observations, clear } = await recorded()
    const report = makeReport(scenario, observations, clear)
    const measured = measurementsOf(report)
    expect(Object.keys(measured.per_stage)).toEqual([
      'Client: Key Generation',
      'Server: (Encrypted) model preprocessing',
      'Client: Input encryption',
      'Server: Encrypted ML Inference computation',
      'Client: Result decryption'
    ])
    const stages = Object.values(measured.per_stage).map(text => Number(/^(\d+\.\d{4})s$/.exec(text)![1]))
    expect(measured.total_latency_ms).toBeCloseTo(1000 * stages.reduce((sum, value) => sum + value, 0), -1)
    expect(measured.bandwidth['Client: Encrypted input']).toBe(humanReadable(report.queries * report.queryBytes.up))
    expect(measured.mnist_model_quality).toEqual({
      encrypted_model_accuracy: report.accuracyEncrypted,
      harness_model_accuracy: report.accuracyClear
    })
  })

  it('tell sizes in powers of 1024', () => {
    expect([0, 1023, 1024, 5 * 2 ** 20, 2.5 * 2 ** 30].map(humanReadable)).toEqual(['0.0B', '1023.0B', '1.0K', '5.0M', '2.5G'])
  })
})
