/**
 * Attacks on t of n, mounted: each succeeds with a rule switched off, and fails against what ships.
 */
import { Encryptor, type Flooding, KeyGenerator, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  ActiveSet,
  Attempt,
  CiphertextAlreadyAnsweredError,
  DecryptionQuotaError,
  encodeComponent,
  floodingNoise,
  GaloisKeyGeneration,
  InMemoryShareLedger,
  PublicKeySwitch,
  Refresh,
  rerandomize,
  ShamirShare,
  ShareGiver,
  type ShareLedger,
  ThresholdShareGiver
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import { collectivePublicKey, exactCoefficients, inverse, makeCohort, standardDeviation } from './cohort.js'
import { shareSecrets } from './sharing.js'

const cohort = makeCohort({ parties: 5, logN: 6, levels: 6, label: 'threshold attacks' })
const { context, ring, parameters, sessionId } = cohort
const THRESHOLD = 3
const VICTIM = 1
const FLOODING: Flooding = { securityBits: 30, maximumDecryptions: 1024 }
const shares = await shareSecrets(cohort, THRESHOLD)
const share = shares[VICTIM - 1]!
const { sharing } = share
const encryptor = new Encryptor(context, collectivePublicKey(cohort))
const level = parameters.maxLevel
const { scale } = parameters
const indices = parameters.ciphertextIndices(level)
const modulus = indices.reduce((product, index) => product * ring.moduli[index]!.value, 1n)
/** The evaluator colludes with who asked: the target's secret is known to the attack. */
const target = SecretKey.fromSeed(context, cohort.seed('target'))
const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(target, cohort.seed('target key')))

function ciphertext(label: string) {
  const zeros = new Float64Array(parameters.slots)
  return encryptor.encrypt(context.encoder.encode({ real: zeros, imaginary: zeros }, { level, scale }), cohort.seed('encrypt', label))
}

const attemptOf = (active: readonly number[], number = 0): Attempt => new Attempt(sharing, { query: 'q', step: 's', number, active })

/** A holder that follows the rules. `dispose` is not called: the share is used again. */
const holder = (ledger: ShareLedger = new InMemoryShareLedger()): ThresholdShareGiver =>
  new ThresholdShareGiver({ share, shareKey: cohort.seed('share key'), ledger, flooding: FLOODING })

/** The rule off: a share giver given the additive secret of each active set, under a name that says neither set nor attempt, by a ledger that forgets. */
const careless = (active: readonly number[]): ShareGiver =>
  new ShareGiver(context, {
    secret: share.additiveSecret(new ActiveSet(sharing.access, active)),
    shareKey: cohort.seed('share key'),
    ledger: new InMemoryShareLedger(),
    sessionId,
    flooding: FLOODING
  })

/** h0 of a switch share without what the target can remove: λ·s̃·c1 + flooding (+ small). */
function opened(bytes: Uint8Array, instance: string): Polynomial {
  const protocol = new PublicKeySwitch(context, sessionId)
  const { h0, h1 } = protocol.deserialize(bytes, instance, level)
  return ring.multiplyAdd(h0, h1, target.polynomial)
}

/** s̃ over the ciphertext's moduli as a difference λ·s̃·c1 - λ'·s̃·c1 gives it away. */
function solve(difference: Polynomial, c1: Polynomial, one: readonly number[], other: readonly number[]): Polynomial {
  const weights = [one, other].map(active => new ActiveSet(sharing.access, active).weight(ring.moduli, VICTIM))
  const factors = indices.map(index => {
    const q = ring.moduli[index]!.value
    return inverse(weights[0]![index]! - weights[1]![index]!, q)
  })
  const out = ring.multiplyScalar(difference.clone(), difference, factors)
  // c1 is invertible but for a slot of none: divide point by point, row by row
  return divide(out, c1)
}

function divide(numerator: Polynomial, denominator: Polynomial): Polynomial {
  const [top, bottom] = [numerator, denominator].map(polynomial => new DataView(ring.encodeWords(polynomial).slice().buffer)) as [
    DataView,
    DataView
  ]
  const words = new Uint8Array(8 * ring.N * indices.length)
  const view = new DataView(words.buffer)
  indices.forEach((index, row) => {
    const q = ring.moduli[index]!.value
    for (let x = 0; x < ring.N; x++) {
      const at = 8 * (row * ring.N + x)
      view.setBigUint64(at, (top.getBigUint64(at, true) * inverse(bottom.getBigUint64(at, true), q)) % q, true)
    }
  })
  return ring.decodeWords(words, indices, 'ntt')
}

/** Residues that agree with the victim's share. */
function agreement(found: Polynomial): number {
  const [a, b] = [found, share.polynomial].map(polynomial => ring.encodeWords(polynomial))
  const words = ring.N * indices.length
  const wide = (bytes: Uint8Array, i: number) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(8 * i, true)
  return Array.from({ length: words }, (_, i) => i).filter(i => wide(a!, i) === wide(b!, i)).length / words
}

