/** The bytes of every kind of message, of every kind of share and of a descriptor stay as they are (support/frozen.ts says how to change them). */
import { createHash } from 'node:crypto'
import { Context, Encryptor, KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import { encodeComponent, InMemoryShareLedger, RelinearizationKeyGeneration, ShareGiver, WholeKeyHolder } from '@slytherin/mhe'
import {
  type Bodies,
  canonicalRoster,
  decodeDescriptor,
  encodeDescriptor,
  encodeFailure,
  encodeMessage,
  type Kind,
  PartyMissingError,
  readHeader,
  type SessionDescriptor
} from '@slytherin/protocol'
import { deriveSeed, loadKernel } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import { testPlan } from './support/cohort.js'
import { frozen } from './support/frozen.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const bytes = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i)

const QUERY = '0123456789abcdef'

const BODIES: { readonly [K in Kind]: Bodies[K] } = {
  hello: { roster: ['a key-holder,evaluator', 'b querier'] },
  helloReply: { roles: ['key-holder', 'querier'] },
  architecture: {},
  architectureReply: { json: new TextEncoder().encode('{"name":"tiny"}') },
  propose: { descriptor: new TextEncoder().encode('{"version":1}') },
  acceptance: {
    commitment: bytes(32, 1),
    signature: bytes(8, 2),
    resultKey: bytes(8, 3),
    checksProofs: true,
    witnesses: 1,
    from: ['c']
  },
  commitments: {
    entries: [
      { peer: 'a', commitment: bytes(32, 1), resultKeyHash: new Uint8Array(0), signature: bytes(8, 2) },
      { peer: 'b', commitment: bytes(32, 3), resultKeyHash: bytes(32, 4), signature: bytes(8, 5) }
    ]
  },
  reveal: { nonce: bytes(32, 6) },
  open: { nonces: [{ peer: 'a', nonce: bytes(32, 7) }], resultKeys: [{ peer: 'b', key: bytes(8, 8) }] },
  opened: { signature: bytes(8, 9) },
  publicKeyShare: {},
  publicKeyCommit: {},
  shareCommitment: { commitment: bytes(32, 22), signature: bytes(8, 23) },
  publicKeyCommitments: { entries: [{ peer: 'a', commitment: bytes(32, 22), signature: bytes(8, 23) }] },
  revealedShare: { share: bytes(8, 10), salt: bytes(32, 24), signature: bytes(8, 11) },
  publicKeyPart: { peer: 'a', share: bytes(8, 10), salt: bytes(32, 24), signature: bytes(8, 11) },
  publicKeyConfirm: {},
  keyConfirmation: { hash: bytes(32, 25), signature: bytes(8, 26) },
  publicKeyConfirmed: { entries: [{ peer: 'a', hash: bytes(32, 25), signature: bytes(8, 26) }] },
  relinearizationCommit: {},
  relinearizationCommitments: { entries: [{ peer: 'b', commitment: bytes(32, 22), signature: bytes(8, 23) }] },
  relinearizationOne: {},
  relinearizationPart: { peer: 'b', share: bytes(8, 10), salt: bytes(32, 24), signature: bytes(8, 11) },
  relinearizationTwo: {},
  galois: { element: 25 },
  shares: { shares: [bytes(8, 13), bytes(8, 14)], signature: bytes(8, 27) },
  modelPart: { index: 300 },
  modelPartReply: { index: 300, ciphertext: bytes(8, 15) },
  modelSign: {},
  modelSigned: { hash: bytes(32, 28), signature: bytes(8, 29) },
  modelProof: { batch: 3 },
  modelProofReply: { batch: 3, proof: bytes(8, 27) },
  queryProof: { query: QUERY, batch: 1, proof: bytes(8, 28) },
  proofPart: { query: QUERY, owner: 'a', batch: 1, index: 65, undivided: bytes(8, 29) },
  proofCopy: { query: QUERY, owner: 'a', batch: 1, proof: bytes(8, 30) },
  witnessShare: { protocol: 'galois', instance: '25', peer: 'a', share: bytes(8, 10), salt: new Uint8Array(0), signature: bytes(8, 35) },
  witnessPart: { index: 300, ciphertext: bytes(8, 15) },
  modelAnnounce: { hash: bytes(32, 28), signature: bytes(8, 29) },
  witnessInput: { query: QUERY, index: 2, ciphertext: bytes(8, 16), owner: 'a' },
  witnessProof: { query: QUERY, batch: 1, proof: bytes(8, 28) },
  witnessRefreshed: { query: QUERY, instance: `${QUERY}/4/0`, peer: 'a', shares: [bytes(8, 13)], signature: bytes(8, 27) },
  endorse: {
    assist: 'refresh',
    query: QUERY,
    querier: 'b',
    step: 4,
    instance: `${QUERY}/4/0`,
    c1: bytes(32, 36),
    signature: bytes(8, 32)
  },
  endorsement: { signature: bytes(8, 34) },
  ready: {},
  queryOpen: { query: QUERY, querier: 'b', samples: 12 },
  queryInput: { query: QUERY, index: 2, ciphertext: bytes(8, 16) },
  queryEvaluate: { query: QUERY, signature: bytes(8, 30) },
  queryAnnounce: { query: QUERY, owner: 'a', querier: 'b', samples: 12, inputs: bytes(32, 31), signature: bytes(8, 30) },
  queryProgress: { query: QUERY, done: 3, total: 7, step: 'dense 1' },
  queryResult: {
    query: QUERY,
    owner: 'a',
    samples: 12,
    index: 1,
    total: 3,
    ciphertext: bytes(8, 17),
    inputs: bytes(32, 31),
    asked: bytes(8, 30),
    signature: bytes(8, 37)
  },
  queryFinished: { query: QUERY },
  queryFailed: { query: QUERY, failure: encodeFailure(new PartyMissingError({ peer: 'c', phase: 'refresh', reason: 'connection lost' })) },
  refreshWhole: {
    instance: `${QUERY}/4/0`,
    level: 2,
    scale: 2 ** 45,
    magnitude: 1.5,
    masked: [bytes(8, 27)],
    c1: [bytes(8, 18)],
    query: QUERY,
    querier: 'b',
    step: 4,
    signature: bytes(8, 32)
  },
  switchWhole: {
    query: QUERY,
    querier: 'b',
    instance: `${QUERY}/result`,
    level: 1,
    noise: 12.25,
    c1: [bytes(8, 20)],
    signature: bytes(8, 33)
  },
  reencrypted: { ciphertexts: [bytes(8, 28), bytes(8, 29)], signature: bytes(8, 34) },
  refresh: {
    instance: `${QUERY}/4/0`,
    level: 2,
    scale: 2 ** 45,
    magnitude: 1.5,
    c1: [bytes(8, 18), bytes(8, 19)],
    query: QUERY,
    querier: 'b',
    step: 4,
    signature: bytes(8, 32),
    endorsements: [{ peer: 'c', signature: bytes(8, 34) }]
  },
  switch: {
    query: QUERY,
    querier: 'b',
    instance: `${QUERY}/result`,
    level: 1,
    noise: 12.25,
    c1: [bytes(8, 20)],
    signature: bytes(8, 33),
    endorsements: [{ peer: 'c', signature: bytes(8, 34) }]
  },
  ping: { lane: 3, sequence: 70_000 },
  pong: { working: true },
  alive: {},
  leave: {},
  close: {},
  abort: { proposal: bytes(32, 21), code: 'party-missing', culprit: 'c', phase: 'refresh', reason: 'connection lost' },
  acknowledged: {}
}

describe('the bytes of a message', async () => {
  const kinds = Object.keys(BODIES) as Kind[]
  const write = (kind: Kind): Uint8Array => encodeMessage({ session: bytes(32, 100), lane: 2, sequence: 517 }, kind, BODIES[kind])
  const known = await frozen('messages', () => Object.fromEntries(kinds.map(kind => [kind, hex(write(kind))])))

  it.each(kinds)('%s are what they were', kind => {
    expect(hex(write(kind))).toBe(known[kind])
    expect(readHeader(Uint8Array.from(Buffer.from(known[kind]!, 'hex')), 'peer')).toMatchObject({ kind, lane: 2, sequence: 517 })
  })

  it('have a vector for each kind and no other', () => {
    expect(Object.keys(known).sort()).toEqual([...kinds].sort())
  })
})

describe('the bytes of a share', async () => {
  const parameters = Parameters.generate({
    logN: 5,
    firstPrimeBits: 48,
    primeBits: 45,
    levels: 3,
    specialPrimeBits: 48,
    specialPrimes: 1,
    scale: 2 ** 45,
    insecure: true
  })
  const context = Context.create(parameters, await loadKernel(), { parties: 2 })
  const seed = (label: string): Uint8Array => deriveSeed(new Uint8Array(32), 'frozen shares', label)
  const sessionId = bytes(32, 100)
  const key = new KeyGenerator(context).publicKey(SecretKey.fromSeed(context, seed('receiver')), seed('receiver key'))
  // The second component of a ciphertext does not depend on what it encrypts.
  const zeros = context.encoder.encode(new Float64Array(16), { level: 3, scale: 2 ** 45 })
  const c1 = encodeComponent(context, new Encryptor(context, key).encrypt(zeros, seed('encryption')).components[1]!)

  const alone = Context.create(parameters, await loadKernel(), { parties: 1 })

  const make = (): Record<string, Uint8Array> => {
    using giver = new ShareGiver(context, {
      secret: SecretKey.fromSeed(context, seed('secret')),
      shareKey: seed('share key'),
      ledger: new InMemoryShareLedger(),
      sessionId,
      flooding: { securityBits: 30, maximumDecryptions: 4 }
    })
    using holder = new WholeKeyHolder(alone, {
      secret: SecretKey.fromSeed(alone, seed('secret')),
      shareKey: seed('share key'),
      ledger: new InMemoryShareLedger(),
      sessionId,
      flooding: { securityBits: 30, maximumDecryptions: 4 }
    })
    const one = giver.relinearizationShareOne(2)
    const rounds = new RelinearizationKeyGeneration(context, sessionId, 2)
    const aggregation = rounds.aggregationOne(1)
    aggregation.add(0, one)
    return {
      'public key': giver.publicKeyShare(),
      'relinearisation key, round one': one,
      'relinearisation key, round two': giver.relinearizationShareTwo(2, rounds.serializeOne(aggregation.take(), 'aggregate')),
      'Galois key': giver.galoisShare(25, 2),
      refresh: giver.refreshShare({ instance: 'refresh/0', level: 3, scale: 2 ** 45, magnitude: 1.5, c1 }),
      switch: giver.switchShare({ instance: 'result/0', level: 3, noise: 12.25, c1, targetKey: serializePublicKey(key) }),
      'refresh of a whole key': holder.refresh({ instance: 'refresh/0', level: 3, scale: 2 ** 45, magnitude: 1.5, masked: c1, c1 }),
      'switch of a whole key': holder.switch({ instance: 'result/0', level: 3, noise: 12.25, c1, targetKey: serializePublicKey(key) })
    }
  }
  const shares = make()
  const described = (share: Uint8Array) => ({ length: share.length, begins: hex(share.subarray(0, 64)), sha256: sha256(share) })
  const known = await frozen('shares', () => Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, described(share)])))

  it.each(Object.keys(shares))('of %s are what they were', name => {
    expect(described(shares[name]!)).toEqual(known[name])
  })

  it('have a vector for each kind and no other', () => {
    expect(Object.keys(known).sort()).toEqual(Object.keys(shares).sort())
  })
})

