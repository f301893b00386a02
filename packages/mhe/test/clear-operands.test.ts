/**
 * What a key holder could learn of operands that are clear at the evaluator, mounted as attacks: each succeeds where the evaluator leaves out its part, and fails
 * against what ships. The key holder is alone and so holds the whole key.
 */
import { Ciphertext, Encryptor, KeyGenerator, SecretKey } from '@slytherin/ckks'
import { PublicKeySwitch, Refresh, rerandomize, ShareMismatchError, type SwitchShare } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  ciphertextError,
  coefficients,
  collectivePublicKey,
  decrypt,
  inverse,
  largest,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots,
  standardDeviation
} from './cohort.js'

const cohort = makeCohort({ parties: 1, label: 'alone' })
const { context, ring, parameters } = cohort
const [secret] = cohort.secrets as [SecretKey]
const encryptor = new Encryptor(context, collectivePublicKey(cohort))
const SCALE = 2 ** 30

function encrypt(label: string, level: number): { values: ReturnType<typeof randomSlots>; ciphertext: Ciphertext } {
  const values = randomSlots(cohort, label)
  using plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
  return { values, ciphertext: encryptor.encrypt(plaintext, cohort.seed('encrypt', label)) }
}

/** x·w for a clear x: what the evaluator computes of somebody else's encrypted w (or of encrypted data, with x its own weight). */
function timesClear(ciphertext: Ciphertext, x: Polynomial): Polynomial[] {
  return ciphertext.components.map(component => ring.multiply(component.clone(), component, x))
}

describe('second components that key holders are sent', () => {
  const level = 2
  const { ciphertext: weight } = encrypt('weight', level)
  const clear = randomSlots(cohort, 'an image')
  const image = context.encoder.encode(clear, { level, scale: SCALE })

  /** The product as it is sent, c1 alone, with or without the evaluator's care. */
  function sent(x: Polynomial, careful: boolean): Polynomial {
    const [c0, c1] = timesClear(weight, x) as [Polynomial, Polynomial]
    const product = new Ciphertext([c0, c1], { ...state(), scale: parameters.scale * SCALE })
    return careful ? rerandomize(context, encryptor, product).components[1]! : c1
  }
  const state = () => ({ level, scale: weight.scale, noise: weight.noise + 30, magnitude: 1 })

  /** The owner of the weights knows c1(w): x = c1 / c1(w), residue by residue. */
  function solve(c1: Polynomial): Float64Array {
    const q = ring.moduli[0]!.value
    const words = (p: Polynomial) => new BigUint64Array(ring.encodeWords(ring.copy(ring.allocate([0], 'ntt'), p)).slice().buffer)
    const [product, known] = [words(c1), words(weight.components[1]!)]
    const solved = product.map((value, i) => (value * inverse(known[i]!, q)) % q)
    return coefficients(ring, ring.decodeWords(new Uint8Array(solved.buffer), [0], 'ntt'))
  }

  const truth = coefficients(ring, image.polynomial)

  it('give the clear operand away to the owner of the encrypted one', () => {
    expect(largestDifference(solve(sent(image.polynomial, false)), truth)).toBe(0)
  })

  it('do not when they are re-randomised', () => {
    const candidate = solve(sent(image.polynomial, true))
    expect(largestDifference(candidate, truth)).toBeGreaterThan(2 ** 40)
    expect(largest(candidate)).toBeGreaterThan(2 ** 40)
  })

  it('let a guess be checked even after rescaling; re-randomised, a right guess looks like a wrong one', () => {
    const other = context.encoder.encode(randomSlots(cohort, 'another image'), { level, scale: SCALE })
    const rescaled = (c1: Polynomial): Polynomial => ring.divideAndRound(ring.allocate([0, 1], 'ntt'), c1.clone(), [2])
    const distance = (a: Polynomial, b: Polynomial): number => largest(coefficients(ring, ring.subtract(a.clone(), a, b), true))
    const guess = (x: Polynomial): Polynomial => rescaled(timesClear(weight, x)[1]!)
    expect(distance(rescaled(sent(image.polynomial, false)), guess(image.polynomial))).toBe(0)
    expect(distance(rescaled(sent(image.polynomial, false)), guess(other.polynomial))).toBeGreaterThan(2 ** 60)
    expect(distance(rescaled(sent(image.polynomial, true)), guess(image.polynomial))).toBeGreaterThan(2 ** 60)
  })
})

