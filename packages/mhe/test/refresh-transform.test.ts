/** Maps that ride inside a refresh: exact on masks of any size, one refresh for several ciphertexts. */
import { createHash } from 'node:crypto'
import { type Ciphertext, Encryptor, pairSlots, SecretKey, type SlotValues, unpairSlots } from '@slytherin/ckks'
import {
  type AutomorphismTerm,
  encodeComponent,
  foldTransform,
  IDENTITY_TRANSFORM,
  InMemoryShareLedger,
  InvalidShareRequestError,
  MalformedShareError,
  Refresh,
  type RefreshTransform,
  ShareAlreadyGivenError,
  ShareGiver,
  ShareMismatchError,
  splitTransform,
  transformName
} from '@slytherin/mhe'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import {
  type Cohort,
  ciphertextError,
  collectivePublicKey,
  decrypt,
  exactCoefficients,
  largestDifference,
  makeCohort,
  randomSlots,
  standardDeviation
} from './cohort.js'

function encrypted(cohort: Cohort, values: SlotValues, label: string): Ciphertext {
  const { parameters, context, secrets } = cohort
  const level = Refresh.minimumLevel(parameters, secrets.length + 1, parameters.scale, 1)
  using plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
  using publicKey = collectivePublicKey(cohort)
  return new Encryptor(context, publicKey).encrypt(plaintext, cohort.seed('encryption', label))
}

function refreshed(cohort: Cohort, ciphertext: Ciphertext, transform: RefreshTransform, instance: string, maskOnly = false): Ciphertext[] {
  const protocol = new Refresh(cohort.context, cohort.sessionId, transform)
  const { level, scale, magnitude } = ciphertext
  const request = { instance, level, scale, magnitude, c1: ciphertext.components[1]! }
  const shares = cohort.secrets.map((secret, i) => protocol.share(secret, request, cohort.seed('refresh', instance, i)))
  if (maskOnly) shares.push(protocol.share(null, request, cohort.seed('refresh', instance, 'evaluator')))
  const sum = protocol.aggregate(shares)
  const outputs = protocol.finalizeAll(ciphertext, sum, instance, shares.length)
  for (const share of [...shares, sum]) protocol.format.dispose(share)
  return outputs
}

describe.each([1, 3])('a refresh of %i parties', parties => {
  const cohort = makeCohort({ parties, label: 'transform' })
  const { parameters, context, ring } = cohort

  it.each([false, true])('splits a pair of real vectors (mask-only share of the evaluator: %s)', maskOnly => {
    const { real: a, imaginary: b } = randomSlots(cohort, 'pair')
    const ciphertext = encrypted(cohort, pairSlots(a, b), 'pair')
    const outputs = refreshed(cohort, ciphertext, splitTransform(ring.N), `split ${maskOnly}`, maskOnly)
    expect(outputs.length).toBe(2)
    for (const [k, values] of [a, b].entries()) {
      const output = outputs[k]!
      expect(output.level).toBe(parameters.maxLevel)
      expect(output.scale).toBe(2 * ciphertext.scale)
      expect(output.magnitude).toBe(ciphertext.magnitude)
      const decrypted = decrypt(cohort, output)
      expect(largestDifference(decrypted.real, values)).toBeLessThan(2 ** -25)
      expect(largestDifference(decrypted.imaginary, new Float64Array(values.length))).toBeLessThan(2 ** -25)
      using plaintext = context.encoder.encode(values, { level: output.level, scale: output.scale })
      const error = Math.log2(standardDeviation(ciphertextError(cohort, output, plaintext)))
      expect(error).toBeLessThanOrEqual(output.noise)
      expect(error).toBeGreaterThan(output.noise - 8)
    }
    expect(exactCoefficients(ring, outputs[0]!.components[1]!)).not.toEqual(exactCoefficients(ring, outputs[1]!.components[1]!))
  })

  it('splits any slots into real parts and imaginary parts', () => {
    const values = randomSlots(cohort, 'complex')
    const [first, second] = refreshed(cohort, encrypted(cohort, values, 'complex'), splitTransform(ring.N), 'complex')
    const [a, b] = unpairSlots(values)
    expect(largestDifference(decrypt(cohort, first!).real, a)).toBeLessThan(2 ** -25)
    expect(largestDifference(decrypt(cohort, second!).real, b)).toBeLessThan(2 ** -25)
  })

  it('folds by rotating and adding', () => {
    const values = randomSlots(cohort, 'fold')
    const ciphertext = encrypted(cohort, values, 'fold')
    const [out] = refreshed(cohort, ciphertext, foldTransform(ring.N, [8, -3]), 'fold')
    const turned = (x: Float64Array, steps: number) => x.map((_, i) => x[(i + steps + x.length) % x.length]!)
    const expected = (x: Float64Array) => {
      const once = x.map((value, i) => value + turned(x, 8)[i]!)
      return once.map((value, i) => value + turned(once, -3)[i]!)
    }
    const decrypted = decrypt(cohort, out!)
    expect(largestDifference(decrypted.real, expected(values.real))).toBeLessThan(2 ** -24)
    expect(largestDifference(decrypted.imaginary, expected(values.imaginary))).toBeLessThan(2 ** -24)
    expect(out!.magnitude).toBe(4 * ciphertext.magnitude)
    expect(out!.scale).toBe(ciphertext.scale)
  })
})

