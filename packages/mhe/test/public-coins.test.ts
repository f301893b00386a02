/** Public coins: the same message under components that follow from every bit of what was sent, and from where it stands. */
import { Ciphertext, Encryptor, encryptionIndices, type PublicKey, sampleEncryptionError, sampleEphemeral } from '@slytherin/ckks'
import { type CoinPlace, InvalidShareRequestError, PublicCoins, ShareMismatchError } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  ciphertextError,
  coefficients,
  collectivePublicKey,
  inverse,
  largest,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

const cohort = makeCohort({ parties: 3, label: 'coins' })
const { context, ring, parameters } = cohort
const key = collectivePublicKey(cohort)
const encryptor = new Encryptor(context, key)
const coins = new PublicCoins(context, cohort.sessionId, key, encryptor)
const LEVEL = 3
const PLACE: CoinPlace = { purpose: 'input', names: ['', 'query', 'model', '7'] }

const values = randomSlots(cohort, 'values')
const plaintext = context.encoder.encode(values, { level: LEVEL, scale: parameters.scale })
const ciphertext = encryptor.encrypt(plaintext, cohort.seed('encryption'))
const words = (polynomial: Polynomial): BigUint64Array => new BigUint64Array(ring.encodeWords(polynomial).slice().buffer)
const bytes = ({ components }: Ciphertext): string =>
  components.map(component => Buffer.from(ring.encodePacked(component)).toString('base64')).join()

describe('a ciphertext with public coins', () => {
  it('has the message that it had, and the error that is counted', () => {
    using made = coins.rerandomize(PLACE, ciphertext)
    expect([made.level, made.scale, made.magnitude]).toEqual([ciphertext.level, ciphertext.scale, ciphertext.magnitude])
    const errors = ciphertextError(cohort, made, plaintext)
    const before = ciphertextError(cohort, ciphertext, plaintext)
    expect(Math.log2(standardDeviation(errors))).toBeLessThan(made.noise)
    expect(made.noise).toBeGreaterThan(ciphertext.noise)
    expect(standardDeviation(errors)).toBeGreaterThan(1.1 * standardDeviation(before))
    // Not by a little: nothing of the second component that was sent is left to see.
    using difference = ring.subtract(made.components[1]!.clone(), made.components[1]!, ciphertext.components[1]!)
    expect(largest(coefficients(ring, difference))).toBeGreaterThan(2 ** 40)
  })

  it('is what whole numbers come to: c + ⌊(b·u + e0, a·u + e1) / p⌉', () => {
    using made = coins.rerandomize(PLACE, ciphertext)
    const seed = coins.seed(PLACE, ciphertext)
    const indices = encryptionIndices(parameters, LEVEL)
    const small = (sample: (out: Polynomial) => Polynomial): bigint[] =>
      [...ring.toDoubles(sample(ring.allocate(indices, 'coefficient')))].map(BigInt)
    const u = small(out => sampleEphemeral(ring, out, seed))
    const special = indices.at(-1)!
    const p = ring.moduli[special]!.value
    for (const component of [0, 1] as const) {
      const e = small(out => sampleEncryptionError(ring, out, seed, component))
      const factor = residues(component === 0 ? key.b : key.a, indices)
      const undivided = (index: number): bigint[] => {
        const q = ring.moduli[index]!.value
        return product(factor.get(index)!, u, q).map((value, i) => mod(value + e[i]!, q))
      }
      const remainder = undivided(special).map(value => (value > p / 2n ? value - p : value))
      const [sent, found] = [ciphertext, made].map(of => residues(of.components[component]!, indices.slice(0, -1)))
      for (const index of indices.slice(0, -1)) {
        const q = ring.moduli[index]!.value
        const expected = undivided(index).map((value, i) => mod((value - remainder[i]!) * inverse(p % q, q) + sent!.get(index)![i]!, q))
        expect(found!.get(index)).toEqual(expected)
      }
    }
  })

  it('is the same wherever it is computed', () => {
    const elsewhere = new PublicCoins(context, cohort.sessionId.slice(), key, new Encryptor(context, key))
    using first = coins.rerandomize(PLACE, ciphertext)
    using again = elsewhere.rerandomize({ ...PLACE, names: [...PLACE.names] }, ciphertext)
    expect(bytes(again)).toBe(bytes(first))
  })

  it('is another for every other place, session, key and bit', () => {
    const other = makeCohort({ parties: 3, label: 'other coins' })
    const otherKey = { b: key.b, a: ring.add(key.a.clone(), key.a, key.b) } as unknown as PublicKey
    const changed = (component: 0 | 1): Ciphertext => {
      const components = ciphertext.components.map(polynomial => polynomial.clone())
      const one = new Float64Array(ring.N)
      one[ring.N - 1] = 1
      using last = ring.ntt(ring.fromIntegers(ring.allocate(components[component]!.indices, 'coefficient'), one))
      ring.add(components[component]!, components[component]!, last)
      return new Ciphertext(components, ciphertext)
    }
    const seeds = [
      coins.seed(PLACE, ciphertext),
      coins.seed({ ...PLACE, purpose: 'refreshed' }, ciphertext),
      ...PLACE.names.map((_, at) => coins.seed({ ...PLACE, names: PLACE.names.with(at, 'x') }, ciphertext)),
      // What is in one name is not in the next.
      coins.seed({ ...PLACE, names: ['q', 'uery', 'model', '7'] }, ciphertext),
      coins.seed({ ...PLACE, names: ['query', '', 'model', '7'] }, ciphertext),
      coins.seed({ ...PLACE, names: PLACE.names.slice(0, 3) }, ciphertext),
      new PublicCoins(context, other.sessionId, key, encryptor).seed(PLACE, ciphertext),
      new PublicCoins(context, cohort.sessionId, otherKey, encryptor).seed(PLACE, ciphertext),
      coins.seed(PLACE, changed(0)),
      coins.seed(PLACE, changed(1))
    ].map(seed => Buffer.from(seed).toString('hex'))
    expect(seeds[0]).toHaveLength(64)
    expect(new Set(seeds).size).toBe(seeds.length)
  })

  it('is made of two components, in a session', () => {
    using third = new Ciphertext(
      [...ciphertext.components, ciphertext.components[1]!].map(c => c.clone()),
      ciphertext
    )
    expect(() => coins.rerandomize(PLACE, third)).toThrow(ShareMismatchError)
    expect(() => new PublicCoins(context, new Uint8Array(31), key, encryptor)).toThrow(InvalidShareRequestError)
  })
})

const mod = (value: bigint, q: bigint): bigint => ((value % q) + q) % q

/** Coefficients modulo each prime. */
function residues(polynomial: Polynomial, indices: readonly number[]): Map<number, bigint[]> {
  const { N } = ring
  using copy = ring.copy(ring.allocate(indices, polynomial.domain), polynomial)
  if (copy.domain === 'ntt') ring.inverseNtt(copy)
  const all = words(copy)
  return new Map(indices.map((index, k) => [index, [...all.subarray(k * N, (k + 1) * N)]]))
}

/** In Z_q[X]/(X^N + 1). */
function product(a: readonly bigint[], b: readonly bigint[], q: bigint): bigint[] {
  const { N } = ring
  const out = new Array<bigint>(N).fill(0n)
  for (let i = 0; i < N; i++) {
    if (b[i] === 0n) continue
    for (let j = 0; j < N; j++) {
      const at = (i + j) % N
      out[at] = out[at]! + (i + j < N ? 1n : -1n) * a[j]! * b[i]!
    }
  }
  return out.map(value => mod(value, q))
}
