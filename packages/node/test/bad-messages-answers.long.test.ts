/**
 * Parties of the roster that answer badly, over real sockets and with real cryptography: key holders with shares that are none, a model owner and an
 * evaluator with ciphertexts that are none. What can be asked for again is; a party without which the session cannot go on ends it, named to everybody, and
 * the next session among honest parties succeeds.
 */
import {
  type Bodies,
  decodeBody,
  encodeMessage,
  type Header,
  messageSizes,
  RemoteFailureError,
  ReplayedMessageError,
  readHeader,
  SessionAbortedError,
  WrongSessionError
} from '@slytherin/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type Made,
  type ModelName,
  outcomeOf,
  type PartyName,
  type Session,
  WiredCohort,
  type WiredOptions,
  withResidueAtItsPrime
} from './support/wired-cohort.js'

/** Bytes before the residues of a result and of a result key, and where a result says its level. */
const CIPHERTEXT_HEADER = 48
const CIPHERTEXT_LEVEL = 8
/** The same for a share. */
const SHARE_HEADER = 24
const SHARE_LEVEL = 7

type Spoil = (bytes: Uint8Array) => Uint8Array

const cutShort: Spoil = bytes => bytes.subarray(0, bytes.length - 1)
const atLevel =
  (offset: number): Spoil =>
  bytes =>
    bytes.map((byte, i) => (i === offset ? byte + 1 : byte))
const withBadResidue =
  (start: number): Spoil =>
  bytes =>
    withResidueAtItsPrime(bytes, cohort.plan, start)

/** The one that a test is about. */
let cohort: WiredCohort

/** Everybody is honest again. */
function behave(): void {
  for (const { cryptography, tap, refused } of Object.values(cohort.parties)) {
    for (const made of Object.keys(cryptography.spoil) as Made[]) delete cryptography.spoil[made]
    cryptography.full = undefined
    tap.answer = undefined
    refused.length = 0
  }
}
afterEach(behave)

/** Parties for the tests of a suite. */
function withCohort(model: ModelName, options: WiredOptions = { ring: 'small' }): void {
  beforeAll(async () => {
    cohort = await WiredCohort.start(model, options)
  })
  afterAll(async () => {
    await cohort.stop()
  })
}

/** Everybody hears who ended the session and why. */
async function expectAborted({ closed, finished }: Session, culprit: PartyName, phase: string, reason: RegExp): Promise<void> {
  const { peer } = cohort.parties[culprit]
  const outcomes = new Map([['clinic', await outcomeOf(closed)]])
  for (const [name, outcome] of finished) outcomes.set(name, await outcomeOf(outcome))
  for (const [name, error] of outcomes) {
    expect(error, name).toBeInstanceOf(SessionAbortedError)
    expect(error, name).toMatchObject({ culprit: peer, phase, reason: expect.stringMatching(reason) })
  }
}

