import { Coordinator, PartyMissingError, type Phase, SessionAbortedError, type SessionSummary } from '@slytherin/protocol'
import { FakeCryptography, type Fault, logitsOf, type MemoryMessage } from '@slytherin/protocol/testing'
import { describe, expect, it } from 'vitest'
import { type Cohort, type CohortOptions, cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'
import { kindOf } from './support/wire.js'

/** Every process's outcome of one session. */
interface Outcomes {
  run: Promise<SessionSummary>
  finished: Map<string, Promise<SessionSummary>>
  predictions: Promise<Float64Array[]>
}

function start(parties: Cohort): Outcomes {
  const run = parties.coordinator.run()
  const finished = new Map([...parties.members].map(([peer, member]) => [peer, member.finished()]))
  const predictions = parties.member('querier').query(samples(2))
  for (const promise of [run, predictions, ...finished.values()]) promise.catch(() => undefined)
  return { run, finished, predictions }
}

/** Kills a party at the first message of a kind that concerns it. */
function killAt(parties: Cohort, victim: string, kind: string, options: { silent: boolean }): void {
  let done = false
  parties.network.setFault(message => {
    if (!done && kindOf(message) === kind && (message.to === victim || message.from === victim)) {
      done = true
      parties.network.kill(victim, options)
      return 'drop'
    }
    return undefined
  })
}

async function succeeds(parties: Cohort): Promise<void> {
  const run = parties.coordinator.run()
  const predictions = await parties.member('querier').query(samples(2))
  expect(predictions.map(logits => [...logits])).toEqual(samples(2).map(logitsOf))
  await parties.member('querier').leave()
  await run
}

describe('a party that dies', () => {
  const CASES: [string, string, Phase][] = [
    ['querier', 'commitments', 'session'],
    ['holderB', 'open', 'session'],
    ['holderB', 'publicKeyCommit', 'public-key'],
    ['owner', 'publicKeyCommitments', 'public-key'],
    ['holderB', 'publicKeyShare', 'public-key'],
    ['owner', 'publicKeyPart', 'public-key'],
    ['querier', 'publicKeyConfirmed', 'public-key'],
    ['holderA', 'relinearizationPart', 'relinearization-key'],
    ['holderC', 'relinearizationTwo', 'relinearization-key'],
    ['holderA', 'galois', 'galois-keys'],
    ['owner', 'modelPart', 'model-upload'],
    ['holderB', 'refresh', 'evaluation'],
    ['holderC', 'switch', 'evaluation'],
    ['querier', 'queryInput', 'ready'],
    ['querier', 'queryResult', 'result']
  ]

  it.each(CASES)('%s at %s: everybody left hears who, stops cleanly, and a new run succeeds', async (victim, kind, phase) => {
    const parties = cohort({ roles: SEPARATE })
    const { run, finished, predictions } = start(parties)
    killAt(parties, victim, kind, { silent: false })
    const error = await rejection<PartyMissingError>(run)
    expect(error).toBeInstanceOf(PartyMissingError)
    expect(error).toMatchObject({ peer: victim, phase })
    for (const [peer, outcome] of finished) {
      if (peer === victim) continue
      const seen = await rejection<PartyMissingError>(outcome)
      expect(seen, peer).toBeInstanceOf(PartyMissingError)
      expect(seen, peer).toMatchObject({ peer: victim, phase })
      expect(parties.fake(peer).closed, peer).toBe(1)
    }
    if (victim !== 'querier') expect(await rejection(predictions)).toMatchObject({ code: 'party-missing', peer: victim })

    parties.network.setFault(undefined)
    parties.network.revive(victim)
    parties.restart(victim)
    await succeeds(parties)
  })

  it.each([
    ['holderB', 'galois', 'galois-keys'],
    ['holderB', 'refresh', 'refresh'],
    ['querier', 'queryResult', 'result']
  ])('%s without a sound at %s is missed within the deadline', async (victim, kind, phase) => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 500 } })
    const { run, finished } = start(parties)
    killAt(parties, victim, kind, { silent: true })
    const begun = performance.now()
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', peer: victim, phase })
    for (const [peer, outcome] of finished)
      if (peer !== victim) expect(await rejection(outcome)).toMatchObject({ code: 'party-missing', peer: victim })
    expect(performance.now() - begun).toBeLessThan(5000)
  })

  it('the model owner is not missed once the model is there', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    parties.network.kill('owner')
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })

  it('one querier of two is not missed by the other', async () => {
    const parties = cohort({ roles: { ...SEPARATE, second: ['querier'] } })
    const run = parties.coordinator.run()
    await parties.member('second').ready()
    parties.network.kill('querier')
    expect(await parties.member('second').query(samples(1))).toHaveLength(1)
    await parties.member('second').leave()
    await run
  })

  it('that never comes is named when the patience ends', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { roster: 500 } })
    parties.network.kill('holderC')
    expect(await rejection(parties.coordinator.run())).toMatchObject({ code: 'party-missing', peer: 'holderC', phase: 'roster' })
  })

  it('that comes late is waited for', async () => {
    const parties = cohort({ roles: SEPARATE })
    parties.network.kill('holderC')
    const run = parties.coordinator.run()
    setTimeout(() => parties.network.revive('holderC'), 300)
    await parties.member('querier').query(samples(1))
    await parties.member('querier').leave()
    await run
  })
})

