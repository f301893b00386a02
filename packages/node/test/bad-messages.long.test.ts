/**
 * Messages that break the rules, sent over real sockets by peers of the roster in the middle of a session with real cryptography. All tests share one
 * session: after every one of them an honest query must be answered as the clear model answers it.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { CONTROL_PROTOCOL, createHost, DEFAULT_DEADLINES, DEFAULT_LIMITS, encodeHeader, FrameKind, REQUEST_PROTOCOL } from '@slytherin/node'
import {
  type Bodies,
  decodeBody,
  galoisElements,
  type Kind,
  messageSizes,
  NotPermittedError,
  OutOfOrderMessageError,
  OversizedMessageError,
  type RemoteFailureError,
  ReplayedMessageError,
  readHeader,
  type SessionSummary,
  ShareConflictError,
  SignatureError,
  UnknownMemberError,
  WrongSessionError
} from '@slytherin/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { asked } from './support/asked.js'
import { until } from './support/network.js'
import { firstComponentBytes, type Made, outcomeOf, type PartyName, WiredCohort, withResidueAtItsPrime } from './support/wired-cohort.js'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const flipLast = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte))

let cohort: WiredCohort
let closed: Promise<SessionSummary>

beforeAll(async () => {
  cohort = await WiredCohort.start('mlp-square', { limits: { queries: 64 } })
  closed = (await cohort.open()).closed
  await cohort.expectRightAnswers()
})

afterEach(async () => {
  // Whatever became of a test, the next one has honest parties.
  for (const { cryptography } of Object.values(cohort.parties)) {
    for (const made of Object.keys(cryptography.spoil) as Made[]) delete cryptography.spoil[made]
  }
  await cohort.expectRightAnswers()
  for (const { notices, transport } of Object.values(cohort.parties)) {
    expect(notices.filter(({ kind }) => kind === 'down')).toEqual([])
    expect(transport.connectedPeers.length).toBeGreaterThan(0)
  }
})

afterAll(async () => {
  await cohort.members.patient.leave()
  // One session from the first test to the last.
  expect((await closed).queries).toBe(cohort.answered)
  await cohort.stop()
})

/** Body of the last message of a kind from one party to another. */
function bodyOf<K extends Kind>(from: PartyName, kind: K, to?: PartyName): Bodies[K] {
  return decodeBody(kind, cohort.sent(from, kind, to).header.body, messageSizes(cohort.plan), from)
}

/** Opens a query of the patient's, outside its own bookkeeping. */
async function openQuery(query: string): Promise<void> {
  const { peer } = cohort.parties.patient
  expect(await cohort.send('patient', 'clinic', cohort.message('queryOpen', { query, querier: peer, samples: 1 }))).toMatchObject({
    kind: 'acknowledged'
  })
}

describe('a peer outside the roster', () => {
  it('is refused before any protocol, in the middle of a session', async () => {
    const { clinic } = cohort.parties
    const privateKey = await generateKeyPair('Ed25519')
    const stranger = await createHost({
      privateKey,
      listen: [],
      allowedPeers: new Set([clinic.peer]),
      deadlines: DEFAULT_DEADLINES,
      limits: DEFAULT_LIMITS
    })
    try {
      const received = clinic.transport.bytes.received()
      for (const protocol of [CONTROL_PROTOCOL, REQUEST_PROTOCOL]) {
        const opened = stranger
          .dial(clinic.transport.addresses.map(address => multiaddr(address)))
          .then(async connection => {
            const stream = await connection.newStream(protocol)
            stream.send(cohort.sent('patient', 'queryOpen').bytes)
            await until(() => stream.status !== 'open' && stream.status !== 'closing', 5000, 'stream closed')
            if (stream.readBufferLength > 0) throw new TypeError('the stranger was answered')
          })
          .catch((error: unknown) => {
            if (error instanceof TypeError) throw error
          })
        await opened
      }
      const refusals = clinic.notices.filter(({ kind, peer }) => kind === 'refused' && peer === stranger.peerId.toString())
      expect(refusals.length).toBeGreaterThan(0)
      expect(refusals[0]).toMatchObject({ error: { code: 'unknown-member', field: 'peer id', peer: stranger.peerId.toString() } })
      expect(clinic.refused.filter(({ peer }) => peer === stranger.peerId.toString())).toEqual([])
      expect(clinic.transport.bytes.received(stranger.peerId.toString())).toBe(0)
      expect(clinic.transport.bytes.received()).toBeGreaterThanOrEqual(received)
    } finally {
      await stranger.stop()
    }
  })
})