describe('the bytes of a descriptor', async () => {
  const make = (): SessionDescriptor => {
    const plan = testPlan(2)
    const { parameters, floodingBits, maximumDecryptions, batch } = plan
    const roster = canonicalRoster([
      { peer: 'a', roles: ['key-holder', 'evaluator'] },
      { peer: 'b', roles: ['key-holder', 'model-owner'] },
      { peer: 'c', roles: ['querier'] }
    ])
    const attempt = '00112233445566778899aabbccddeeff'
    return {
      version: 3,
      build: 'ab'.repeat(32),
      attempt,
      created: 1_700_000_000_000,
      coordinator: 'a',
      roster,
      parameters,
      plan,
      floodingBits,
      maximumDecryptions,
      switchesPerQuerier: maximumDecryptions,
      maximumRefreshes: 240,
      batch,
      proofs: true
    }
  }
  // Kept whole: what planners choose may change, that a descriptor written before is understood may not.
  const known = await frozen('descriptor', () => {
    const written = encodeDescriptor(make())
    return { sha256: sha256(written), text: new TextDecoder().decode(written) }
  })

  it('are read, and written again as they were', () => {
    const stored = new TextEncoder().encode(known.text)
    expect(sha256(stored)).toBe(known.sha256)
    const descriptor = decodeDescriptor(stored, 'a')
    expect(descriptor).toMatchObject({ attempt: '00112233445566778899aabbccddeeff', coordinator: 'a', batch: 12, plan: { parties: 2 } })
    expect(new TextDecoder().decode(encodeDescriptor(descriptor))).toBe(known.text)
  })

  it('have the fields of one that is made today', () => {
    const written = JSON.parse(known.text) as Record<string, unknown>
    const today = JSON.parse(new TextDecoder().decode(encodeDescriptor(make()))) as Record<string, unknown>
    expect(Object.keys(today)).toEqual(Object.keys(written))
    expect(Object.keys(today['plan'] as object)).toEqual(Object.keys(written['plan'] as object))
  })
})