describe('a party that answers badly', () => {
  withCohort('logreg')
  const residue = /residues? below their primes|not below its prime/
  const CASES: [PartyName, Made, string, string, string, () => Spoil, RegExp][] = [
    ['first', 'publicKeyShare', 'a residue at its prime', 'public-key', 'publicKeyPart', () => withBadResidue(SHARE_HEADER), residue],
    ['second', 'relinearizationShareOne', 'its end missing', 'relinearization-key', 'relinearization-1', () => cutShort, /length/],
    [
      'first',
      'relinearizationShareTwo',
      'a residue at its prime',
      'relinearization-key',
      'relinearization-2',
      () => withBadResidue(SHARE_HEADER),
      residue
    ],
    ['first', 'galoisShare', 'a wrong level', 'galois-keys', 'galois', () => atLevel(SHARE_LEVEL), /level/],
    ['owner', 'modelPart', 'a residue at its prime', 'model-upload', 'modelPartReply', () => withBadResidue(0), residue],
    ['owner', 'modelPart', 'its end missing', 'model-upload', 'modelPartReply', () => cutShort, /length/]
  ]

  it.each(CASES)(
    '%s whose %s has %s is named to everybody; run again, all is well',
    async (culprit, made, _what, phase, kind, spoil, reason) => {
      const { clinic, [culprit]: hostile } = cohort.parties
      // The plan, which says where residues are, comes with the session: it is looked up when the first object is made.
      hostile.cryptography.spoil[made] = bytes => spoil()(bytes)
      const session = cohort.begin()
      await expectAborted(session, culprit, phase, reason)
      // What the evaluator has to say names peer, message and field.
      const { cause } = await outcomeOf(session.closed)
      const fault = { code: 'malformed-message', kind, field: expect.any(String), culprit: hostile.peer }
      expect(cause instanceof RemoteFailureError ? cause.remote : cause).toMatchObject(fault)
      // Shares of evaluation keys were asked for again before that, but for those to which the holder is bound.
      const repeated = clinic.refused.filter(({ peer }) => peer === hostile.peer)
      expect(repeated.length).toBeGreaterThanOrEqual(
        phase === 'public-key' || made === 'relinearizationShareOne' || phase === 'model-upload' ? 0 : 2
      )
      for (const { error } of repeated) expect(error).toMatchObject(fault)
      behave()
      await cohort.expectGoodSession()
    }
  )

  it.each([
    ['no JSON', () => new TextEncoder().encode('{"version": 1'), /JSON/],
    [
      'a layer that does not fit',
      (json: Uint8Array) => new TextEncoder().encode(new TextDecoder().decode(json).replace('"inputs":30', '"inputs":31')),
      /layers/
    ]
  ])('the owner of a model whose architecture is %s', async (_what, spoil, reason) => {
    const { owner } = cohort.parties
    owner.tap.answer = (request, answer) => {
      if (request.kind !== 'architecture') return undefined
      const { json } = decodeBody('architectureReply', readHeader(answer, '').body, undefined, '')
      return encodeMessage(request, 'architectureReply', { json: spoil(json) })
    }
    const error = await outcomeOf(cohort.begin().closed)
    expect(error).toMatchObject({ code: 'session-aborted', culprit: owner.peer, phase: 'plan', reason: expect.stringMatching(reason) })
    expect(error.cause).toMatchObject({ code: 'malformed-message', peer: owner.peer, kind: 'architectureReply', field: 'json' })
    behave()
    await cohort.expectGoodSession()
  })

  it('a querier whose result key is none hears it with its query, which no key holder can help', async () => {
    const { clinic, patient } = cohort.parties
    patient.cryptography.spoil.resultKey = withBadResidue(CIPHERTEXT_HEADER)
    const session = await cohort.open()
    const error = await outcomeOf(cohort.members.patient.query(cohort.model.samples.slice(0, 1)))
    const fault = { code: 'malformed-message', kind: 'switch', field: 'payload', culprit: patient.peer }
    expect(error).toMatchObject({ code: 'remote-failure', remote: { ...fault, reason: expect.stringContaining('refused by') } })
    const told = expect.objectContaining({ remote: expect.objectContaining(fault) })
    expect(clinic.refused).toContainEqual({ peer: patient.peer, error: told })
    behave()
    await cohort.members.patient.leave()
    await session.closed
    await Promise.all(session.finished.values())
    await cohort.expectGoodSession()
  })

  it('is not blamed for what goes wrong at the evaluator', async () => {
    const { clinic } = cohort.parties
    for (const [store, phase] of [
      ['addShare', 'relinearization-key'],
      ['storeModelPart', 'model-upload']
    ] as const) {
      clinic.cryptography.full = store
      await expectAborted(cohort.begin(), 'clinic', phase, /no space left|internal error/)
    }
  })
})

