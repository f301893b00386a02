/** Who computes without public coins comes to something else than who follows: it is endorsed by nobody, and key holders give it nothing. */
import { EndorsementRefusedError, type RemoteFailureError } from '@slytherin/protocol'
import { expect, it } from 'vitest'
import { realSamples, realSession, SMALL_RING } from './support/real-session.js'

it('an evaluator that leaves public coins out of inputs is not endorsed', async () => {
  const session = await realSession({
    roles: {
      clinic: ['evaluator'],
      first: ['key-holder'],
      second: ['key-holder', 'model-owner'],
      other: ['witness'],
      patient: ['querier', 'data-owner']
    },
    planning: { ...SMALL_RING, batch: 2, data: 'encrypted', weights: 'encrypted' },
    model: 'breast-cancer-wdbc-logreg',
    cryptography: { clinic: { omitPublicCoins: ['input'] } }
  })
  const run = session.coordinator.run()
  const patient = session.party('patient')
  const error = await patient.query(realSamples(2)).then(
    () => undefined,
    (failure: RemoteFailureError) => failure
  )
  expect(error?.remote).toBeInstanceOf(EndorsementRefusedError)
  expect(error?.remote).toMatchObject({ kind: 'endorse', field: 'c1', peer: 'clinic', culprit: 'clinic' })
  expect(error?.remote.reason).toContain('refused by other')
  await patient.leave()
  await run
})