const SETS = [
  [1, 2, 3],
  [1, 2, 4]
] as const

describe('another active set for the same ciphertext', () => {
  const subject = ciphertext('changed set')
  const c1 = subject.components[1]!
  const bytes = encodeComponent(context, c1)
  const { noise, magnitude } = subject

  it('switch, randomness that does not know the set: gives the share', () => {
    const [one, other] = SETS.map(active =>
      opened(careless(active).switchShare({ instance: 'q', level, noise, c1: bytes, targetKey }), 'q')
    )
    const found = solve(ring.subtract(one!, one!, other!), c1, ...SETS)
    expect(agreement(found)).toBe(1)
  })

  it('refresh, randomness that does not know the set: gives the share', () => {
    const protocol = new Refresh(context, sessionId)
    const [one, other] = SETS.map(active => {
      const given = careless(active).refreshShare({ instance: 'q', level, scale, magnitude, c1: bytes })
      return protocol.deserialize(given, 'q', level).h0
    })
    expect(agreement(solve(ring.subtract(one!, one!, other!), c1, ...SETS))).toBe(1)
  })

  it('Galois key, reference polynomial that does not know the set: gives the share', () => {
    // b - b' = -a·(λ - λ')·s̃ + P·g·σ((λ - λ')·s̃): the rows of the special prime have no second term
    const protocol = new GaloisKeyGeneration(context, sessionId, level)
    const [one, other] = SETS.map(active => protocol.deserialize(careless(active).galoisShare(3, level), 3).h[0]!)
    const difference = ring.subtract(one!, one!, other!)
    const reference = protocol.referencePolynomial(3, 0)
    const special = parameters.specialIndices()[0]!
    const row = (polynomial: Polynomial): bigint[] => {
      const words = new DataView(ring.encodeWords(polynomial).slice().buffer)
      const start = polynomial.indices.indexOf(special) * ring.N
      return Array.from({ length: ring.N }, (_, x) => words.getBigUint64(8 * (start + x), true))
    }
    const q = ring.moduli[special]!.value
    const weights = SETS.map(active => new ActiveSet(sharing.access, active).weight(ring.moduli, VICTIM)[special]!)
    const [d, a, s] = [difference, reference, share.polynomial].map(row)
    const found = d!.map((value, x) => (((-value * inverse(a![x]! * (weights[0]! - weights[1]!), q)) % q) + q) % q)
    expect(found).toEqual(s)
  })

  it('is refused', () => {
    const giver = holder()
    const [first, second] = SETS.map((active, number) => attemptOf(active, number))
    const answered = giver.switchShare(first!, { level, noise, c1: bytes, targetKey })
    for (const attempt of [second!, attemptOf(SETS[1]), attemptOf(SETS[0], 1)]) {
      expect(() => giver.switchShare(attempt, { level, noise, c1: bytes, targetKey })).toThrow(CiphertextAlreadyAnsweredError)
    }
    expect(giver.switchShare(first!, { level, noise, c1: bytes, targetKey })).toEqual(answered)
    giver.refreshShare(first!, { level, scale, magnitude, c1: bytes })
    expect(() => giver.refreshShare(second!, { level, scale, magnitude, c1: bytes })).toThrow(CiphertextAlreadyAnsweredError)
    // what was refused has recorded nothing under its own name
    const fresh = encodeComponent(context, rerandomize(context, encryptor, subject, cohort.seed('again')).components[1]!)
    expect(giver.switchShare(second!, { level, noise, c1: fresh, targetKey })).toHaveLength(answered.length)
  })

  it('gives nothing even when the ledger is lost between the two: randomness and reference polynomials know the set', () => {
    const [one, other] = SETS.map((active, number) => {
      const attempt = attemptOf(active, number)
      return opened(holder().switchShare(attempt, { level, noise, c1: bytes, targetKey }), attempt.instance)
    })
    expect(agreement(solve(ring.subtract(one!, one!, other!), c1, ...SETS))).toBeLessThan(0.02)

    const protocol = new Refresh(context, sessionId)
    const attempts = SETS.map((active, number) => attemptOf(active, number))
    const [masked, unmasked] = attempts.map(attempt => {
      const given = holder().refreshShare(attempt, { level, scale, magnitude, c1: bytes })
      return protocol.deserialize(given, attempt.instance, level).h0
    })
    expect(agreement(solve(ring.subtract(masked!, masked!, unmasked!), c1, ...SETS))).toBeLessThan(0.02)

    const references = attempts.map(({ instance }) => ring.encodePacked(protocol.referencePolynomial(instance, c1)))
    expect(references[0]).not.toEqual(references[1])
    const keys = attempts.map(({ keySession }) =>
      ring.encodePacked(new GaloisKeyGeneration(context, keySession, level).referencePolynomial(3, 0))
    )
    expect(keys[0]).not.toEqual(keys[1])
  })
})

