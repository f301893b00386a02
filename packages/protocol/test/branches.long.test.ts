/** Networks with branches among parties, with the real cryptography: refreshes of values that wait, beside the newest. */
import { describe, expect, it } from 'vitest'
import { branchedModel } from '../../engine/test/graphs.ts'
import { type RealSession, realSamples, realSession, relativeError } from './support/real-session.js'

const onnx = branchedModel(30)

function checked(session: RealSession, refreshes: number): void {
  expect(session.refused).toEqual([])
  expect(refreshes).toBe(session.plan().refreshes.length)
  expect(session.plan().steps.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['sum', 'product', 'refresh']))
}

describe('a residual connection, a gate and a concatenation', () => {
  it('data and model encrypted under the key of two parties', async () => {
    const session = await realSession({
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder', 'model-owner'],
        patient: ['querier', 'data-owner']
      },
      planning: { batch: 4, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 3 },
      onnx
    })
    const asked = realSamples(4)
    const run = session.coordinator.run()
    const patient = session.party('patient')
    const predictions = await patient.query(asked)
    await patient.leave()
    checked(session, (await run).refreshes)
    expect(relativeError(session, asked, predictions)).toBeLessThan(0.01)
  })

  it('model encrypted, data clear at the evaluator, which reads them in two layers', async () => {
    const session = await realSession({
      roles: { hospital: ['evaluator', 'data-owner', 'querier'], vendor: ['key-holder', 'model-owner'] },
      planning: { batch: 4, data: 'clear', weights: 'encrypted', minimumRefreshes: 2 },
      onnx
    })
    const asked = realSamples(4)
    const run = session.coordinator.run()
    const predictions = await session.coordinator.query(asked)
    await session.coordinator.leave()
    checked(session, (await run).refreshes)
    expect(relativeError(session, asked, predictions)).toBeLessThan(0.01)
  })
})