describe('re-randomisation', () => {
  it('keeps message, level and scale, and the noise within what is tracked', () => {
    const { values, ciphertext } = encrypt('kept', 3)
    const fresh = rerandomize(context, encryptor, ciphertext)
    expect(fresh).toMatchObject({ level: 3, scale: ciphertext.scale, magnitude: ciphertext.magnitude })
    expect(largestDifference(decrypt(cohort, fresh).real, values.real)).toBeLessThan(2 ** -25)
    const plaintext = context.encoder.encode(values, { level: 3, scale: ciphertext.scale })
    const measured = Math.log2(standardDeviation(ciphertextError(cohort, fresh, plaintext)))
    expect(measured).toBeLessThanOrEqual(fresh.noise)
    expect(fresh.noise).toBeLessThan(ciphertext.noise + 1)
    expect(Buffer.from(ring.encodePacked(fresh.components[1]!)).equals(Buffer.from(ring.encodePacked(ciphertext.components[1]!)))).toBe(
      false
    )
  })

  it('is never the same twice', () => {
    const { ciphertext } = encrypt('twice', 1)
    const bytes = () => Buffer.from(ring.encodePacked(rerandomize(context, encryptor, ciphertext).components[1]!)).toString('base64')
    expect(bytes()).not.toBe(bytes())
  })

  it('is refused for a product that was not relinearised', () => {
    const { ciphertext } = encrypt('product', 1)
    const three = new Ciphertext([...ciphertext.components, ciphertext.components[0]!], ciphertext)
    expect(() => rerandomize(context, encryptor, three)).toThrow(ShareMismatchError)
  })
})

describe('an intermediate value in a refresh', () => {
  const level = Refresh.minimumLevel(parameters, 2, parameters.scale, 1)
  const { values, ciphertext } = encrypt('intermediate', level)
  const protocol = new Refresh(context, cohort.sessionId)
  const request = { instance: 'refresh', level, scale: ciphertext.scale, magnitude: ciphertext.magnitude, c1: ciphertext.components[1]! }
  const own = protocol.share(secret, request, cohort.seed('refresh'))

  /** A key holder that comes to see the masked value c0 + Σ h0 knows its own share and the key: c0 + Σ h0 - h0_i + s·c1. */
  function seen(withMask: boolean): Float64Array {
    const shares = withMask ? [own, protocol.share(null, request, cohort.seed('mask of the evaluator'))] : [own]
    const masked = ring.add(ciphertext.components[0]!.clone(), ciphertext.components[0]!, protocol.aggregate(shares).h0)
    ring.subtract(masked, masked, own.h0)
    return phaseCoefficients(cohort, masked, ciphertext.components[1]!)
  }

  const plaintext = context.encoder.encode(values, { level, scale: ciphertext.scale })
  const truth = coefficients(ring, plaintext.polynomial)

  it('is laid bare when the key holder’s mask is the only one', () => {
    expect(largestDifference(seen(false), truth)).toBeLessThan(2 ** 12)
  })

  it('is covered by a mask of the evaluator', () => {
    expect(standardDeviation(seen(true))).toBeGreaterThan(2 ** 120 * standardDeviation(truth))
  })
})

describe('a result for a querier that holds the key', () => {
  const level = 3
  const flooding = { securityBits: 30, maximumDecryptions: 4 }
  const target = SecretKey.fromSeed(context, cohort.seed('receiver'))
  const targetKey = new KeyGenerator(context).publicKey(target, cohort.seed('receiver key'))
  const { values, ciphertext } = encrypt('result', level)
  const protocol = new PublicKeySwitch(context, cohort.sessionId)
  const request = { instance: 'result', level, noise: ciphertext.noise, c1: ciphertext.components[1]! }
  const own = protocol.share(secret, request, targetKey, flooding, cohort.seed('switch'))
  const flood = protocol.share(null, request, targetKey, flooding, cohort.seed('flooding of the evaluator'))

  /** It knows its own share, the flooding in it included: c0 + h0 - h0_i + s·c1, and what is under its own key. */
  function errorSeen(shares: readonly SwitchShare[]): number {
    const sum = protocol.aggregate(shares)
    const switched = protocol.finalize(ciphertext, sum, flooding, shares.length)
    const c0 = ring.subtract(switched.components[0]!.clone(), switched.components[0]!, own.h0)
    const rest = ring.subtract(switched.components[1]!.clone(), switched.components[1]!, own.h1)
    ring.multiplyAdd(c0, rest, target.polynomial)
    ring.multiplyAdd(c0, ciphertext.components[1]!, secret.polynomial)
    const plaintext = context.encoder.encode(values, { level, scale: ciphertext.scale })
    return Math.log2(standardDeviation(coefficients(ring, ring.subtract(c0, c0, plaintext.polynomial), true)))
  }

  it('shows the exact error of the evaluation when only the key holder floods', () => {
    expect(errorSeen([own])).toBeLessThan(ciphertext.noise + 0.1)
  })

  it('does not when the evaluator floods, too, and still decrypts', () => {
    expect(errorSeen([own, flood])).toBeGreaterThan(ciphertext.noise + 15)
    const switched = protocol.finalize(ciphertext, protocol.aggregate([own, flood]), flooding, 2)
    expect(largestDifference(decrypt(cohort, switched, target).real, values.real)).toBeLessThan(2 ** -12)
    const plaintext = context.encoder.encode(values, { level, scale: ciphertext.scale })
    expect(Math.log2(standardDeviation(ciphertextError(cohort, switched, plaintext, target)))).toBeLessThanOrEqual(switched.noise)
  })
})
