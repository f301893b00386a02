import {
  type Bodies,
  decodeFailure,
  encodeFailure,
  galoisElements,
  InvalidResidueError,
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  OversizedMessageError,
  type ProtocolError,
  QuotaExceededError,
  type RemoteFailureError,
  ReplayedMessageError,
  rosterLines,
  ShareConflictError,
  SignatureError,
  UnknownMemberError,
  WrongSessionError
} from '@slytherin/protocol'
import { logitsOf } from '@slytherin/protocol/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'
import { announced, asked, signatureOf } from './support/statements.js'
import { Wire } from './support/wire.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What the receiver threw, as the sender gets to know it. */
async function refusal(promise: Promise<unknown>): Promise<ProtocolError> {
  return (await rejection<RemoteFailureError>(promise)).remote
}

/** Of a Galois key that the plan needs: 3^4 mod 64. */
const ELEMENT = 17

const ABORT = { proposal: new Uint8Array(32), code: 'x', culprit: 'x', phase: 'x', reason: 'x' }

const proposalOf = (wire: Wire): Uint8Array => wire.find('commitments').header.session

describe('a message that is refused changes nothing', () => {
  let parties: Cohort
  let wire: Wire
  let run: Promise<unknown>

  /** As the plan foresees it, for a query that was announced. */
  const refreshOf = async (c1: Uint8Array[]): Promise<Bodies['refresh']> => {
    await wire.send(EVALUATOR, 'holderA', 'queryAnnounce', await announced(wire.session, 'q'))
    const { level, scale, magnitude, step } = parties.plan.refreshes[0]!
    const body = { query: 'q', querier: 'querier', step, instance: `q/${step}/0`, level, scale, magnitude, c1, endorsements: [] }
    return await asked(wire, 'refresh', step, body)
  }

  beforeEach(async () => {
    parties = cohort({ roles: SEPARATE, coordinator: { limits: { queries: 2 } } })
    wire = new Wire(parties.network)
    run = parties.coordinator.run()
    await parties.member('querier').ready()
  })

  /** After every refusal the session answers a query and closes in good order. */
  afterEach(async () => {
    const asked = samples(2)
    const predictions = await parties.member('querier').query(asked)
    expect(predictions.map(logits => [...logits])).toEqual(asked.map(logitsOf))
    await parties.member('querier').leave()
    await run
  })

  it('from a peer that is not in the roster', async () => {
    const error = await refusal(wire.send('stranger', 'holderA', 'publicKeyShare', {}))
    expect(error).toBeInstanceOf(UnknownMemberError)
    expect(error).toMatchObject({ peer: 'stranger' })
    expect(parties.refused.at(-1)).toMatchObject({ at: 'holderA', peer: 'stranger' })
  })

  it('that is no message, is cut short, or goes on after its end', async () => {
    const galois = wire.find('galois', 'holderA').bytes
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(0), 'body'],
      [bytes('hello there'), 'body'],
      [new Uint8Array([0x0a, 0x0a]), 'tag'],
      [galois.subarray(0, galois.length - 1), 'body'],
      [galois.subarray(0, 20), 'session'],
      [new Uint8Array([...galois, 0]), 'body'],
      [new Uint8Array([8, 1, 0xfa, 0x07, 0]), 'body'],
      [new Uint8Array([8, 9, ...galois.subarray(2)]), 'version']
    ]
    for (const [message, field] of cases) {
      const error = await refusal(parties.network.inject(EVALUATOR, 'holderA', message))
      expect(error).toBeInstanceOf(MalformedMessageError)
      expect(error).toMatchObject({ peer: EVALUATOR, kind: 'envelope', field })
    }
  })

  it('that is an answer nobody waits for', async () => {
    const error = await refusal(wire.send('querier', EVALUATOR, 'shares', { shares: [bytes('share')], signature: bytes('') }))
    expect(error).toMatchObject({ code: 'malformed-message', field: 'kind', actual: 'shares' })
  })

  it('that is longer than its kind may be', async () => {
    const reason = 'x'.repeat(20_000)
    const error = await refusal(wire.send(EVALUATOR, 'holderA', 'abort', { ...ABORT, reason }, { session: new Uint8Array(0) }))
    expect(error).toBeInstanceOf(OversizedMessageError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'abort', field: 'body' })
  })

  it('that is longer than anything its sender may send', async () => {
    const error = await refusal(parties.network.inject('owner', EVALUATOR, new Uint8Array(100_000)))
    expect(error).toBeInstanceOf(OversizedMessageError)
    expect(error).toMatchObject({ peer: 'owner' })
  })

  it('that was received before', async () => {
    const galois = wire.find('galois', 'holderA')
    const error = await refusal(parties.network.inject(EVALUATOR, 'holderA', galois.bytes))
    expect(error).toBeInstanceOf(ReplayedMessageError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'galois', field: 'sequence' })
  })

  it('whose sequence number was skipped, or is far ahead', async () => {
    await wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { sequence: 5 })
    const late = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { sequence: 4 }))
    expect(late).toBeInstanceOf(OutOfOrderMessageError)
    const again = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { sequence: 4 }))
    expect(again).toBeInstanceOf(ReplayedMessageError)
    const ahead = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { sequence: 5000 }))
    expect(ahead).toBeInstanceOf(OutOfOrderMessageError)
    const lane = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { lane: 77 }))
    expect(lane).toMatchObject({ code: 'malformed-message', field: 'lane' })
  })

  it('of another session', async () => {
    const error = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { session: new Uint8Array(32).fill(7) }))
    expect(error).toBeInstanceOf(WrongSessionError)
    const none = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { session: new Uint8Array(0) }))
    expect(none).toBeInstanceOf(WrongSessionError)
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: ELEMENT }, { session: proposalOf(wire) }))).toBeInstanceOf(
      WrongSessionError
    )
  })

  it('that the role of the sender or of the receiver does not permit', async () => {
    for (const kind of ['galois', 'refresh', 'switch', 'publicKeyShare', 'modelPart', 'close'] as const) {
      const error = await refusal(wire.send('querier', 'holderA', kind, {} as never))
      expect(error).toBeInstanceOf(NotPermittedError)
      expect(error).toMatchObject({ peer: 'querier', kind, field: 'sender' })
    }
    expect(await refusal(wire.send('holderA', EVALUATOR, 'queryOpen', { query: 'q', querier: 'querier', samples: 1 }))).toBeInstanceOf(
      NotPermittedError
    )
    const receiver = await refusal(wire.send(EVALUATOR, 'owner', 'galois', { element: ELEMENT }))
    expect(receiver).toMatchObject({ code: 'not-permitted', field: 'receiver' })
    const abort = await refusal(
      wire.send('holderB', 'holderA', 'abort', { ...ABORT, proposal: proposalOf(wire) }, { session: new Uint8Array(0) })
    )
    expect(abort).toBeInstanceOf(NotPermittedError)
    expect(await refusal(wire.send('holderB', EVALUATOR, 'abort', ABORT, { session: new Uint8Array(0) }))).toBeInstanceOf(WrongSessionError)
  })

  it('that asks a key holder for what the plan does not need', async () => {
    const element = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: 1 }))
    expect(element).toMatchObject({
      code: 'malformed-message',
      kind: 'galois',
      field: 'element',
      expected: galoisElements(parties.plan).join(' or '),
      actual: '1'
    })
    const request = await refreshOf([bytes('c1 x')])
    const level = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, level: 2 }))
    expect(level).toMatchObject({
      code: 'malformed-message',
      kind: 'refresh',
      field: 'level',
      expected: String(request.level),
      actual: '2'
    })
    const scale = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, scale: Number.NaN }))
    expect(scale).toMatchObject({ code: 'malformed-message', field: 'scale', actual: 'NaN' })
    const shorter = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, magnitude: request.magnitude / 2 }))
    expect(shorter).toMatchObject({ code: 'malformed-message', field: 'magnitude', expected: String(request.magnitude) })
    const none = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, c1: [] }))
    expect(none).toMatchObject({ field: 'c1' })
    const many = await refusal(
      wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, c1: Array.from({ length: 9 }, () => bytes('c1 x')) })
    )
    expect(many).toBeInstanceOf(OversizedMessageError)
    const long = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, c1: [new Uint8Array(6000)] }))
    expect(long).toMatchObject({ code: 'malformed-message', field: 'c1[0]' })
    const text = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, instance: 'two words' }))
    expect(text).toMatchObject({ field: 'instance' })
  })

  it('with a residue out of range, told by the cryptography', async () => {
    const error = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', await refreshOf([bytes('garbage')])))
    expect(error).toBeInstanceOf(InvalidResidueError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'refresh' })
    // The instance is still free for the right bytes.
    await wire.send(EVALUATOR, 'holderA', 'refresh', await refreshOf([bytes('c1 right')]))
  })

  it('that wants a second, different share', async () => {
    const request = await refreshOf([bytes('c1 first')])
    await wire.send(EVALUATOR, 'holderA', 'refresh', request)
    await wire.send(EVALUATOR, 'holderA', 'refresh', request)
    const others = [await refreshOf([bytes('c1 other')]), { scale: request.scale + 1 }, { magnitude: 2 * request.magnitude }]
    for (const other of others) {
      const error = await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', { ...request, ...other }))
      expect(error).toBeInstanceOf(ShareConflictError)
      expect(error).toMatchObject({ peer: EVALUATOR, kind: 'refresh', field: 'c1' })
    }
  })

  it('that hands round a share of a non-member, unsigned, or a second one', async () => {
    const share = bytes('pk of nobody')
    const salt = new Uint8Array(32)
    const signature = await new FakeSigner('stranger').sign(share)
    for (const peer of ['stranger', 'querier']) {
      const error = await refusal(wire.send(EVALUATOR, 'owner', 'publicKeyPart', { peer, share, salt, signature }))
      expect(error).toBeInstanceOf(UnknownMemberError)
      expect(error).toMatchObject({ field: 'peer', actual: peer })
    }
    const unsigned = await refusal(wire.send(EVALUATOR, 'owner', 'publicKeyPart', { peer: 'holderA', share, salt, signature }))
    expect(unsigned).toBeInstanceOf(SignatureError)
    expect(unsigned).toMatchObject({ culprit: EVALUATOR })
  })

  it('that switches to an unregistered key, beyond the quota, or for another result', async () => {
    const { level, noise } = parties.plan.output
    const step = parties.plan.steps.length
    const c1 = [bytes('c1 a'), bytes('c1 b')]
    const requestOf = async (query: string, on = wire): Promise<Bodies['switch']> =>
      await asked(on, 'switch', step, { query, querier: 'querier', instance: `${query}/result`, level, noise, c1, endorsements: [] })
    const request = await requestOf('q')
    for (const query of ['q', 'q1']) await wire.send(EVALUATOR, 'holderA', 'queryAnnounce', await announced(wire.session, query))
    const next = await requestOf('q1')
    const unregistered = await refusal(wire.send(EVALUATOR, 'holderA', 'switch', { ...request, querier: 'owner' }))
    expect(unregistered).toMatchObject({ code: 'unknown-member', field: 'querier', actual: 'owner' })
    // Two queries of three ciphertexts each: six in all, of which the query after every case takes three.
    await wire.send(EVALUATOR, 'holderA', 'switch', request)
    await wire.send(EVALUATOR, 'holderA', 'switch', request)
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'switch', { ...request, noise: noise + 1 }))).toBeInstanceOf(ShareConflictError)
    const quiet = await refusal(wire.send(EVALUATOR, 'holderA', 'switch', { ...next, noise: noise - 1 }))
    expect(quiet).toMatchObject({ code: 'malformed-message', field: 'noise' })
    const beyond = await refusal(wire.send(EVALUATOR, 'holderA', 'switch', { ...next, c1: ['c', 'd', 'e', 'f'].map(bytes) }))
    expect(beyond).toBeInstanceOf(OversizedMessageError)
    const another = cohort({ roles: SEPARATE, coordinator: { limits: { queries: 1 } } })
    const other = new Wire(another.network)
    const otherRun = another.coordinator.run()
    await another.member('querier').ready()
    for (const query of ['q', 'q1']) await other.send(EVALUATOR, 'holderA', 'queryAnnounce', await announced(other.session, query))
    await other.send(EVALUATOR, 'holderA', 'switch', await requestOf('q', other))
    const quota = await refusal(other.send(EVALUATOR, 'holderA', 'switch', await requestOf('q1', other)))
    expect(quota).toBeInstanceOf(QuotaExceededError)
    expect(quota).toMatchObject({ peer: EVALUATOR, kind: 'switch', field: 'querier', actual: '2 + 2, of which 1 are left' })
    another.coordinator.close()
    await otherRun
  })

  it('of a query that is not the sender’s, has no such input, or lacks inputs', async () => {
    const open = { query: 'q1', querier: 'querier', samples: 1 }
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryOpen', { ...open, samples: 13 }))).toMatchObject({ field: 'samples' })
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryOpen', { ...open, querier: 'owner' }))).toMatchObject({
      code: 'not-permitted'
    })
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryInput', { query: 'q0', index: 0, ciphertext: bytes('x') }))).toBeInstanceOf(
      OutOfOrderMessageError
    )
    await wire.send('querier', EVALUATOR, 'queryOpen', open)
    await wire.send('querier', EVALUATOR, 'queryOpen', open)
    const { self } = wire.network.transport('querier')
    expect(self).toBe('querier')
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryInput', { query: 'q1', index: 3, ciphertext: bytes('x') }))).toMatchObject({
      field: 'index',
      expected: 'below 3'
    })
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryInput', { query: 'q1', index: 0, ciphertext: bytes('x') }))).toMatchObject({
      code: 'malformed-message',
      kind: 'queryInput'
    })
    expect(await refusal(wire.send('querier', EVALUATOR, 'queryEvaluate', { query: 'q1', signature: bytes('') }))).toMatchObject({
      code: 'out-of-order-message',
      kind: 'queryEvaluate'
    })
  })

  it('for a query that nobody signed, or signed otherwise', async () => {
    const right = await announced(wire.session, 'q')
    const wrong: [Partial<Bodies['queryAnnounce']>, object][] = [
      [{ signature: bytes('') }, { code: 'signature', field: 'signature', culprit: EVALUATOR }],
      [{ samples: 2 }, { code: 'signature', field: 'signature' }],
      [{ samples: 13 }, { code: 'malformed-message', field: 'samples' }],
      [{ query: 'p' }, { code: 'signature', field: 'signature' }],
      [{ inputs: new Uint8Array(32) }, { code: 'signature', field: 'signature' }],
      [{ inputs: new Uint8Array(31) }, { code: 'malformed-message', field: 'inputs' }],
      [{ querier: 'holderB' }, { code: 'not-permitted', field: 'querier' }],
      [{ owner: 'owner' }, { code: 'not-permitted', field: 'owner', actual: 'owner' }],
      // signed, but by the evaluator, which may not ask
      [await announced(wire.session, 'q', { owner: EVALUATOR }), { code: 'not-permitted', field: 'owner', actual: EVALUATOR }],
      // signed in another session
      [await announced(new Uint8Array(32), 'q'), { code: 'signature', field: 'signature' }]
    ]
    for (const [other, error] of wrong) {
      expect(await refusal(wire.send(EVALUATOR, 'holderA', 'queryAnnounce', { ...right, ...other }))).toMatchObject({
        kind: 'queryAnnounce',
        peer: EVALUATOR,
        ...error
      })
    }
    await wire.send(EVALUATOR, 'holderA', 'queryAnnounce', right)
    await wire.send(EVALUATOR, 'holderA', 'queryAnnounce', right)
    const second = await announced(wire.session, 'q', { samples: 2 })
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'queryAnnounce', second))).toBeInstanceOf(ShareConflictError)
  })

  it('for shares of what was not announced, not planned, or not signed', async () => {
    const request = await refreshOf([bytes('c1 x')])
    const { step } = request
    const sign = async (body: Partial<Bodies['refresh']>, signer = EVALUATOR): Promise<Bodies['refresh']> => {
      const altered = { ...request, ...body }
      return await asked(wire, 'refresh', altered.step, altered, signer)
    }
    const wrong: [Bodies['refresh'], object][] = [
      [await sign({ query: 'p', instance: `p/${step}/0` }), { code: 'out-of-order-message', field: 'query', actual: 'p' }],
      [await sign({ querier: 'holderB' }), { code: 'malformed-message', field: 'querier', actual: 'holderB' }],
      [await sign({ step: step + 1 }), { code: 'malformed-message', field: 'step', actual: String(step + 1) }],
      [await sign({ instance: `q/${step}/1` }), { code: 'malformed-message', field: 'instance', expected: `q/${step}/0` }],
      [await sign({ instance: `p/${step}/0` }), { code: 'malformed-message', field: 'instance' }],
      [await sign({ instance: `q/${step}/00` }), { code: 'malformed-message', field: 'instance' }],
      [await sign({}, 'holderB'), { code: 'signature', field: 'signature', culprit: EVALUATOR }],
      [
        { ...request, c1: [bytes('c1 y')] },
        { code: 'signature', field: 'signature' }
      ]
    ]
    for (const [body, error] of wrong) {
      expect(await refusal(wire.send(EVALUATOR, 'holderA', 'refresh', body))).toMatchObject({ kind: 'refresh', peer: EVALUATOR, ...error })
    }
    const { level, noise } = parties.plan.output
    const result = { query: 'q', querier: 'querier', instance: 'q/result', level, noise, c1: [bytes('c1 x')], endorsements: [] }
    const end = parties.plan.steps.length
    const elsewhere = await asked(wire, 'switch', end, { ...result, instance: 'q/2/0' })
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'switch', elsewhere))).toMatchObject({ field: 'instance', expected: 'q/result' })
    const unannounced = await asked(wire, 'switch', end, { ...result, query: 'p', instance: 'p/result' })
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'switch', unannounced))).toMatchObject({ field: 'query', actual: 'p' })
    const unsigned = { ...result, signature: bytes('') }
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'switch', unsigned))).toBeInstanceOf(SignatureError)
  })

  it('that has a query evaluated without its owner’s signature over the inputs that came', async () => {
    const open = { query: 'q1', querier: 'querier', samples: 1 }
    await wire.send('querier', EVALUATOR, 'queryOpen', open)
    const fake = parties.fake('querier')
    const inputs = await fake.openQuery(samples(1), 'q1')
    for (let index = 0; index < 3; index++) {
      await wire.send('querier', EVALUATOR, 'queryInput', { query: 'q1', index, ciphertext: await inputs.encryptInput(index) })
    }
    await wire.send('querier', EVALUATOR, 'queryProof', { query: 'q1', batch: 0, proof: await inputs.proveInputs(0) })
    const other = await signatureOf(wire.session, 'querier', { kind: 'query', ...open, inputs: '00'.repeat(32) })
    for (const signature of [bytes(''), other]) {
      expect(await refusal(wire.send('querier', EVALUATOR, 'queryEvaluate', { query: 'q1', signature }))).toMatchObject({
        code: 'signature',
        kind: 'queryEvaluate',
        field: 'signature',
        peer: 'querier',
        culprit: 'querier'
      })
    }
  })

  it('that brings results nobody asked for', async () => {
    const signed = { inputs: new Uint8Array(32), asked: bytes('a'), signature: bytes('s') }
    const result = { query: 'q9', owner: 'querier', samples: 1, index: 0, total: 3, ciphertext: bytes('x'), ...signed }
    expect(await refusal(wire.send(EVALUATOR, 'querier', 'queryResult', result))).toBeInstanceOf(OutOfOrderMessageError)
    expect(await refusal(wire.send(EVALUATOR, 'querier', 'queryResult', { ...result, total: 2 }))).toMatchObject({ field: 'total' })
    expect(await refusal(wire.send(EVALUATOR, 'querier', 'queryResult', { ...result, index: 3 }))).toMatchObject({ field: 'index' })
  })

  it('and the refusal survives its encoding', async () => {
    const error = await refusal(wire.send(EVALUATOR, 'holderA', 'galois', { element: 1 }))
    expect(decodeFailure(encodeFailure(error), 'holderA')).toEqual(error)
  })
})

describe('before a session', () => {
  it('nothing but greetings and proposals is taken', async () => {
    const parties = cohort({ roles: SEPARATE })
    const wire = new Wire(parties.network)
    const session = new Uint8Array(32).fill(1)
    for (const kind of ['publicKeyShare', 'galois', 'ready', 'close'] as const) {
      expect(await refusal(wire.send(EVALUATOR, 'holderA', kind, {} as never, { session }))).toBeInstanceOf(WrongSessionError)
    }
    const header = await wire.send(EVALUATOR, 'holderA', 'hello', { roster: rosterLines(parties.roster) }, { session: new Uint8Array(0) })
    expect(header.kind).toBe('helloReply')
    expect(await refusal(wire.send('holderB', 'holderA', 'hello', { roster: [] }, { session: new Uint8Array(0) }))).toBeInstanceOf(
      NotPermittedError
    )
    expect(await refusal(wire.send(EVALUATOR, 'holderA', 'architecture', {}, { session: new Uint8Array(0) }))).toBeInstanceOf(
      NotPermittedError
    )
  })
})