describe('two ends that disagree', () => {
  it('a querier that was started anew before it was missed ends the session everywhere, and the next one serves it', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    const finished = new Map([...parties.members].map(([peer, member]) => [peer, member.finished()]))
    for (const outcome of finished.values()) outcome.catch(() => undefined)
    await parties.member('querier').ready()
    parties.restart('querier')
    // The network has noticed no more than a short loss of the connection.
    parties.network.tell(EVALUATOR, 'querier', 'back')
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', peer: 'querier' })
    for (const [peer, outcome] of finished) {
      if (peer !== 'querier') expect(await rejection(outcome), peer).toMatchObject({ code: 'party-missing', peer: 'querier' })
    }
    await succeeds(parties)
  })

  it('without any news of the network, they find out when the coordinator calls the roll', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 300 } })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    parties.restart('querier')
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', peer: 'querier' })
  })

  it('members that have given up a coordinator, which does not know it, are asked when the connection is back', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    const holder = parties.member('holderB').finished()
    holder.catch(() => undefined)
    await parties.member('querier').ready()
    // Suspended for long: they hear that it is gone, it only hears that they are back.
    for (const peer of parties.members.keys()) parties.network.tell(peer, EVALUATOR, 'down')
    expect(await rejection(holder)).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
    for (const peer of parties.members.keys()) parties.network.tell(EVALUATOR, peer, 'back')
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', reason: 'it does not know the session any more' })
    await succeeds(parties)
  })

  it('a member that comes back to a coordinator of another session ends its own', async () => {
    const parties = cohort({ roles: SEPARATE })
    const { run, finished } = start(parties)
    await parties.member('holderA').ready()
    // The coordinator drops the session and cannot tell: only the connection is seen to come back.
    parties.network.setFault(message => (kindOf(message) === 'abort' ? 'drop' : undefined))
    parties.network.tell(EVALUATOR, 'holderC', 'down')
    await rejection(run)
    parties.network.tell('holderA', EVALUATOR, 'back')
    expect(await rejection(finished.get('holderA')!)).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
  })

  it('an owner of the model that comes back anew is not needed any more', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 300 } })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    parties.restart('owner')
    parties.network.restart('owner')
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })
})

describe('a proposal', () => {
  it('that a party dies over: whoever accepted hears of it, even when the news overtakes the proposal', async () => {
    const parties = cohort({ roles: SEPARATE })
    const { run, finished } = start(parties)
    killAt(parties, 'holderB', 'propose', { silent: false })
    // The querier is still making its key when the abort arrives.
    parties.fake('querier').gate = method => (method === 'resultKey' ? new Promise(resolve => setTimeout(resolve, 100)) : undefined)
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', peer: 'holderB', phase: 'session' })
    expect(
      await Promise.race([rejection(finished.get('querier')!), new Promise(resolve => setTimeout(() => resolve('not asked'), 300))])
    ).toSatisfy(outcome => outcome === 'not asked' || (outcome instanceof PartyMissingError && outcome.peer === 'holderB'))
    parties.network.setFault(undefined)
    parties.network.revive('holderB')
    await succeeds(parties)
  })
})