describe('an active set changed after the share was renewed', () => {
  it('the generation is in the randomness: the same request, another share, another noise', () => {
    const subject = ciphertext('generations')
    const c1 = encodeComponent(context, subject.components[1]!)
    const later = { ...sharing, generation: sharing.generation + 1, lineage: cohort.seed('later') }
    const renewed = new ShamirShare(context, later, VICTIM, share.polynomial.clone(), share.spare)
    const [now, then] = [share, renewed].map(of => {
      const giver = new ThresholdShareGiver({
        share: of,
        shareKey: cohort.seed('share key'),
        ledger: new InMemoryShareLedger(),
        flooding: FLOODING
      })
      const attempt = new Attempt(of.sharing, { query: 'q', step: 's', number: 0, active: SETS[0] })
      return opened(giver.switchShare(attempt, { level, noise: subject.noise, c1, targetKey }), attempt.instance)
    })
    // the share is the same here, so that only the noise can differ
    const difference = ring.subtract(now!, now!, then!)
    ring.inverseNtt(difference)
    expect(Math.log2(standardDeviation(ring.toDoubles(difference)))).toBeGreaterThan(floodingNoise(context, subject.noise, FLOODING))
  })
})

/**
 * The hidden-number problem of one coefficient x of s̃·c1: y_i = λ_i·x + f_i modulo Q, |f_i| far below Q. The nearest point to y of the lattice of (λ_1, λ_2)·x
 * modulo Q, by reduction in two dimensions and rounding.
 *
 * @returns f_1, if right
 */
function hiddenNumber([l1, l2]: readonly [bigint, bigint], [y1, y2]: readonly [bigint, bigint]): bigint {
  const ratio = (l2 * inverse(l1, modulus)) % modulus
  let [u, v]: [[bigint, bigint], [bigint, bigint]] = [
    [1n, ratio],
    [0n, modulus]
  ]
  const dot = (a: readonly bigint[], b: readonly bigint[]): bigint => a[0]! * b[0]! + a[1]! * b[1]!
  const nearest = (a: bigint, b: bigint): bigint => {
    const doubled = 2n * a + b
    const quotient = doubled / (2n * b)
    return doubled % (2n * b) < 0n ? quotient - 1n : quotient
  }
  for (;;) {
    if (dot(u, u) > dot(v, v)) [u, v] = [v, u]
    const k = nearest(dot(u, v), dot(u, u))
    if (k === 0n) break
    v = [v[0] - k * u[0], v[1] - k * u[1]]
  }
  const determinant = u[0] * v[1] - u[1] * v[0]
  const sign = determinant < 0n ? -1n : 1n
  const a = nearest(sign * (y1 * v[1] - y2 * v[0]), sign * determinant)
  const b = nearest(sign * (y2 * u[0] - y1 * u[1]), sign * determinant)
  return y1 - a * u[0] - b * v[0]
}

describe('two active sets with fresh noise each: the hidden-number problem', () => {
  const subject = ciphertext('hidden number')
  const c1 = subject.components[1]!
  const { noise } = subject
  const bound = 2n ** BigInt(Math.ceil(floodingNoise(context, noise, FLOODING)) + 4)

  /** λ·s̃·c1 + flooding, and the flooding alone for comparison, under weights that are integers modulo Q. */
  function answers(weights: readonly bigint[]): { readonly y: bigint[]; readonly f: bigint[] }[] {
    const clean = ring.multiply(ring.allocate(indices, 'ntt'), share.polynomial, c1)
    return weights.map((weight, i) => {
      const scaled = ring.multiplyScalar(clean.clone(), clean, weight)
      const secret = ring.multiplyScalar(ring.allocate(parameters.keyIndices(), 'ntt'), share.polynomial, weight)
      const protocol = new PublicKeySwitch(context, sessionId)
      const key = new KeyGenerator(context).publicKey(target, cohort.seed('target key'))
      const given = protocol.share(
        SecretKey.fromPolynomial(secret),
        { instance: `${i}`, level, noise, c1 },
        key,
        FLOODING,
        cohort.seed('fresh noise', i, String(weight))
      )
      const y = opened(protocol.serialize(given, `${i}`), `${i}`)
      return { y: exactCoefficients(ring, y), f: exactCoefficients(ring, ring.subtract(y.clone(), y, scaled)) }
    })
  }

  const weightsAt = (points: readonly bigint[], sets: readonly (readonly number[])[]): bigint[] =>
    sets.map(set =>
      set
        .filter(i => i !== 0)
        .reduce((product, i) => {
          const [own, other] = [points[0]!, points[i]!]
          return (((product * other * inverse(other - own, modulus)) % modulus) + modulus) % modulus
        }, 1n)
    )

  /** Share of coefficients whose flooding is found exactly. */
  function found(points: readonly bigint[]): number {
    const weights = weightsAt(points, [
      [0, 1, 2],
      [0, 1, 3]
    ])
    const [one, two] = answers(weights)
    const right = one!.y.filter(
      (y, i) => hiddenNumber([weights[0]!, weights[1]!], [y, two!.y[i]!]) === one!.f[i]! && one!.f[i]! < bound && -one!.f[i]! < bound
    )
    return right.length / ring.N
  }

  it('random points of 45 bits: every coefficient of c1·s̃ exactly, from two answers', () => {
    const random = [0, 1, 2, 3].map(i => {
      const seed = cohort.seed('point', i)
      return BigInt.asUintN(45, new DataView(seed.buffer, seed.byteOffset).getBigUint64(0, true))
    })
    expect(found(random)).toBe(1)
  })

  it('points 1 … n: not one coefficient', () => {
    expect(found([1n, 2n, 3n, 4n])).toBe(0)
  })
})

