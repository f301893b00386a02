import { expect, it } from 'vitest'
import { realSamples, realSession, relativeError } from './support/real-session.js'

it('a trained network, encrypted under two parties’ key, answers as it does in the clear', async () => {
  const session = await realSession({
    roles: {
      clinic: ['evaluator'],
      first: ['key-holder'],
      second: ['key-holder', 'model-owner'],
      patient: ['querier', 'data-owner']
    },
    planning: { batch: 8, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1 }
  })
  const asked = realSamples(8)
  const run = session.coordinator.run()
  const patient = session.party('patient')
  const predictions = await patient.query(asked)
  await patient.leave()
  const summary = await run
  expect(session.refused).toEqual([])
  expect(summary.refreshes).toBeGreaterThan(0)
  expect(relativeError(session, asked, predictions)).toBeLessThan(0.01)
})
