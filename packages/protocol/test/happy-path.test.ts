import { galoisElements, type Role } from '@slytherin/protocol'
import { logitsOf } from '@slytherin/protocol/testing'
import { describe, expect, it } from 'vitest'
import { cohort, EVALUATOR, SEPARATE, samples } from './support/cohort.js'

function holders(count: number): Record<string, Role[]> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`holder${i}`, ['key-holder'] as Role[]]))
}

const ALLOCATIONS: [string, Record<string, Role[]>][] = [
  ['one process holds every role', { [EVALUATOR]: ['evaluator', 'key-holder', 'model-owner', 'querier', 'data-owner'] }],
  ['the querier holds the key, the owner evaluates', { [EVALUATOR]: ['evaluator', 'model-owner'], querier: ['key-holder', 'querier'] }],
  ['two parties', { [EVALUATOR]: ['evaluator', 'model-owner', 'key-holder'], querier: ['key-holder', 'querier'] }],
  ['three separate key holders', SEPARATE],
  [
    'three key holders with other roles',
    { [EVALUATOR]: ['evaluator', 'key-holder'], a: ['key-holder', 'model-owner'], b: ['key-holder', 'querier'] }
  ],
  ['five key holders', { ...holders(5), [EVALUATOR]: ['evaluator'], owner: ['model-owner'], querier: ['querier'] }]
]

describe('a session from roster to close', () => {
  it.each(ALLOCATIONS)('%s', async (_name, roles) => {
    const parties = cohort({ roles })
    const querier = Object.entries(roles).find(([, list]) => list.includes('querier'))![0]
    const asker = querier === EVALUATOR ? parties.coordinator : parties.member(querier)
    const run = parties.coordinator.run()
    const finished = [...parties.members.values()].map(async member => await member.finished())

    const asked = samples(3)
    const predictions = await asker.query(asked)
    expect(predictions.map(logits => [...logits])).toEqual(asked.map(logitsOf))
    await asker.leave()
    const summary = await run
    const summaries = await Promise.all(finished)

    // Everybody speaks of the same session and public key material, and has put it away.
    for (const other of summaries) {
      expect(other.session).toBe(summary.session)
      expect(other.transcript.session).toBe(summary.session)
    }
    expect([...parties.cryptography.values()].every(fake => fake.closed >= 1 && fake.session === undefined)).toBe(true)
    const fake = parties.fake(EVALUATOR)
    const elements = galoisElements(parties.plan)
    expect(elements.length).toBeGreaterThan(1)
    expect(fake.keys).toEqual(new Set(['relinearization-2 relinearization', ...elements.map(element => `galois ${element}`)]))
    expect(fake.parts.size).toBe(parties.plan.weights.count)
    expect(summary.queries).toBe(1)
    expect(summary.refreshes).toBe(2)
    expect(parties.refused).toEqual([])
    if (parties.members.size > 0) {
      const { phases } = summary
      for (const phase of ['public-key', 'evaluation', 'result'] as const) expect(phases[phase]?.seconds).toBeGreaterThan(0)
      const sent = Object.values(phases).reduce((sum, figures) => sum + figures.bytesSent, 0)
      const received = Object.values(phases).reduce((sum, figures) => sum + figures.bytesReceived, 0)
      const { bytes } = parties.network.transport(EVALUATOR)
      expect(sent).toBeGreaterThan(0)
      expect(sent).toBeLessThanOrEqual(bytes.sent())
      expect(received).toBeLessThanOrEqual(bytes.received())
    }
  })

  it('asks more samples than a batch in several queries, and several queries in one session', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    const querier = parties.member('querier')
    const asked = samples(30)
    expect((await querier.query(asked)).map(logits => [...logits])).toEqual(asked.map(logitsOf))
    const both = await Promise.all([querier.query(samples(2)), querier.query(samples(4))])
    expect(both.map(list => list.length)).toEqual([2, 4])
    await querier.leave()
    expect((await run).queries).toBe(5)
  })

  it('delivers to a querier what another party asked for it', async () => {
    const received: { query: string; from: string; predictions: Float64Array[] }[] = []
    const parties = cohort({
      roles: { ...SEPARATE, querier: ['querier'], hospital: ['data-owner'] },
      member: peer => (peer === 'querier' ? { onPredictions: result => received.push(result) } : {})
    })
    const run = parties.coordinator.run()
    const asked = samples(4)
    expect(await parties.member('hospital').query(asked, { querier: 'querier' })).toEqual([])
    expect(received.map(({ from }) => from)).toEqual(['hospital'])
    expect(received[0]!.predictions.map(logits => [...logits])).toEqual(asked.map(logitsOf))
    await parties.member('hospital').leave()
    await parties.member('querier').leave()
    await run
  })

  it('runs a second, fresh session after the first', async () => {
    const parties = cohort({ roles: SEPARATE })
    const ids: string[] = []
    for (let i = 0; i < 2; i++) {
      const run = parties.coordinator.run()
      const finished = parties.member('holderA').finished()
      const querier = parties.member('querier')
      expect(await querier.query(samples(1))).toHaveLength(1)
      await querier.leave()
      ids.push((await run).session)
      expect((await finished).session).toBe(ids[i])
    }
    expect(ids[0]).not.toBe(ids[1])
  })

  it('reports progress of every phase, each to its end', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.member('querier').query(samples(1))
    await parties.member('querier').leave()
    await run
    for (const phase of [
      'roster',
      'plan',
      'session',
      'public-key',
      'relinearization-key',
      'galois-keys',
      'model-upload',
      'input',
      'result'
    ] as const) {
      const last = parties.progress.filter(event => event.at === EVALUATOR && event.phase === phase).at(-1)
      expect(last, phase).toMatchObject({ done: last?.total })
    }
    expect(parties.progress.some(event => event.at === 'querier' && event.phase === 'evaluation')).toBe(true)
    expect(parties.progress.some(event => event.at === 'holderB' && event.phase === 'refresh')).toBe(true)
  })

  it('closes when the coordinator says so', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.coordinator.ready()
    parties.coordinator.close()
    await expect(run).resolves.toMatchObject({ queries: 0 })
    const early = parties.coordinator.run()
    parties.coordinator.close()
    await expect(early).resolves.toMatchObject({ queries: 0 })
  })
})

