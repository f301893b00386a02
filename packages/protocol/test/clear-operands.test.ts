/** Sessions in which one operand is clear at the evaluator, with the real cryptography; and cohorts of one. */
import { decodeBody, type Member, messageSizes, type Role } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type RealSession, realSamples, realSession, relativeError, SMALL_RING } from './support/real-session.js'

const ENCRYPTED_DATA: Record<string, Role[]> = {
  company: ['model-owner', 'evaluator'],
  hospital: ['key-holder', 'data-owner', 'querier']
}
const ENCRYPTED_MODEL: Record<string, Role[]> = {
  company: ['key-holder', 'model-owner'],
  hospital: ['data-owner', 'querier', 'evaluator']
}

const kinds = (session: RealSession): Set<string> => new Set(session.wire.seen.map(({ header }) => header.kind))

/** Second components that key holders were sent in requests of a kind, one list per request. */
function sent(session: RealSession, kind: 'refreshWhole' | 'switchWhole'): string[][] {
  const sizes = messageSizes(session.plan())
  return session.wire.seen
    .filter(({ header }) => header.kind === kind)
    .map(({ header, from }) => decodeBody(kind, header.body, sizes, from).c1.map(bytes => Buffer.from(bytes).toString('base64')))
}

/** Samples that are counted as they are read. */
function* counted(samples: readonly Float64Array[], count: { read: number }): Generator<Float64Array> {
  for (const sample of samples) {
    count.read++
    yield sample
  }
}

describe('encrypted data, model clear at the evaluator', () => {
  it('answers many batches in one call, read and answered as they come', async () => {
    const session = await realSession({
      roles: ENCRYPTED_DATA,
      planning: { ...SMALL_RING, batch: 4, data: 'encrypted', weights: 'clear' },
      queries: 5
    })
    const asked = realSamples(18)
    const run = session.coordinator.run()
    const hospital = session.party('hospital')
    const count = { read: 0 }
    const answers: { first: number; size: number; read: number }[] = []
    const predictions = await hospital.query(counted(asked, count), {
      onPredictions: ({ first, predictions: batch }) => answers.push({ first, size: batch.length, read: count.read })
    })
    await hospital.leave()
    const summary = await run
    expect(relativeError(session, asked, predictions)).toBeLessThan(0.01)
    expect(answers.map(({ first, size }) => [first, size])).toEqual([
      [0, 4],
      [4, 4],
      [8, 4],
      [12, 4],
      [16, 2]
    ])
    // Never more than two batches asked and one being read.
    for (const { first, read } of answers) expect(read - first).toBeLessThanOrEqual(12)
    expect(summary.queries).toBe(5)
    expect(session.refused).toEqual([])
    expect(kinds(session)).not.toContain('modelPart')
    expect(session.plan().parties).toBe(1)
  })

  it('under the key of a cohort', async () => {
    const session = await realSession({
      roles: { ...ENCRYPTED_DATA, another: ['key-holder'] },
      planning: { ...SMALL_RING, batch: 2, data: 'encrypted', weights: 'clear', minimumRefreshes: 1 }
    })
    const asked = realSamples(2)
    const run = session.coordinator.run()
    const hospital = session.party('hospital')
    expect(relativeError(session, asked, await hospital.query(asked))).toBeLessThan(0.01)
    await hospital.leave()
    await run
    expect(session.plan().parties).toBe(2)
    expect(session.refused).toEqual([])
  })

  it('refreshes with a mask of the evaluator’s own', async () => {
    const session = await realSession({
      roles: ENCRYPTED_DATA,
      planning: { batch: 4, data: 'encrypted', weights: 'clear', minimumRefreshes: 1 }
    })
    const asked = realSamples(3)
    const run = session.coordinator.run()
    const hospital = session.party('hospital')
    expect(relativeError(session, asked, await hospital.query(asked))).toBeLessThan(0.01)
    await hospital.leave()
    expect((await run).refreshes).toBe(session.plan().refreshes.length)
    expect(session.plan().refreshes.length).toBeGreaterThan(0)
    expect(session.refused).toEqual([])
  })
})

describe('encrypted model, data clear at the evaluator', () => {
  it('answers its own queries; neither data nor first components leave it', async () => {
    const session = await realSession({
      roles: ENCRYPTED_MODEL,
      planning: { ...SMALL_RING, batch: 8, data: 'clear', weights: 'encrypted', minimumRefreshes: 1 },
      queries: 2
    })
    const asked = realSamples(13)
    const run = session.coordinator.run()
    const predictions = await session.coordinator.query(asked)
    await session.coordinator.leave()
    const summary = await run
    expect(relativeError(session, asked, predictions)).toBeLessThan(0.01)
    expect(summary.queries).toBe(2)
    expect(summary.refreshes).toBeGreaterThan(0)
    expect(session.refused).toEqual([])
    const seen = kinds(session)
    for (const kind of ['queryOpen', 'queryInput', 'queryResult']) expect(seen, kind).not.toContain(kind)
    expect(seen).toContain('modelPart')
  })

  it('sends the model owner other second components for the same question', async () => {
    const session = await realSession({ roles: ENCRYPTED_MODEL, planning: { batch: 2, data: 'clear', weights: 'encrypted' }, queries: 2 })
    const asked = realSamples(2)
    const run = session.coordinator.run()
    // The evaluation is deterministic: without re-randomisation both would be the same, and a guess of the data could be checked.
    for (let i = 0; i < 2; i++) expect(relativeError(session, asked, await session.coordinator.query(asked))).toBeLessThan(0.01)
    await session.coordinator.leave()
    await run
    const [first, second] = sent(session, 'switchWhole')
    expect(first!.length).toBeGreaterThan(0)
    for (const [k, c1] of first!.entries()) expect(second![k]).not.toBe(c1)
  })

  it('says at once what is wrong with a sample', async () => {
    const session = await realSession({
      roles: ENCRYPTED_MODEL,
      planning: { ...SMALL_RING, batch: 2, data: 'clear', weights: 'encrypted' }
    })
    const run = session.coordinator.run()
    const wrong = realSamples(1)[0]!.subarray(1)
    await expect(session.coordinator.query([wrong])).rejects.toThrow(/30 values/)
    await session.coordinator.leave()
    expect((await run).queries).toBe(0)
  })
})

describe('a cohort of one', () => {
  it('evaluates what is encrypted on both sides', async () => {
    const session = await realSession({
      roles: { evaluator: ['evaluator'], holder: ['key-holder'], owner: ['model-owner'], patient: ['data-owner', 'querier'] },
      planning: { ...SMALL_RING, batch: 2, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1 }
    })
    const asked = realSamples(2)
    const run = session.coordinator.run()
    const patient = session.party('patient') as Member
    expect(relativeError(session, asked, await patient.query(asked))).toBeLessThan(0.01)
    await patient.leave()
    expect((await run).refreshes).toBeGreaterThan(0)
    expect(session.refused).toEqual([])
  })
})