describe('an honest querier', () => {
  it.each([
    ['too few values', Float64Array.of(1, 2, 3), /expected 30 .*got 3/],
    ['a value that is no number', new Float64Array(30).fill(Number.NaN), /finite/]
  ])('that is given a sample with %s is told so before anything is sent', async (_what, sample, message) => {
    const { patient } = cohort.parties
    const sent = patient.tap.sent.length
    await expect(cohort.members.patient.query([cohort.model.samples[0]!, sample])).rejects.toThrow(message)
    expect(patient.tap.sent.slice(sent).filter(({ header }) => header.kind === 'queryInput')).toEqual([])
  })
})

describe('a peer of the roster is told what is wrong with a message', () => {
  it('that is no message, or one with a field that is none', async () => {
    const galois = cohort.sent('clinic', 'galois', 'first').bytes
    const cases: [Uint8Array, string, string][] = [
      [new Uint8Array(0), 'envelope', 'body'],
      [text('hello there'), 'envelope', 'body'],
      [crypto.getRandomValues(new Uint8Array(64)).fill(0xff, 0, 8), 'envelope', 'tag'],
      [new Uint8Array([0x0a, 0x0a]), 'envelope', 'tag'],
      [new Uint8Array([8, 1, 0xfa, 0x07, 0]), 'envelope', 'body'],
      [new Uint8Array([...galois, 0]), 'envelope', 'body'],
      [new Uint8Array([8, 9, ...galois.subarray(2)]), 'envelope', 'version'],
      [cohort.message('galois', { element: 3 }, { lane: 77 }), 'galois', 'lane'],
      [cohort.message('galois', { element: 1 }), 'galois', 'element']
    ]
    for (const [message, kind, field] of cases) {
      expect(await cohort.refusal('clinic', 'first', message), field).toMatchObject({ code: 'malformed-message', kind, field })
    }
    // A body that the decoder cannot read: the length of its one field goes beyond it.
    const open = cohort.message('queryOpen', { query: 'abcd', querier: '', samples: 0 })
    open[open.length - 5] = 0x7f
    expect(await cohort.refusal('patient', 'clinic', open)).toMatchObject({ code: 'malformed-message', kind: 'queryOpen', field: 'body' })
    const nameless = cohort.message('queryOpen', { query: '', querier: cohort.parties.patient.peer, samples: 1 })
    expect(await cohort.refusal('patient', 'clinic', nameless)).toMatchObject({
      code: 'malformed-message',
      kind: 'queryOpen',
      field: 'query'
    })
    const answer = cohort.message('shares', { shares: [text('share')], signature: text('') })
    expect(await cohort.refusal('first', 'clinic', answer)).toMatchObject({ code: 'malformed-message', kind: 'shares', field: 'kind' })
  })

  it('in a frame that is none', async () => {
    expect(await cohort.refusal('patient', 'clinic', [new Uint8Array(300).fill(0xee)])).toMatchObject({
      code: 'malformed-message',
      kind: 'frame',
      field: 'kind'
    })
    expect(await cohort.refusal('second', 'clinic', [encodeHeader(FrameKind.response, 3), new Uint8Array(3)])).toMatchObject({
      code: 'malformed-message',
      kind: 'frame',
      field: 'kind'
    })
  })

  it('that is longer than its sender, its kind or the plan allows', async () => {
    const giant = await cohort.refusal('patient', 'clinic', [encodeHeader(FrameKind.request, 0xffff_ffff)])
    expect(giant).toBeInstanceOf(OversizedMessageError)
    expect(giant).toMatchObject({ kind: 'request', field: 'length' })
    // What the patient may send, for its inputs are large, the owner may not.
    const { input } = messageSizes(cohort.plan)
    const large = new Uint8Array(input)
    expect(await cohort.refusal('owner', 'clinic', [encodeHeader(FrameKind.request, input)])).toBeInstanceOf(OversizedMessageError)
    const abort = { proposal: new Uint8Array(32), code: 'x', culprit: 'x', phase: 'x', reason: 'x'.repeat(20_000) }
    expect(await cohort.refusal('clinic', 'first', cohort.message('abort', abort, { session: new Uint8Array(0) }))).toMatchObject({
      code: 'oversized-message',
      kind: 'abort',
      field: 'body'
    })
    const refresh = bodyOf('clinic', 'refresh', 'first')
    const many = cohort.message('refresh', { ...refresh, instance: 'many', c1: [new Uint8Array(8), new Uint8Array(8)] })
    expect(await cohort.refusal('clinic', 'first', many)).toMatchObject({ code: 'oversized-message', kind: 'refresh', field: 'c1' })
    await openQuery('long')
    const long = cohort.message('queryInput', { query: 'long', index: 0, ciphertext: new Uint8Array([...large, 0]) })
    expect(await cohort.refusal('patient', 'clinic', long)).toMatchObject({
      code: 'malformed-message',
      kind: 'queryInput',
      field: 'ciphertext'
    })
  })

  it('that is cut short: the frame, the envelope, or what it carries', async () => {
    const galois = cohort.sent('clinic', 'galois', 'first').bytes
    for (const [length, field] of [
      [galois.length - 1, 'body'],
      [20, 'session'],
      [1, 'version']
    ] as const) {
      expect(await cohort.refusal('clinic', 'first', galois.subarray(0, length)), field).toMatchObject({ code: 'malformed-message', field })
    }
    // A frame that stops half-way, its stream left open.
    const stuck = await cohort.refusal('patient', 'clinic', [encodeHeader(FrameKind.request, 1000), new Uint8Array(500)])
    expect(stuck).toMatchObject({ code: 'deadline-exceeded', kind: 'frame', field: 'stream' })
    // A frame that stops half-way, its stream closed.
    const { clinic, patient } = cohort.parties
    const faults = clinic.notices.length
    const stream = await cohort.connection('patient', 'clinic').newStream(REQUEST_PROTOCOL)
    stream.send(Buffer.concat([encodeHeader(FrameKind.request, 1000), new Uint8Array(500)]))
    await stream.close()
    await until(() => clinic.notices.length > faults, 3000, 'fault')
    expect(clinic.notices.at(-1)).toMatchObject({
      kind: 'fault',
      peer: patient.peer,
      error: { code: 'malformed-message', peer: patient.peer, kind: 'frame', field: 'payload' }
    })
    // A ciphertext without its end, and one without its second component.
    await openQuery('short')
    const { ciphertext } = bodyOf('patient', 'queryInput')
    for (const length of [ciphertext.length - 1, firstComponentBytes(cohort.plan), 1]) {
      const input = cohort.message('queryInput', { query: 'short', index: 0, ciphertext: ciphertext.subarray(0, length) })
      expect(await cohort.refusal('patient', 'clinic', input)).toMatchObject({
        code: 'malformed-message',
        kind: 'queryInput',
        field: 'length',
        expected: String(ciphertext.length),
        actual: String(length)
      })
    }
    const refresh = bodyOf('clinic', 'refresh', 'first')
    const component = await asked(cohort, 'first', 'refresh', refresh, 'short', { c1: [refresh.c1[0]!.subarray(1)] })
    expect(await cohort.refusal('clinic', 'first', component)).toMatchObject({
      code: 'malformed-message',
      kind: 'refresh',
      field: expect.stringMatching(/^c1/)
    })
  })

  it('that was received before', async () => {
    for (const [from, to, kind] of [
      ['clinic', 'first', 'galois'],
      ['clinic', 'second', 'refresh'],
      ['clinic', 'owner', 'modelPart'],
      ['patient', 'clinic', 'queryInput'],
      ['patient', 'clinic', 'queryEvaluate']
    ] as const) {
      const error = await cohort.refusal(from, to, cohort.sent(from, kind, to).bytes)
      expect(error).toBeInstanceOf(ReplayedMessageError)
      expect(error).toMatchObject({ kind, field: 'sequence' })
    }
  })

  it('out of order, by its number or by what has not happened yet', async () => {
    const element = galoisElements(cohort.plan)[0]!
    // In a lane of its own, which nobody else counts in.
    const galois = (sequence: number): Uint8Array => cohort.message('galois', { element }, { lane: 14, sequence })
    await cohort.send('clinic', 'second', galois(100))
    const late = await cohort.refusal('clinic', 'second', galois(99))
    expect(late).toBeInstanceOf(OutOfOrderMessageError)
    expect(late).toMatchObject({ kind: 'galois', field: 'sequence' })
    const ahead = await cohort.refusal('clinic', 'second', galois(5100))
    expect(ahead).toBeInstanceOf(OutOfOrderMessageError)

    const { ciphertext } = bodyOf('patient', 'queryInput')
    const unopened = await cohort.refusal('patient', 'clinic', cohort.message('queryInput', { query: 'unopened', index: 0, ciphertext }))
    expect(unopened).toBeInstanceOf(OutOfOrderMessageError)
    expect(unopened).toMatchObject({ kind: 'queryInput', field: 'query' })
    await openQuery('empty')
    expect(
      await cohort.refusal('patient', 'clinic', cohort.message('queryEvaluate', { query: 'empty', signature: new Uint8Array(0) }))
    ).toMatchObject({
      code: 'out-of-order-message',
      kind: 'queryEvaluate',
      field: 'query'
    })
    const result = bodyOf('clinic', 'queryResult', 'patient')
    const unasked = cohort.message('queryResult', { ...result, query: 'unasked' })
    expect(await cohort.refusal('clinic', 'patient', unasked)).toMatchObject({
      code: 'out-of-order-message',
      kind: 'queryResult',
      field: 'query'
    })
  })

  it('of another session, of none, or of a proposal where the session’s is due', async () => {
    const proposal = cohort.sent('clinic', 'commitments').header.session
    for (const session of [new Uint8Array(32).fill(7), new Uint8Array(0), proposal]) {
      const refresh = await cohort.refusal('clinic', 'first', cohort.message('refresh', bodyOf('clinic', 'refresh', 'first'), { session }))
      expect(refresh).toBeInstanceOf(WrongSessionError)
      expect(refresh).toMatchObject({ kind: 'refresh', field: 'session' })
      const input = await cohort.refusal('patient', 'clinic', cohort.message('queryInput', bodyOf('patient', 'queryInput'), { session }))
      expect(input).toBeInstanceOf(WrongSessionError)
      expect(input).toMatchObject({ kind: 'queryInput', field: 'session' })
    }
  })

  it('with a residue at its prime: an input, a component to refresh, a component to switch', async () => {
    const { plan } = cohort
    const { patient } = cohort.parties
    const honest = bodyOf('patient', 'queryInput').ciphertext
    const second = firstComponentBytes(plan)
    for (const [field, start] of [
      ['c0', 0],
      ['C1', second]
    ] as const) {
      const expected = { code: 'malformed-message', kind: 'queryInput', field, expected: 'residues below their primes' }
      // The patient's own, otherwise honest query: it hears what was wrong with it.
      patient.cryptography.spoil.encryptInput = bytes => withResidueAtItsPrime(bytes, plan, start)
      const refused = (await outcomeOf(cohort.members.patient.query(cohort.model.samples.slice(0, 1)))) as RemoteFailureError
      delete patient.cryptography.spoil.encryptInput
      expect(refused.remote).toMatchObject({ ...expected, peer: patient.peer, actual: expect.stringContaining('residue 5 of row 0') })
      await openQuery(`residue-${field}`)
      const ciphertext = withResidueAtItsPrime(honest, plan, start, 16_383)
      const input = cohort.message('queryInput', { query: `residue-${field}`, index: 0, ciphertext })
      expect(await cohort.refusal('patient', 'clinic', input)).toMatchObject({
        ...expected,
        actual: expect.stringContaining('residue 16383 of row 0')
      })
    }
    for (const holder of ['first', 'second'] as const) {
      for (const kind of ['refresh', 'switch'] as const) {
        const body = bodyOf('clinic', kind, holder)
        const c1 = [withResidueAtItsPrime(body.c1[0]!, plan, 0)]
        const spoilt = await asked(cohort, holder, kind, body, 'residue', { c1 })
        expect(await cohort.refusal('clinic', holder, spoilt)).toMatchObject({
          code: 'malformed-message',
          kind,
          field: 'c1',
          expected: 'residues below their primes',
          actual: expect.stringMatching(/residue 5\b/)
        })
        // No share was given: the instance is still free for what is in order.
        const right = await cohort.send('clinic', holder, await asked(cohort, holder, kind, body, 'residue'))
        expect(right.kind).toBe('shares')
      }
    }
  })

  it('that is an encryption, but not the one that is proved', async () => {
    const { patient } = cohort.parties
    const second = firstComponentBytes(cohort.plan)
    patient.cryptography.spoil.encryptInput = bytes => withFirstResidueZero(bytes, second)
    const refused = (await outcomeOf(cohort.members.patient.query(cohort.model.samples.slice(0, 1)))) as RemoteFailureError
    delete patient.cryptography.spoil.encryptInput
    expect(refused.remote).toMatchObject({ code: 'proof-rejected', kind: 'queryProof', peer: patient.peer, culprit: patient.peer })
  })

  it('of a wrong level, or with other figures than the plan’s', async () => {
    // An input says no level: the plan's is the only one whose length it can have.
    await openQuery('level')
    const honest = bodyOf('patient', 'queryInput').ciphertext
    const { parameters, inputs } = cohort.plan
    const row = (2 ** parameters.logN * BigInt(parameters.primes[inputs.level]!).toString(2).length) / 8
    const second = firstComponentBytes(cohort.plan)
    const ciphertext = Buffer.concat([honest.subarray(0, second - row), honest.subarray(second)])
    expect(await cohort.refusal('patient', 'clinic', cohort.message('queryInput', { query: 'level', index: 0, ciphertext }))).toMatchObject(
      {
        code: 'malformed-message',
        kind: 'queryInput',
        field: 'length',
        expected: String(honest.length),
        actual: String(honest.length - row)
      }
    )
    const refresh = bodyOf('clinic', 'refresh', 'first')
    const lower = await asked(cohort, 'first', 'refresh', refresh, 'lower', { level: refresh.level - 1 })
    expect(await cohort.refusal('clinic', 'first', lower)).toMatchObject({
      code: 'malformed-message',
      kind: 'refresh',
      field: 'level',
      expected: String(refresh.level)
    })
    // A smaller bound would mean shorter masks.
    const smaller = await asked(cohort, 'first', 'refresh', refresh, 'smaller', { magnitude: refresh.magnitude / 1024 })
    expect(await cohort.refusal('clinic', 'first', smaller)).toMatchObject({
      code: 'malformed-message',
      kind: 'refresh',
      field: 'magnitude',
      expected: String(refresh.magnitude)
    })
    const change = bodyOf('clinic', 'switch', 'second')
    const higher = await asked(cohort, 'second', 'switch', change, 'higher', { level: change.level + 1 })
    expect(await cohort.refusal('clinic', 'second', higher)).toMatchObject({ code: 'malformed-message', kind: 'switch', field: 'level' })
    // Less noise would mean less flooding.
    const quieter = await asked(cohort, 'second', 'switch', change, 'quieter', { noise: change.noise - 20 })
    expect(await cohort.refusal('clinic', 'second', quieter)).toMatchObject({ code: 'malformed-message', kind: 'switch', field: 'noise' })
  })

  it('with a share of somebody who is no key holder, or that its key holder has not signed', async () => {
    const part = bodyOf('clinic', 'publicKeyPart', 'owner')
    const stranger = '12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2'
    for (const peer of [stranger, cohort.parties.patient.peer, cohort.parties.clinic.peer]) {
      const error = await cohort.refusal('clinic', 'owner', cohort.message('publicKeyPart', { ...part, peer }))
      expect(error).toBeInstanceOf(UnknownMemberError)
      expect(error).toMatchObject({ kind: 'publicKeyPart', field: 'peer', actual: peer })
    }
    const forged = cohort.message('publicKeyPart', { ...part, signature: flipLast(part.signature) })
    const unsigned = await cohort.refusal('clinic', 'owner', forged)
    expect(unsigned).toBeInstanceOf(SignatureError)
    expect(unsigned).toMatchObject({ kind: 'publicKeyPart', field: 'signature', culprit: cohort.parties.clinic.peer })
    for (const from of ['first', 'patient', 'owner'] as const) {
      const error = await cohort.refusal(from, 'clinic', cohort.message('publicKeyPart', { ...part, share: new Uint8Array(9) }))
      expect(error).toBeInstanceOf(NotPermittedError)
      expect(error).toMatchObject({ kind: 'publicKeyPart', field: 'sender' })
    }
  })

  it('with a second share that differs from the first', async () => {
    // A key holder that signs another share than it was bound to: whoever has its commitment refuses it and names the holder.
    const { first } = cohort.parties
    first.cryptography.spoil.publicKeyShare = bytes => flipLast(bytes)
    const reply = await cohort.parties.clinic.transport.request(first.peer, cohort.message('publicKeyShare', {}), {
      maximumResponseBytes: 64 << 20
    })
    delete first.cryptography.spoil.publicKeyShare
    const revealed = bodyOfAnswer('revealedShare', reply)
    for (const to of ['owner', 'second', 'patient'] as const) {
      const error = await cohort.refusal('clinic', to, cohort.message('publicKeyPart', { peer: first.peer, ...revealed }))
      expect(error).toBeInstanceOf(SignatureError)
      expect(error).toMatchObject({ kind: 'publicKeyPart', field: 'share', culprit: first.peer })
    }
    // An evaluator that wants two shares for one instance.
    for (const kind of ['refresh', 'switch'] as const) {
      const body = bodyOf('clinic', kind, 'first')
      const right = await asked(cohort, 'first', kind, body, 'twice')
      expect((await cohort.send('clinic', 'first', right)).kind).toBe('shares')
      const other = await asked(cohort, 'first', kind, body, 'twice', { c1: [withFirstResidueZero(body.c1[0]!)] })
      const error = await cohort.refusal('clinic', 'first', other)
      expect(error).toBeInstanceOf(ShareConflictError)
      expect(error).toMatchObject({ kind, field: 'c1' })
      expect((await cohort.send('clinic', 'first', await asked(cohort, 'first', kind, body, 'twice'))).kind).toBe('shares')
    }
    // An evaluator that has changed a share of round one, of which the sum is multiplied by the secret.
    const part = bodyOf('clinic', 'relinearizationPart', 'first')
    const forged = cohort.message('relinearizationPart', { ...part, share: withFirstResidueZero(part.share, 24) })
    const error = await cohort.refusal('clinic', 'first', forged)
    expect(error).toBeInstanceOf(SignatureError)
    expect(error).toMatchObject({ kind: 'relinearizationPart', field: 'signature', culprit: cohort.parties.clinic.peer })
    // A data owner that changes its mind about an input.
    await openQuery('twice')
    const { ciphertext } = bodyOf('patient', 'queryInput')
    const input = (bytes: Uint8Array): Uint8Array => cohort.message('queryInput', { query: 'twice', index: 0, ciphertext: bytes })
    await cohort.send('patient', 'clinic', input(ciphertext))
    await cohort.send('patient', 'clinic', input(ciphertext))
    const changed = await cohort.refusal('patient', 'clinic', input(withFirstResidueZero(ciphertext)))
    expect(changed).toBeInstanceOf(ShareConflictError)
    expect(changed).toMatchObject({ kind: 'queryInput', field: 'ciphertext[0]' })
  })

  it('while a query is being evaluated, of which nothing is lost', async () => {
    const honest = cohort.expectRightAnswers()
    let refusals = 0
    const storm = async (): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        for (const [from, to] of [
          ['patient', 'clinic'],
          ['first', 'clinic'],
          ['clinic', 'second']
        ] as const) {
          await cohort.refusal(from, to, crypto.getRandomValues(new Uint8Array(100)).fill(0xff, 0, 8))
          await cohort.refusal(from, to, [encodeHeader(FrameKind.request, 0xffff_ffff)])
          refusals += 2
        }
      }
    }
    await Promise.all([storm(), honest])
    expect(refusals).toBe(30)
  })
})

function bodyOfAnswer<K extends Kind>(kind: K, answer: Uint8Array): Bodies[K] {
  const header = readHeader(answer, 'answer')
  expect(header.kind).toBe(kind)
  return decodeBody(kind, header.body, messageSizes(cohort.plan), 'answer')
}

/** Other residues, just as valid. */
function withFirstResidueZero(bytes: Uint8Array, start = 0): Uint8Array {
  return bytes.map((byte, i) => (i >= start && i < start + 6 ? 0 : byte))
}
