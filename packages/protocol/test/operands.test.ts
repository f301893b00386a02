/** Who may compute on what in the clear: flows without encryption of one operand, and what parties refuse. */
import {
  type AcceptancePolicy,
  type Bodies,
  DescriptorRejectedError,
  decodeDescriptor,
  encodeDescriptor,
  NotPermittedError,
  type ProtocolError,
  type RemoteFailureError,
  type Role,
  type SessionAbortedError
} from '@slytherin/protocol'
import { logitsOf } from '@slytherin/protocol/testing'
import { describe, expect, it } from 'vitest'
import { cohort, EVALUATOR, rejection, samples, testPlan } from './support/cohort.js'
import { Wire } from './support/wire.js'

const CLEAR_DATA = { data: 'clear', weights: 'encrypted' } as const
const CLEAR_WEIGHTS = { data: 'encrypted', weights: 'clear' } as const
const AT_THE_EDGE: Record<string, Role[]> = { [EVALUATOR]: ['evaluator', 'data-owner', 'querier'], company: ['key-holder', 'model-owner'] }
const AT_THE_COMPANY: Record<string, Role[]> = {
  [EVALUATOR]: ['evaluator', 'model-owner'],
  hospital: ['key-holder', 'data-owner', 'querier']
}

describe('an operand that is clear at the evaluator', () => {
  it('data: samples go to the evaluator’s own cryptography, nothing else is sent', async () => {
    const parties = cohort({ roles: AT_THE_EDGE, operands: CLEAR_DATA })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    const asked = samples(30)
    const predictions = await parties.coordinator.query(asked)
    expect(predictions.map(logits => [...logits])).toEqual(asked.map(logitsOf))
    await parties.coordinator.leave()
    expect((await run).queries).toBe(3)
    const fake = parties.fake(EVALUATOR)
    expect(fake.calls).toContain('storeSamples')
    expect(fake.calls.filter(call => call === 'forgetQuery')).toHaveLength(3)
    expect(fake.calls).not.toContain('encryptInput')
    const kinds = new Set(wire.seen.map(({ header }) => header.kind))
    expect([...kinds].filter(kind => kind.startsWith('query'))).toEqual(['queryAnnounce'])
    expect(fake.parts.size).toBe(parties.plan.weights.count)
    expect(parties.refused).toEqual([])
  })

  it('data: the result may be another party’s to read', async () => {
    const received: Float64Array[][] = []
    const parties = cohort({
      roles: { ...AT_THE_EDGE, [EVALUATOR]: ['evaluator', 'data-owner'], doctor: ['querier'] },
      operands: CLEAR_DATA,
      member: peer => (peer === 'doctor' ? { onPredictions: ({ predictions }) => received.push(predictions) } : {})
    })
    const run = parties.coordinator.run()
    const asked = samples(2)
    expect(await parties.coordinator.query(asked, { querier: 'doctor' })).toEqual([])
    expect(received.flat().map(logits => [...logits])).toEqual(asked.map(logitsOf))
    // The reader has no say over the evaluator’s data.
    const doctor = parties.member('doctor')
    const error = await rejection<ProtocolError>(doctor.query(asked))
    expect(error).toBeInstanceOf(NotPermittedError)
    expect(error).toMatchObject({ kind: 'queryOpen', field: 'sender' })
    await doctor.leave()
    await parties.coordinator.leave()
    await run
  })

  it('data: the evaluator takes no query of anybody else, who might ask all the same', async () => {
    const parties = cohort({ roles: { ...AT_THE_EDGE, doctor: ['querier'] }, operands: CLEAR_DATA })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    await parties.member('doctor').ready()
    const body: Bodies['queryOpen'] = { query: 'mine', querier: 'doctor', samples: 1 }
    const error = await rejection<RemoteFailureError>(wire.send('doctor', EVALUATOR, 'queryOpen', body))
    expect(error.remote).toMatchObject({ code: 'not-permitted', kind: 'queryOpen', field: 'sender' })
    parties.coordinator.close()
    await run
  })

  it('weights: they are made ready in place and never asked for', async () => {
    const parties = cohort({ roles: AT_THE_COMPANY, operands: CLEAR_WEIGHTS })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    const hospital = parties.member('hospital')
    const asked = samples(5)
    expect((await hospital.query(asked)).map(logits => [...logits])).toEqual(asked.map(logitsOf))
    await hospital.leave()
    const summary = await run
    expect(summary.phases['model-upload']).toBeDefined()
    const fake = parties.fake(EVALUATOR)
    expect(fake.calls.indexOf('prepareModel')).toBeGreaterThan(fake.calls.indexOf('finishKey'))
    expect(fake.parts.size).toBe(0)
    expect(wire.seen.some(({ header }) => header.kind === 'modelPart')).toBe(false)
    const upload = parties.progress.filter(event => event.at === EVALUATOR && event.phase === 'model-upload').at(-1)
    expect(upload).toMatchObject({ done: 1, total: 1 })
    expect(parties.refused).toEqual([])
  })
})