describe('the same ciphertext under many attempts', () => {
  const subject = ciphertext('replayed')
  const c1 = encodeComponent(context, subject.components[1]!)
  const { noise } = subject
  const ATTEMPTS = 256

  /** What is left of the flooding when the answers are averaged, against that of one. */
  function averaged(give: (number: number) => Polynomial): number {
    const weight = new ActiveSet(sharing.access, SETS[0]).weight(ring.moduli, VICTIM)
    const own = parameters.keyIndices()
    const secret = ring.multiplyScalar(ring.allocate(own, 'ntt'), share.polynomial, weight)
    const clean = ring.multiply(ring.allocate(indices, 'ntt'), secret, subject.components[1]!)
    const floods = Array.from({ length: ATTEMPTS }, (_, number) => {
      const answer = give(number)
      ring.inverseNtt(ring.subtract(answer, answer, clean))
      const values = ring.toDoubles(answer)
      answer.dispose()
      return values
    })
    const mean = floods[0]!.map((_, i) => floods.reduce((sum, values) => sum + values[i]!, 0) / ATTEMPTS)
    return standardDeviation(mean) / standardDeviation(floods[0]!)
  }

  it('the rule on instances alone: the average of m answers has a flooding √m times smaller', () => {
    const giver = careless(SETS[0])
    const left = averaged(number => {
      const { instance } = attemptOf(SETS[0], number)
      return opened(giver.switchShare({ instance, level, noise, c1, targetKey }), instance)
    })
    expect(left).toBeLessThan(1.5 / Math.sqrt(ATTEMPTS))
  })

  it('is refused at the second attempt, by another holder of the same ledger too', () => {
    const ledger = new InMemoryShareLedger()
    const first = attemptOf(SETS[0])
    holder(ledger).switchShare(first, { level, noise, c1, targetKey })
    for (let number = 1; number < 4; number++) {
      const attempt = attemptOf(SETS[0], number)
      expect(() => holder(ledger).switchShare(attempt, { level, noise, c1, targetKey })).toThrow(CiphertextAlreadyAnsweredError)
      expect(() => holder(ledger).switchShare(attempt, { level, noise, c1, targetKey })).toThrow(
        expect.objectContaining({ protocol: 'switch', instance: attempt.instance })
      )
    }
    expect(ledger.instances(Buffer.from(sessionId).toString('hex'), 'switch')).toEqual([first.instance])
    // another claim about the same ciphertext is another request, too
    expect(() => holder(ledger).switchShare(first, { level, noise: noise + 1, c1, targetKey })).toThrow(CiphertextAlreadyAnsweredError)
  })
})

describe('the quota of decryptions', () => {
  it('counts attempts, whatever active sets they are of', () => {
    const ledger = new InMemoryShareLedger()
    const flooding: Flooding = { securityBits: 30, maximumDecryptions: 3 }
    const giver = new ThresholdShareGiver({ share, shareKey: cohort.seed('share key'), ledger, flooding })
    const ask = (number: number): Uint8Array => {
      const subject = ciphertext(`quota ${number}`)
      const c1 = encodeComponent(context, subject.components[1]!)
      return giver.switchShare(attemptOf(SETS[number % 2]!, number), { level, noise: subject.noise, c1, targetKey })
    }
    const given = [0, 1, 2].map(ask)
    expect(() => ask(3)).toThrow(DecryptionQuotaError)
    expect(() => ask(4)).toThrow(DecryptionQuotaError)
    // identical requests are answered as they were
    expect([0, 1, 2].map(ask)).toEqual(given)
  })
})