describe('sums of signed automorphisms and monomials', () => {
  const cohort = makeCohort({ parties: 2, logN: 6, label: 'terms' })
  const { ring } = cohort
  const { N } = ring

  const term = fc.record({
    element: fc.nat(N - 1).map(k => 2 * k + 1),
    exponent: fc.nat(2 * N - 1),
    sign: fc.constantFrom<1 | -1>(1, -1)
  })
  const transforms = fc.record({
    outputs: fc.array(fc.array(term, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    scaleFactor: fc.constantFrom(0.5, 1, 2, 4)
  })

  /** The same map on integers, coefficient by coefficient. */
  function image(terms: readonly AutomorphismTerm[], values: readonly bigint[]): bigint[] {
    const out = new Array<bigint>(N).fill(0n)
    for (const { element, exponent, sign } of terms) {
      values.forEach((value, i) => {
        const place = (i * element + exponent) % (2 * N)
        out[place % N]! += (place < N ? value : -value) * BigInt(sign)
      })
    }
    return out
  }

  const phase = ({ components: [c0, c1] }: Ciphertext) =>
    exactCoefficients(ring, ring.multiplyAdd(c0!.clone(), c1!, cohort.ideal.polynomial))

  it('come out to within the fresh errors, however large the masks', () => {
    const ciphertext = encrypted(cohort, randomSlots(cohort, 'terms'), 'terms')
    const before = phase(ciphertext)
    let run = 0
    fc.assert(
      fc.property(transforms, transform => {
        const outputs = refreshed(cohort, ciphertext, transform, `terms ${run++}`)
        transform.outputs.forEach((terms, k) => {
          const expected = image(terms, before)
          const worst = phase(outputs[k]!).reduce((largest, value, i) => {
            const difference = value - expected[i]!
            return difference > largest ? difference : -difference > largest ? -difference : largest
          }, 0n)
          // masks have 173 bits; errors are those of two parties, once per term in h0 and once in h1
          expect(worst).toBeLessThanOrEqual(BigInt(Math.ceil((terms.length + 1) * 2 * 6 * 3.2)))
        })
        for (const output of outputs) output.dispose()
      }),
      { numRuns: runs(25) }
    )
  })

  it('have a name of their own, each', () => {
    fc.assert(
      fc.property(transforms, transforms, (one, other) => {
        expect(transformName(one) === transformName(other)).toBe(JSON.stringify(one) === JSON.stringify(other))
      })
    )
    expect(transformName(IDENTITY_TRANSFORM)).toBe('identity')
    expect(transformName(foldTransform(N, []))).toBe('identity')
  })

  it('are refused when they are none', () => {
    const one = { element: 1, exponent: 0, sign: 1 } as const
    const bad: RefreshTransform[] = [
      { outputs: [], scaleFactor: 1 },
      { outputs: [[]], scaleFactor: 1 },
      { outputs: [[one]], scaleFactor: 0 },
      { outputs: [[one]], scaleFactor: Number.NaN },
      { outputs: [[{ ...one, element: 2 }]], scaleFactor: 1 },
      { outputs: [[{ ...one, element: 2 * N + 1 }]], scaleFactor: 1 },
      { outputs: [[{ ...one, exponent: 2 * N }]], scaleFactor: 1 },
      { outputs: [[{ ...one, exponent: -1 }]], scaleFactor: 1 },
      { outputs: [[{ ...one, sign: 3 as 1 }]], scaleFactor: 1 }
    ]
    for (const transform of bad) {
      expect(() => new Refresh(cohort.context, cohort.sessionId, transform), JSON.stringify(transform)).toThrow(InvalidShareRequestError)
    }
  })
})

describe('shares of a refresh with a map', () => {
  const cohort = makeCohort({ parties: 2, logN: 6, label: 'golden' })
  const { parameters, ring, context, sessionId } = cohort
  const split = splitTransform(ring.N)
  const level = Refresh.minimumLevel(parameters, 2, parameters.scale, 1)
  const c1 = ring.uniform(ring.allocate(parameters.ciphertextIndices(level), 'ntt'), cohort.seed('c1'))
  const request = { instance: 'golden', level, scale: parameters.scale, magnitude: 1, c1 }
  const given = { ...request, c1: encodeComponent(context, c1) }
  const giver = (ledger = new InMemoryShareLedger()) =>
    new ShareGiver(context, {
      secret: SecretKey.fromSeed(context, cohort.seed('secret', 0)),
      shareKey: cohort.seed('share key'),
      ledger,
      sessionId,
      flooding: { securityBits: 30, maximumDecryptions: 1 }
    })

  it('are the bytes they have always been where there is no map', () => {
    const protocol = new Refresh(context, sessionId)
    const hashes = [cohort.secrets[0]!, null].map(secret =>
      createHash('sha256')
        .update(protocol.serialize(protocol.share(secret, request, cohort.seed('share')), 'golden'))
        .digest('hex')
    )
    expect(hashes).toEqual([
      '191b678fa91a81188860fa0eb4a9de7d6d025a499461220273fc1a3322fdc94e',
      'ac8dd917846bb0746014e4161172817701729ce2a3cd78f7cbbe42289ec413f2'
    ])
  })

  it('have one masked input and one part per output', () => {
    const plain = new Refresh(context, sessionId).format.serializedLength(level)
    const top = ring.packedLength(parameters.ciphertextIndices(parameters.maxLevel))
    expect(new Refresh(context, sessionId, split).format.serializedLength(level)).toBe(plain + top)
    expect(giver().refreshShare({ ...given, transform: split }).length).toBe(plain + top)
    expect(giver().refreshShare({ ...given, transform: IDENTITY_TRANSFORM })).toEqual(giver().refreshShare(given))
  })

  it('never share a reference polynomial: not between outputs, maps, instances or inputs', () => {
    const others = [IDENTITY_TRANSFORM, split, foldTransform(ring.N, [1]), { ...split, scaleFactor: 1 }]
    const protocols = others.map(transform => new Refresh(context, sessionId, transform))
    const polynomials = protocols.flatMap(protocol => [
      ...protocol.transform.outputs.map((_, output) => protocol.referencePolynomial('one', c1, output)),
      protocol.referencePolynomial('two', c1),
      protocol.referencePolynomial('one', ring.add(c1.clone(), c1, c1))
    ])
    const texts = polynomials.map(polynomial => Buffer.from(ring.encodePacked(polynomial)).toString('base64'))
    expect(new Set(texts).size).toBe(texts.length)
  })

  it('are given once: another map under the same instance is refused', () => {
    const party = giver()
    const share = party.refreshShare({ ...given, transform: split })
    expect(party.refreshShare({ ...given, transform: split })).toEqual(share)
    for (const transform of [IDENTITY_TRANSFORM, { ...split, scaleFactor: 1 }]) {
      expect(() => party.refreshShare({ ...given, transform })).toThrow(ShareAlreadyGivenError)
    }
    expect(() => party.refreshShare(given)).toThrow(ShareAlreadyGivenError)
  })

  it('are not mixed with shares of another map', () => {
    const plain = new Refresh(context, sessionId)
    const protocol = new Refresh(context, sessionId, split)
    using aggregation = protocol.aggregation('golden', level)
    expect(() => aggregation.add(0, giver().refreshShare(given))).toThrow(MalformedShareError)
    const share = protocol.share(cohort.secrets[0]!, request, cohort.seed('share'))
    expect(() => protocol.aggregate([share, plain.share(cohort.secrets[1]!, request, cohort.seed('share'))])).toThrow(ShareMismatchError)
    const ciphertext = encrypted(cohort, randomSlots(cohort, 'mixed'), 'mixed')
    expect(() => protocol.finalize(ciphertext, share, 'golden', 1)).toThrow(ShareMismatchError)
    expect(() => plain.finalizeAll(ciphertext, share, 'golden', 1)).toThrow(ShareMismatchError)
  })

  it('give their memory back', () => {
    const { kernel } = ring
    const ciphertext = encrypted(cohort, randomSlots(cohort, 'memory'), 'memory')
    const round = (instance: string): void => {
      for (const output of refreshed(cohort, ciphertext, split, instance)) output.dispose()
    }
    round('memory 0')
    const before = kernel.bytesInUse
    round('memory 1')
    expect(kernel.bytesInUse).toBe(before)
  })
})
