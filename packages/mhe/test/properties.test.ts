import { KeyGenerator } from '@slytherin/ckks'
import {
  DuplicateShareError,
  GaloisKeyGeneration,
  MalformedShareError,
  MissingShareError,
  PublicKeyGeneration,
  PublicKeySwitch,
  Refresh,
  RelinearizationKeyGeneration,
  SHARE_HEADER_BYTES,
  ShareAggregation,
  ShareFormat,
  type ShareIdentity,
  ShareMismatchError,
  UnknownPartyError
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { makeCohort } from './cohort.js'

const PARTIES = 4
const cohort = makeCohort({ parties: PARTIES, logN: 6, label: 'properties' })
const { context, ring, parameters, sessionId } = cohort
const indices = (level: number) => parameters.ciphertextIndices(level)
const uniform = (level: number, label: string) => ring.uniform(ring.allocate(indices(level), 'ntt'), cohort.seed(label))
const LEVEL = Refresh.minimumLevel(parameters, PARTIES, parameters.scale, 1)

/** One protocol's format with a way to make the share of each party. */
interface Subject {
  readonly name: string
  readonly format: ShareFormat<unknown>
  readonly identity: ShareIdentity
  readonly shares: readonly unknown[]
}

function subject<S>(name: string, format: ShareFormat<S>, identity: ShareIdentity, make: (i: number) => S): Subject {
  const shares = cohort.secrets.map((_, i) => make(i))
  return { name, format: format as unknown as ShareFormat<unknown>, identity, shares }
}

function subjects(): Subject[] {
  const publicKey = new PublicKeyGeneration(context, sessionId)
  const relinearization = new RelinearizationKeyGeneration(context, sessionId)
  const galois = new GaloisKeyGeneration(context, sessionId)
  const lowRelinearization = new RelinearizationKeyGeneration(context, sessionId, 1)
  const lowGalois = new GaloisKeyGeneration(context, sessionId, 2)
  const refresh = new Refresh(context, sessionId)
  const keySwitch = new PublicKeySwitch(context, sessionId)
  const secret = (i: number) => cohort.secrets[i]!
  const seed = (i: number) => cohort.seed('share', i)
  const c1 = uniform(LEVEL, 'c1')
  const target = new KeyGenerator(context).publicKey(cohort.secrets[0]!, cohort.seed('target'))
  const ephemeral = (i: number) => cohort.seed('ephemeral', i)
  const one = relinearization.aggregateOne(cohort.secrets.map((s, i) => relinearization.shareOne(s, ephemeral(i), seed(i))))
  const flooding = { securityBits: 30, maximumDecryptions: 1 }
  return [
    subject('public key', publicKey.format, publicKey.identity, i => publicKey.share(secret(i), seed(i))),
    subject('relinearisation 1', relinearization.formatOne, relinearization.identity, i =>
      relinearization.shareOne(secret(i), ephemeral(i), seed(i))
    ),
    subject('relinearisation 2', relinearization.formatTwo, relinearization.identity, i =>
      relinearization.shareTwo(secret(i), ephemeral(i), one, seed(i))
    ),
    subject('Galois', galois.format, galois.identity(3), i => galois.share(secret(i), 3, seed(i))),
    subject('low relinearisation 1', lowRelinearization.formatOne, lowRelinearization.identity, i =>
      lowRelinearization.shareOne(secret(i), ephemeral(i), seed(i))
    ),
    subject('low Galois', lowGalois.format, lowGalois.identity(3), i => lowGalois.share(secret(i), 3, seed(i))),
    subject('refresh', refresh.format, { instance: 'r', level: LEVEL }, i =>
      refresh.share(secret(i), { instance: 'r', level: LEVEL, scale: parameters.scale, magnitude: 1, c1 }, seed(i))
    ),
    subject('switch', keySwitch.format, { instance: 's', level: LEVEL }, i =>
      keySwitch.share(secret(i), { instance: 's', level: LEVEL, noise: 12, c1 }, target, flooding, seed(i))
    )
  ]
}

describe.each(subjects())('$name shares', ({ format, identity, shares }) => {
  const bytes = shares.map(share => format.serialize(share, identity))
  const sumBytes = (order: readonly number[]) => {
    const total = format.sum(order.map(i => shares[i]!))
    const out = format.serialize(total, identity, 'aggregate')
    format.dispose(total)
    return out
  }
  const inOrder = sumBytes([0, 1, 2, 3])

  it('serialise to the announced length and come back the same', () => {
    for (const [i, share] of bytes.entries()) {
      expect(share.length).toBe(format.serializedLength(identity.level))
      const read = format.deserialize(share, identity)
      expect(format.serialize(read, identity)).toEqual(share)
      expect(bytes.findIndex(other => Buffer.compare(other, share) === 0)).toBe(i)
      format.dispose(read)
    }
    const aggregate = format.deserialize(inOrder, identity, 'aggregate')
    expect(format.serialize(aggregate, identity, 'aggregate')).toEqual(inOrder)
    format.dispose(aggregate)
  })

  it('sum to the same in any order, in memory and as they arrive', () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3], { minLength: PARTIES })
    fc.assert(
      fc.property(order, order => {
        expect(sumBytes(order)).toEqual(inOrder)
        const aggregation = aggregationOf(order)
        const total = aggregation.take()
        expect(format.serialize(total, identity, 'aggregate')).toEqual(inOrder)
        format.dispose(total)
      }),
      { numRuns: runs(6) }
    )
  })

  it('refuse every corrupted header byte and every other length', () => {
    fc.assert(
      fc.property(fc.nat(SHARE_HEADER_BYTES - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const corrupted = bytes[0]!.slice()
        corrupted[position]! ^= flip
        expect(() => format.deserialize(corrupted, identity)).toThrow(MalformedShareError)
      }),
      { numRuns: runs(60) }
    )
    fc.assert(
      fc.property(fc.nat(bytes[0]!.length * 2), length => {
        fc.pre(length !== bytes[0]!.length)
        const changed = new Uint8Array(length)
        changed.set(bytes[0]!.subarray(0, length))
        expect(() => format.deserialize(changed, identity)).toThrow(MalformedShareError)
      }),
      { numRuns: runs(40) }
    )
  })

  it('refuse residues that are not below their prime', () => {
    const corrupted = bytes[0]!.slice()
    corrupted.fill(255, SHARE_HEADER_BYTES, SHARE_HEADER_BYTES + 12)
    expect(() => format.deserialize(corrupted, identity)).toThrow(MalformedShareError)
    corrupted.set(bytes[0]!)
    corrupted.fill(255, corrupted.length - 12)
    expect(() => format.deserialize(corrupted, identity)).toThrow(MalformedShareError)
  })

  it('refuse another instance, session, level and kind', () => {
    expect(() => format.deserialize(bytes[0]!, { ...identity, instance: `${identity.instance}x` })).toThrow(MalformedShareError)
    expect(() => format.deserialize(bytes[0]!, identity, 'aggregate')).toThrow(MalformedShareError)
    expect(() => format.deserialize(inOrder, identity)).toThrow(MalformedShareError)
    expect(() => format.deserialize(bytes[0]!, { ...identity, level: identity.level - 1 })).toThrow(MalformedShareError)
    const elsewhere = new ShareFormat(context, cohort.seed('other session'), (format as unknown as { layout: never }).layout)
    expect(() => elsewhere.deserialize(bytes[0]!, identity)).toThrow(MalformedShareError)
  })

  it('are counted once per party', () => {
    const aggregation = aggregationOf([2, 0])
    expect(aggregation.missing).toEqual([1, 3])
    expect(aggregation.complete).toBe(false)
    expect(aggregation.add(2, bytes[2]!.slice())).toBe('repeated')
    expect(() => aggregation.add(2, bytes[1]!)).toThrow(DuplicateShareError)
    for (const party of [-1, PARTIES, 0.5, Number.NaN]) expect(() => aggregation.add(party, bytes[1]!)).toThrow(UnknownPartyError)
    expect(() => aggregation.take()).toThrow(MissingShareError)
    // a malformed share leaves the aggregation as it was
    expect(() => aggregation.add(1, bytes[1]!.subarray(1))).toThrow(MalformedShareError)
    expect(aggregation.missing).toEqual([1, 3])
    aggregation.add(1, bytes[1]!)
    aggregation.add(3, bytes[3]!)
    const total = aggregation.take()
    expect(format.serialize(total, identity, 'aggregate')).toEqual(inOrder)
    format.dispose(total)
    expect(() => aggregation.take()).toThrow(ShareMismatchError)
  })

  it('are refused when shapes differ or there is none', () => {
    expect(() => format.sum([])).toThrow(ShareMismatchError)
    expect(() => format.sum([shares[0]!, lowered(shares[1]!)])).toThrow(ShareMismatchError)
  })

  function lowered(share: unknown): unknown {
    const drop = (polynomial: Polynomial) => ring.copy(ring.allocate(polynomial.indices.slice(0, -1), 'ntt'), polynomial)
    const layout = (format as unknown as { layout: { parts(s: unknown): Polynomial[]; assemble(p: Polynomial[]): unknown } }).layout
    return layout.assemble(layout.parts(share).map(drop))
  }

  function aggregationOf(order: readonly number[]) {
    const aggregation = new ShareAggregation(format, identity, PARTIES)
    for (const party of order) expect(aggregation.add(party, bytes[party]!)).toBe('added')
    return aggregation
  }
})