describe('a plan on clear operands is refused', () => {
  const attempt = async (
    roles: Record<string, Role[]>,
    operands: typeof CLEAR_DATA | typeof CLEAR_WEIGHTS,
    at: string,
    policy: AcceptancePolicy
  ): Promise<DescriptorRejectedError> => {
    const own = { policy: { allowInsecure: true, ...policy } }
    const parties = cohort({
      roles,
      operands,
      ...(at === EVALUATOR ? { coordinator: own } : {}),
      member: peer => (peer === at ? own : {})
    })
    const error = await rejection<SessionAbortedError>(parties.coordinator.run())
    expect(error.phase).toBe('session')
    return error.cause as DescriptorRejectedError
  }

  it.each([
    ['data', AT_THE_EDGE, CLEAR_DATA],
    ['weights', AT_THE_COMPANY, CLEAR_WEIGHTS]
  ] as const)('by the owner of the %s who evaluates, unless it is configured so', async (operand, roles, operands) => {
    for (const policy of [{}, { [operand]: 'encrypted' }]) {
      const error = await attempt(roles, operands, EVALUATOR, policy)
      expect(error).toBeInstanceOf(DescriptorRejectedError)
      expect(error).toMatchObject({ field: `plan.operands.${operand}`, expected: 'encrypted', actual: 'clear' })
    }
  })

  it('by whoever makes the descriptor, when the owner is not the evaluator', async () => {
    const data = await attempt({ ...AT_THE_EDGE, clinic: ['data-owner'] }, CLEAR_DATA, 'clinic', { data: 'clear' })
    expect(data).toMatchObject({ code: 'descriptor-rejected', field: 'plan.operands.data', actual: 'data of clinic' })
    const weights = await attempt(
      { [EVALUATOR]: ['evaluator'], owner: ['model-owner'], hospital: ['key-holder', 'querier'] },
      CLEAR_WEIGHTS,
      'owner',
      { weights: 'clear' }
    )
    expect(weights).toMatchObject({ code: 'descriptor-rejected', field: 'plan.operands.weights', actual: 'the model of owner' })
  })

  it.each([
    ['data', CLEAR_DATA, { a: ['querier', 'evaluator'], b: ['key-holder', 'model-owner'], c: ['data-owner'] }],
    ['data', CLEAR_DATA, { a: ['evaluator'], b: ['key-holder', 'model-owner'], c: ['querier'] }],
    ['weights', CLEAR_WEIGHTS, { a: ['evaluator'], b: ['key-holder', 'model-owner'], c: ['querier'] }]
  ] as [string, typeof CLEAR_DATA | typeof CLEAR_WEIGHTS, Record<string, Role[]>][])(
    'by every member that reads one, should the coordinator propose it all the same: %s',
    (operand, operands, roles) => {
      const roster = Object.entries(roles).map(([peer, list]) => ({ peer, roles: list }))
      const plan = testPlan(1, 60, operands)
      const forged = encodeDescriptor({
        version: 3,
        build: 'ab'.repeat(32),
        attempt: '00112233445566778899aabbccddeeff',
        created: 1_700_000_000_000,
        coordinator: 'a',
        roster,
        parameters: plan.parameters,
        plan,
        floodingBits: 30,
        maximumDecryptions: 60,
        switchesPerQuerier: 60,
        proofs: true,
        maximumRefreshes: 360,
        batch: 12
      })
      const read = (): unknown => decodeDescriptor(forged, 'a')
      expect(read).toThrow(DescriptorRejectedError)
      expect(read).toThrow(new RegExp(`plan\\.operands\\.${operand}`))
    }
  )
})
