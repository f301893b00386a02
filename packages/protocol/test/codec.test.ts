import {
  type Bodies,
  decodeBody,
  decodeFailure,
  type ErrorCode,
  type ErrorDetails,
  encodeFailure,
  encodeMessage,
  errorFromCode,
  type Kind,
  MalformedMessageError,
  messageSizes,
  PROTOCOL_VERSION,
  ProtocolError,
  RemoteFailureError,
  readHeader,
  translateError
} from '@slytherin/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { cohort, EVALUATOR, SEPARATE, samples, testPlan } from './support/cohort.js'
import { Wire } from './support/wire.js'

const SIZES = messageSizes(testPlan(3))
const bytes = (maximum: number) => fc.uint8Array({ maxLength: maximum })
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const text = fc.string({ maxLength: 40 })
const finite = fc.double({ noNaN: true })

/** Bodies of every shape: empty, numbers, texts, doubles, byte strings, lists, nested. */
const BODIES = {
  hello: fc.record({ roster: fc.array(text, { maxLength: 8 }) }),
  helloReply: fc.record({ roles: fc.array(text, { maxLength: 8 }) }),
  propose: fc.record({ descriptor: bytes(300) }),
  acceptance: fc.record({
    commitment: bytes(40),
    signature: bytes(80),
    resultKey: bytes(300),
    checksProofs: fc.boolean(),
    witnesses: uint32,
    from: fc.array(text, { maxLength: 3 })
  }),
  commitments: fc.record({
    entries: fc.array(fc.record({ peer: text, commitment: bytes(40), resultKeyHash: bytes(40), signature: bytes(80) }), { maxLength: 6 })
  }),
  open: fc.record({
    nonces: fc.array(fc.record({ peer: text, nonce: bytes(40) }), { maxLength: 6 }),
    resultKeys: fc.array(fc.record({ peer: text, key: bytes(100) }), { maxLength: 3 })
  }),
  galois: fc.record({ element: uint32 }),
  shares: fc.record({ shares: fc.array(bytes(200), { maxLength: 3 }), signature: bytes(80) }),
  queryResult: fc.record({
    query: text,
    owner: text,
    samples: uint32,
    index: uint32,
    total: uint32,
    ciphertext: bytes(300),
    inputs: bytes(40),
    asked: bytes(80),
    signature: bytes(80)
  }),
  queryAnnounce: fc.record({ query: text, owner: text, querier: text, samples: uint32, inputs: bytes(40), signature: bytes(80) }),
  refresh: fc.record({
    instance: text,
    level: uint32,
    scale: finite,
    magnitude: finite,
    c1: fc.array(bytes(200), { maxLength: 3 }),
    query: text,
    querier: text,
    step: uint32,
    signature: bytes(80),
    endorsements: fc.array(fc.record({ peer: text, signature: bytes(80) }), { maxLength: 3 })
  }),
  switch: fc.record({
    query: text,
    querier: text,
    instance: text,
    level: uint32,
    noise: finite,
    c1: fc.array(bytes(200), { maxLength: 3 }),
    signature: bytes(80),
    endorsements: fc.array(fc.record({ peer: text, signature: bytes(80) }), { maxLength: 3 })
  }),
  witnessShare: fc.record({ protocol: text, instance: text, peer: text, share: bytes(200), salt: bytes(40), signature: bytes(80) }),
  witnessRefreshed: fc.record({
    query: text,
    instance: text,
    peer: text,
    shares: fc.array(bytes(200), { maxLength: 3 }),
    signature: bytes(80)
  }),
  modelProofReply: fc.record({ batch: uint32, proof: bytes(300) }),
  queryProof: fc.record({ query: text, batch: uint32, proof: bytes(300) }),
  proofPart: fc.record({ query: text, owner: text, batch: uint32, index: uint32, undivided: bytes(300) }),
  proofCopy: fc.record({ query: text, owner: text, batch: uint32, proof: bytes(300) }),
  endorse: fc.record({ assist: text, query: text, querier: text, step: uint32, instance: text, c1: bytes(40), signature: bytes(80) }),
  ping: fc.record({ lane: uint32, sequence: uint32 }),
  pong: fc.record({ working: fc.boolean() })
} satisfies { [K in Kind]?: fc.Arbitrary<Bodies[K]> }

const KINDS = Object.keys(BODIES) as (keyof typeof BODIES)[]