describe('a key holder that answers badly in the middle of a query', () => {
  withCohort('mlp-square')
  let session: Session
  beforeAll(async () => {
    session = await cohort.open()
  })
  afterEach(async () => {
    behave()
    await cohort.expectRightAnswers()
  })
  afterAll(async () => {
    await cohort.members.patient.leave()
    await session.closed
    await Promise.all(session.finished.values())
  })

  const CASES: [PartyName, Made, string, string, () => Spoil, string | RegExp][] = [
    ['first', 'refreshShare', 'refresh', 'a residue at its prime', () => withBadResidue(SHARE_HEADER), 'polynomial 0'],
    ['second', 'refreshShare', 'refresh', 'its end missing', () => cutShort, 'length'],
    ['first', 'refreshShare', 'refresh', 'a wrong level', () => atLevel(SHARE_LEVEL), 'level'],
    ['second', 'switchShare', 'switch', 'a residue at its prime', () => withBadResidue(SHARE_HEADER), 'polynomial 0'],
    ['first', 'switchShare', 'switch', 'another instance', () => atLevel(SHARE_LEVEL + 1), 'session and instance tag']
  ]

  it.each(CASES)('%s whose %s (%s) has %s: that query fails, the session goes on', async (culprit, made, kind, _what, spoil, field) => {
    const { clinic, [culprit]: hostile } = cohort.parties
    hostile.cryptography.spoil[made] = spoil()
    const error = (await outcomeOf(cohort.members.patient.query(cohort.model.samples.slice(0, 1)))) as RemoteFailureError
    expect(error).toMatchObject({ code: 'remote-failure', peer: clinic.peer })
    const expected = { code: 'malformed-message', peer: hostile.peer, kind, field }
    expect(error.remote).toMatchObject(expected)
    expect(clinic.refused).toContainEqual({ peer: hostile.peer, error: expect.objectContaining(expected) })
  })

  it.each([
    ['a residue at its prime', () => withBadResidue(CIPHERTEXT_HEADER), 'payload'],
    ['a wrong level', () => atLevel(CIPHERTEXT_LEVEL), 'level'],
    ['its end missing', () => cutShort, 'length']
  ] as const)('the evaluator whose result has %s: the querier refuses it, the session goes on', async (_what, spoil, field) => {
    const { clinic, patient } = cohort.parties
    clinic.cryptography.spoil.evaluate = spoil()
    const error = await outcomeOf(cohort.members.patient.query(cohort.model.samples.slice(0, 1)))
    const expected = { code: 'malformed-message', peer: clinic.peer, kind: 'queryResult', field }
    expect(error).toMatchObject(expected)
    expect(patient.refused).toContainEqual({ peer: clinic.peer, error: expect.objectContaining(expected) })
  })
})