describe('queries that come to nothing', () => {
  it('leave room for others, and their quota', async () => {
    const parties = cohort({ roles: SEPARATE, coordinator: { limits: { queries: 2 } } })
    const run = parties.coordinator.run()
    const querier = parties.member('querier')
    await querier.ready()
    const fake = parties.fake('querier')
    for (let i = 0; i < 6; i++) {
      fake.gate = method => (method === 'encryptInput' ? Promise.reject(new RangeError('out of memory')) : undefined)
      await expect(querier.query(samples(1))).rejects.toThrow('out of memory')
    }
    fake.gate = undefined
    await expect(querier.query(samples(24))).resolves.toHaveLength(24)
    await expect(querier.query(samples(1))).rejects.toMatchObject({
      remote: { code: 'quota-exceeded', kind: 'queryOpen', actual: '6 + 3, of which 0 are left' }
    })
    await querier.leave()
    await run
  })

  it('because the evaluation failed are reported, and the session goes on', async () => {
    const parties = cohort({ roles: { ...SEPARATE, hospital: ['data-owner'] } })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    const fake = parties.fake(EVALUATOR)
    fake.gate = method =>
      method === 'evaluating'
        ? Promise.reject(Object.assign(new Error('share 0 is none'), { name: 'RejectedShareError', party: 1 }))
        : undefined
    const outcome = parties.member('hospital').query(samples(1), { querier: 'querier' })
    await expect(outcome).rejects.toMatchObject({
      code: 'remote-failure',
      remote: { code: 'malformed-message', peer: 'holderB', reason: 'share 0 is none' }
    })
    fake.gate = undefined
    await expect(parties.member('hospital').query(samples(1), { querier: 'querier' })).resolves.toEqual([])
    await parties.member('hospital').leave()
    await parties.member('querier').leave()
    await run
  })

  it('because the querier stops waiting', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    const querier = parties.member('querier')
    await querier.ready()
    const patience = new AbortController()
    parties.fake(EVALUATOR).gate = method => {
      if (method === 'evaluating') patience.abort(new Error('too slow'))
      return undefined
    }
    await expect(querier.query(samples(1), { signal: patience.signal })).rejects.toThrow('too slow')
    parties.fake(EVALUATOR).gate = undefined
    await expect(querier.query(samples(2))).resolves.toHaveLength(2)
    await querier.leave()
    await run
  })

  it('leaves nothing that keeps a process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
    const before = timers()
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    const finished = [...parties.members.values()].map(async member => await member.finished())
    await parties.member('querier').query(samples(1))
    await parties.member('querier').leave()
    await Promise.all([run, ...finished])
    for (const member of parties.members.values()) await member.stop()
    await new Promise(resolve => setImmediate(resolve))
    expect(timers()).toBeLessThanOrEqual(before)
  })
})