describe('the coordinator', () => {
  it('that dies is missed by everybody, and a new one starts afresh', async () => {
    const parties = cohort({ roles: SEPARATE })
    const { finished, predictions } = start(parties)
    await parties.member('querier').ready()
    parties.network.kill(EVALUATOR)
    for (const [peer, outcome] of finished) {
      expect(await rejection(outcome), peer).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
      expect(parties.fake(peer).closed).toBe(1)
    }
    expect(await rejection(predictions)).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
  })

  it('that falls silent is missed by the querier that waits for it', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 500 } })
    const { run, predictions } = start(parties)
    killAt(parties, EVALUATOR, 'refresh', { silent: true })
    expect(await rejection(predictions)).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
    await rejection(run)
  })

  it('that falls silent is missed by those who have nothing to do', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 400 } })
    const { finished } = start(parties)
    await parties.member('owner').ready()
    parties.network.kill(EVALUATOR, { silent: true })
    expect(await rejection(finished.get('owner')!)).toMatchObject({ code: 'party-missing', peer: EVALUATOR })
  })

  it('that is stopped tells everybody', async () => {
    const stop = new AbortController()
    const parties = cohort({ roles: SEPARATE, coordinator: { signal: stop.signal } })
    const { run, finished } = start(parties)
    await parties.member('holderA').ready()
    stop.abort()
    expect(await rejection(run)).toBeInstanceOf(SessionAbortedError)
    for (const outcome of finished.values()) {
      expect(await rejection(outcome)).toMatchObject({ code: 'session-aborted', culprit: EVALUATOR, reason: 'the coordinator was stopped' })
    }
  })

  it('that begins anew ends the session before', async () => {
    const parties = cohort({ roles: SEPARATE })
    parties.coordinator.run().catch(() => undefined)
    const first = parties.member('holderA').finished()
    first.catch(() => undefined)
    await parties.member('querier').ready()
    // The process dies without a word and comes back before anybody has noticed.
    const again = new Coordinator({
      transport: parties.network.transport(EVALUATOR),
      signer: new FakeSigner(EVALUATOR),
      roster: parties.roster,
      cryptography: new FakeCryptography(EVALUATOR),
      planner: () => parties.plan,
      policy: { allowInsecure: true }
    })
    const run = again.run()
    expect(await rejection(first)).toMatchObject({
      code: 'session-aborted',
      culprit: EVALUATOR,
      reason: 'the coordinator began a new session'
    })
    await again.ready()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })
})

describe('a member that stops', () => {
  it('tells the coordinator, which tells everybody', async () => {
    const parties = cohort({ roles: SEPARATE })
    const { run, finished } = start(parties)
    parties.fake(EVALUATOR).gate = method => (method === 'evaluating' ? new Promise(() => undefined) : undefined)
    await parties.member('holderA').ready()
    await parties.member('holderA').stop()
    expect(await rejection(run)).toMatchObject({ code: 'session-aborted', culprit: 'holderA' })
    for (const outcome of finished.values()) expect(await rejection(outcome)).toMatchObject({ code: 'session-aborted', culprit: 'holderA' })
  })
})

describe('a network with faults', () => {
  /** Runs a session to the end under a fault and returns how often it struck. */
  async function survives(
    strike: (message: MemoryMessage, nth: number) => ReturnType<Fault>,
    options: Partial<CohortOptions> = {}
  ): Promise<Cohort> {
    const parties = cohort({ roles: SEPARATE, ...options })
    let count = 0
    parties.network.setFault(message => strike(message, count++))
    await succeeds(parties)
    return parties
  }

  it('that loses a request or an answer of every kind now and then', async () => {
    const lost = new Map<string, number>()
    await survives(
      message => {
        const kind = kindOf(message) ?? 'none'
        const times = lost.get(kind) ?? 0
        if (times >= 1 || kind === 'ping' || kind === 'pong' || kind === 'close') return undefined
        lost.set(kind, times + 1)
        return 'drop'
      },
      { deadlines: { idle: 400 } }
    )
    for (const kind of ['propose', 'acceptance', 'open', 'galois', 'shares', 'modelPart', 'queryInput', 'refresh', 'switch', 'queryResult'])
      expect(lost.has(kind), kind).toBe(true)
  })

  it('that cuts one message of every kind short', async () => {
    const cut = new Set<string>()
    const parties = await survives(message => {
      const kind = kindOf(message) ?? 'none'
      if (cut.has(kind) || kind === 'close') return undefined
      cut.add(kind)
      return message.bytes.subarray(0, message.bytes.length - 1)
    })
    expect(cut.size).toBeGreaterThan(25)
    expect(parties.refused.length).toBeGreaterThan(20)
    expect(parties.refused.every(({ error }) => 'code' in error && error.code !== 'internal')).toBe(true)
  })

  it('that delays everything and turns the order round', async () => {
    await survives((_message, nth) => new Promise(resolve => setTimeout(() => resolve(undefined), (nth * 7) % 20)))
  })

  it('in which one party answers late, but answers pings', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 300 } })
    parties.fake('holderB').gate = method =>
      method === 'galoisShare' || method === 'refreshShare' ? new Promise(resolve => setTimeout(resolve, 700)) : undefined
    parties.fake(EVALUATOR).gate = method => (method === 'evaluating' ? new Promise(resolve => setTimeout(resolve, 900)) : undefined)
    await succeeds(parties)
    expect(parties.refused).toEqual([])
  })

  it('in which one party is busy beyond all measure', async () => {
    const parties = cohort({ roles: SEPARATE, deadlines: { idle: 300, longest: 600 } })
    const { run } = start(parties)
    parties.fake('holderB').gate = method => (method === 'galoisShare' ? new Promise(() => undefined) : undefined)
    expect(await rejection(run)).toMatchObject({ code: 'party-missing', peer: 'holderB', phase: 'galois-keys' })
  })
})