describe('an answer that is damaged once', () => {
  // Every refusal is counted: a busy machine, on which a frame stops for a moment, must not add one.
  withCohort('logreg', { ring: 'as shipped', network: { idle: 60_000 } })
  type Answer = (request: Header, answer: Uint8Array) => Uint8Array
  const shares = (alter: (shares: Uint8Array[]) => Uint8Array[]): Answer => {
    return (request, answer) => {
      const { body } = readHeader(answer, 'second')
      const reply: Bodies['shares'] = decodeBody('shares', body, messageSizes(cohort.plan), 'second')
      return encodeMessage(request, 'shares', { ...reply, shares: alter(reply.shares) })
    }
  }
  /** Its holder has signed the share that it gave, and no other. */
  const UNSIGNED = { code: 'signature', kind: 'galois', field: 'signature' }
  /** What happens to the answers to the first requests for Galois keys, and how the evaluator calls it. */
  const DAMAGES: [string, Answer, object][] = [
    [
      'cut short',
      (_request, answer) => answer.subarray(0, answer.length - 1),
      { code: 'malformed-message', kind: 'envelope', field: 'body' }
    ],
    [
      'too long',
      (_request, answer) => Buffer.concat([answer, new Uint8Array(8 << 20)]),
      { code: 'oversized-message', kind: 'response', field: 'length' }
    ],
    [
      'of another kind',
      request => encodeMessage(request, 'acknowledged', {}),
      { code: 'malformed-message', kind: 'galois', field: 'reply' }
    ],
    [
      'to another request',
      (request, answer) =>
        encodeMessage(
          { ...request, sequence: request.sequence + 1 },
          'shares',
          decodeBody('shares', readHeader(answer, '').body, messageSizes(cohort.plan), '')
        ),
      { code: 'out-of-order-message', kind: 'shares', field: 'sequence' }
    ],
    ['two shares', shares(list => [...list, ...list]), { code: 'oversized-message', kind: 'shares', field: 'shares' }],
    ['no share', shares(() => []), { code: 'malformed-message', kind: 'galois', field: 'shares' }],
    ['a residue at its prime', shares(list => list.map(withBadResidue(SHARE_HEADER))), UNSIGNED],
    ['a wrong level', shares(list => list.map(atLevel(SHARE_LEVEL))), UNSIGNED],
    ['another protocol', shares(list => list.map(atLevel(SHARE_LEVEL - 1))), UNSIGNED],
    ['another session', shares(list => list.map(atLevel(SHARE_LEVEL + 1))), UNSIGNED]
  ]

  it('is asked for again, whatever is wrong with it, and the session succeeds', async () => {
    const { clinic, second } = cohort.parties
    const struck = new Set<number>()
    second.tap.answer = (request, answer) => {
      if (request.kind !== 'galois') return undefined
      const { element } = decodeBody('galois', request.body, undefined, clinic.peer)
      const damage = DAMAGES[struck.size]
      if (damage === undefined || struck.has(element)) return undefined
      struck.add(element)
      return damage[1](request, answer)
    }
    await cohort.expectGoodSession()
    expect(struck.size).toBe(DAMAGES.length)
    expect(clinic.refused).toHaveLength(DAMAGES.length)
    for (const [what, , expected] of DAMAGES) {
      expect(clinic.refused, what).toContainEqual({ peer: second.peer, error: expect.objectContaining({ ...expected, peer: second.peer }) })
    }
  })
})

describe('what belongs to a session that is over', () => {
  withCohort('logreg')
  it('is refused in the next: an answer, a message, a descriptor', async () => {
    const { second } = cohort.parties
    await cohort.expectGoodSession()
    const { session: over } = cohort
    const proposal = cohort.sent('clinic', 'propose', 'second').bytes
    const galois = cohort.sent('clinic', 'galois', 'second').bytes
    const input = cohort.sent('patient', 'queryInput').bytes

    // A key holder that answers in the name of the session before.
    second.tap.answer = (request, answer) => {
      if (request.kind !== 'relinearizationOne') return undefined
      const reply = decodeBody('revealedShare', readHeader(answer, '').body, messageSizes(cohort.plan), '')
      return encodeMessage({ ...request, session: over }, 'revealedShare', reply)
    }
    await expectAborted(cohort.begin(), 'second', 'relinearization-key', /another session/)
    second.tap.answer = undefined

    const { closed, finished } = await cohort.open()
    for (const [from, to, bytes, kind] of [
      ['clinic', 'second', galois, 'galois'],
      ['patient', 'clinic', input, 'queryInput']
    ] as const) {
      const error = await cohort.refusal(from, to, bytes)
      expect(error).toBeInstanceOf(WrongSessionError)
      expect(error).toMatchObject({ kind, field: 'session' })
    }
    const again = await cohort.refusal('clinic', 'second', proposal)
    expect(again).toBeInstanceOf(ReplayedMessageError)
    expect(again).toMatchObject({ kind: 'propose', field: 'descriptor' })
    await cohort.expectRightAnswers()
    await cohort.members.patient.leave()
    await closed
    await Promise.all(finished.values())
  })
})