/** Views into larger buffers and Buffers are the same bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
  return Object.is(value, -0) ? 0 : value
}

describe('messages', () => {
  it.each(KINDS)('%s survives its bytes', kind => {
    const address = fc.record({ session: fc.constantFrom(new Uint8Array(0), new Uint8Array(32).fill(9)), lane: uint32, sequence: uint32 })
    fc.assert(
      fc.property(address, BODIES[kind] as fc.Arbitrary<Bodies[typeof kind]>, (addressing, body) => {
        const header = readHeader(encodeMessage(addressing, kind, body), 'peer')
        expect(plain({ session: header.session, lane: header.lane, sequence: header.sequence })).toEqual(plain(addressing))
        expect(header.kind).toBe(kind)
        expect(plain(decodeBody(kind, header.body, SIZES, 'peer'))).toEqual(plain(body))
      }),
      { numRuns: runs(40) }
    )
  })

  it('of random bytes are refused with typed errors, whatever they are', () => {
    fc.assert(
      fc.property(bytes(200), raw => {
        try {
          readHeader(raw, 'peer')
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError)
        }
      }),
      { numRuns: runs(2000) }
    )
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), bytes(300), fc.boolean(), (kind, raw, planned) => {
        try {
          decodeBody(kind, raw, planned ? SIZES : undefined, 'peer')
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          expect(error).toMatchObject({ peer: 'peer', kind })
        }
      }),
      { numRuns: runs(2000) }
    )
  })

  it.each<[string, number[], string, string]>([
    ['a number in more bytes than it takes', [8, 0x80 + PROTOCOL_VERSION, 0x00, 0xea, 0x02, 2, 8, 1], 'envelope', 'version'],
    ['a zero that is written', [8, PROTOCOL_VERSION, 24, 0, 0xea, 0x02, 2, 8, 1], 'envelope', 'lane'],
    ['a length in more bytes than it takes', [8, PROTOCOL_VERSION, 0xea, 0x02, 0x82, 0x00, 8, 1], 'envelope', 'body'],
    ['a field twice', [8, PROTOCOL_VERSION, 0xea, 0x02, 4, 8, 1, 8, 1], 'ping', 'body'],
    ['fields out of order', [8, PROTOCOL_VERSION, 0xea, 0x02, 4, 16, 1, 8, 1], 'ping', 'body'],
    ['a field that is unknown', [8, PROTOCOL_VERSION, 0xea, 0x02, 4, 8, 1, 24, 1], 'ping', 'body'],
    ['a default that is written', [8, PROTOCOL_VERSION, 0xea, 0x02, 4, 8, 1, 16, 0], 'ping', 'body'],
    ['a number in the body in more bytes than it takes', [8, PROTOCOL_VERSION, 0xea, 0x02, 3, 8, 0x81, 0x00], 'ping', 'body']
  ])('have one form: %s is refused', (_what, raw, kind, field) => {
    const read = (message: readonly number[]) => {
      const header = readHeader(Uint8Array.from(message), 'peer')
      return decodeBody(header.kind, header.body, SIZES, 'peer')
    }
    expect(read([8, PROTOCOL_VERSION, 0xea, 0x02, 2, 8, 1])).toEqual({ lane: 1, sequence: 0 })
    expect(() => read(raw)).toThrow(expect.objectContaining({ code: 'malformed-message', peer: 'peer', kind, field }))
  })

  it('with a bit changed or bytes missing decode to something or are refused with typed errors', () => {
    const addressing = { session: new Uint8Array(32).fill(9), lane: 3, sequence: 70_000 }
    const altered = fc.constantFrom(...KINDS).chain(kind =>
      fc.record({
        kind: fc.constant(kind),
        message: (BODIES[kind] as fc.Arbitrary<Bodies[typeof kind]>).map(body => encodeMessage(addressing, kind, body)),
        position: fc.nat(),
        bit: fc.integer({ min: 0, max: 7 }),
        cut: fc.option(fc.nat())
      })
    )
    fc.assert(
      fc.property(altered, ({ message, position, bit, cut }) => {
        const raw = Uint8Array.from(message)
        raw[position % raw.length]! ^= 1 << bit
        try {
          const header = readHeader(cut === null ? raw : raw.subarray(0, cut % raw.length), 'peer')
          decodeBody(header.kind, header.body, SIZES, 'peer')
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: runs(2000) }
    )
  })

  it('are bounded by what the plan needs', () => {
    const c1 = [new Uint8Array(3 * SIZES.refreshC1 + 400_000)]
    const [query, querier, signature] = ['q', 'b', new Uint8Array(8)]
    const long = { c1, instance: 'i', level: 1, scale: 1, magnitude: 1, query, querier, step: 1, signature, endorsements: [] }
    const header = readHeader(encodeMessage({ session: new Uint8Array(0), lane: 0, sequence: 0 }, 'refresh', long), 'peer')
    expect(() => decodeBody('refresh', header.body, SIZES, 'peer')).toThrow('larger than this session allows')
    expect(() => decodeBody('refresh', Uint8Array.of(10, 0), undefined, 'peer')).toThrow('at most 0 bytes')
  })

  it('that a running member gets, random or altered, never stop it', async () => {
    const parties = cohort({ roles: SEPARATE })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    const known = wire.seen.filter(({ direction }) => direction === 'request').map(message => message.bytes)
    const hostile = fc.oneof(
      bytes(100),
      fc
        .record({ message: fc.constantFrom(...known), position: fc.nat(), value: fc.integer({ min: 0, max: 255 }) })
        .map(({ message, position, value }) => {
          const raw = Uint8Array.from(message)
          // Neither the session (bytes 4 to 35) nor what would be a new, valid message.
          raw[position % Math.min(raw.length, 4)] = value
          return raw
        })
    )
    await fc.assert(
      fc.asyncProperty(hostile, fc.constantFrom('holderA', 'owner', 'querier'), async (raw, to) => {
        try {
          await parties.network.inject(EVALUATOR, to, raw)
        } catch (error) {
          expect(error).toBeInstanceOf(RemoteFailureError)
          expect((error as RemoteFailureError).remote.code).not.toBe('internal')
        }
      }),
      { numRuns: runs(300) }
    )
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })
})

describe('failures', () => {
  const codes = fc.constantFrom<ErrorCode>(
    'malformed-message',
    'oversized-message',
    'replayed-message',
    'out-of-order-message',
    'wrong-session',
    'unknown-member',
    'not-permitted',
    'share-conflict',
    'residue-range',
    'quota-exceeded',
    'party-missing',
    'peer-unreachable',
    'deadline-exceeded',
    'descriptor-rejected',
    'signature',
    'session-aborted',
    'remote-failure',
    'internal'
  )
  const filled = fc.string({ minLength: 1, maxLength: 60 })
  const details = fc.record<ErrorDetails>(
    {
      peer: filled,
      kind: filled,
      field: filled,
      expected: filled,
      actual: filled,
      phase: filled,
      remedy: filled,
      culprit: filled,
      reason: filled
    },
    { requiredKeys: ['peer', 'phase', 'field', 'remedy', 'culprit', 'reason'] }
  )

  it('keep class, code and every field on the way', () => {
    fc.assert(
      fc.property(codes, details, (code, fields) => {
        const original = errorFromCode(code, fields)
        expect(original.code).toBe(code)
        const copy = decodeFailure(encodeFailure(original), 'peer')
        expect(copy).toBeInstanceOf(original.constructor)
        expect({ ...copy, remote: undefined }).toEqual({ ...original, remote: undefined })
        expect(copy.message).toBe(original.message)
      })
    )
  })

  it('of random bytes give a typed error and never throw', () => {
    fc.assert(
      fc.property(bytes(300), raw => {
        expect(decodeFailure(raw, 'peer')).toBeInstanceOf(ProtocolError)
      }),
      { numRuns: runs(1000) }
    )
    expect(decodeFailure(new Uint8Array(100_000), 'peer')).toMatchObject({ code: 'oversized-message' })
  })

  it('of a code that is not known say so', () => {
    expect(errorFromCode('new-kind', { reason: 'later' })).toMatchObject({ code: 'internal', reason: 'new-kind: later' })
  })

  it('of other packages are renamed, and what is unknown shows only its name', () => {
    const named = (name: string): Error => Object.assign(new Error('residue 5 of row 1'), { name })
    expect(translateError(named('ResidueRangeError'), { peer: 'p' })).toMatchObject({
      code: 'residue-range',
      peer: 'p',
      reason: 'residue 5 of row 1'
    })
    expect(translateError(named('ShareAlreadyGivenError'), {})).toMatchObject({ code: 'share-conflict' })
    expect(translateError(named('DecryptionQuotaError'), {})).toMatchObject({ code: 'quota-exceeded' })
    expect(translateError(named('MalformedCiphertextError'), {})).toMatchObject({ code: 'malformed-message' })
    const unknown = translateError(Object.assign(new Error('/home/somebody/secret'), { name: 'SomeError' }), {})
    expect(unknown).toMatchObject({ code: 'internal', reason: 'SomeError' })
    expect(unknown.message).not.toContain('secret')
    expect(translateError('text', {})).toMatchObject({ code: 'internal', reason: 'string' })
  })

  it('bound the length of what they carry', () => {
    const failure = encodeFailure(errorFromCode('internal', { reason: 'x'.repeat(100_000) }))
    expect(failure.length).toBeLessThan(1000)
  })
})
