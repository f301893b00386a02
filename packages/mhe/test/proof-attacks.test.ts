/**
 * Attacks on an encryption and on its proof, mounted: each succeeds where nothing is proved, or where what was proved is divided carelessly, and fails against what ships.
 */
import { Encryptor, encryptionIndices, Parameters, secondComponent } from '@slytherin/ckks'
import {
  EncryptionProofs,
  ProofAttemptsError,
  type ProofStatement,
  type ProvableWitness,
  proofSize,
  provedErrorBits,
  UnprovenEncryptionError
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import { polynomialHash } from '../dist/polynomial-hash.js'
import { writeProof } from '../dist/proofs/proof-format.js'
import { challengeOf, expandChallenge, statementHash } from '../dist/proofs/transcript.js'
import { coefficients, cohortOf, collectivePublicKey, exactCoefficients, largestDifference, makeCohort } from './cohort.js'

const LEVEL = 2
const cohort = makeCohort({ parties: 3, levels: 3, label: 'proof attacks' })
const { context, ring, parameters, ideal } = cohort
const publicKey = collectivePublicKey(cohort)
const proofs = new EncryptionProofs(context, cohort.sessionId)
const indices = encryptionIndices(parameters, LEVEL)
const special = parameters.specialPrimes[0]!.value
const statement: ProofStatement = { sender: 'mallory', purpose: 'query', first: 0, level: LEVEL, binding: new Uint8Array() }

const zeroEncryption = (label: string) => {
  using plaintext = context.encoder.encode(new Float64Array(1), { level: LEVEL, scale: parameters.scale })
  return new Encryptor(context, publicKey).encryptProvably(plaintext, cohort.seed(label))
}

/** A constant polynomial over the moduli of an encryption before its division. */
const constant = (value: bigint): Polynomial => {
  const one = ring.fromIntegers(ring.allocate(indices, 'coefficient'), new Float64Array(ring.N).fill(0).fill(1, 0, 1))
  return ring.multiplyScalar(one, one, value)
}

describe('a polynomial g in the second component, so that the message is g·s', () => {
  const seed = cohort.seed('victim')
  const { ciphertext, undivided } = zeroEncryption('victim')
  /** ⌊2·(C1 + p·2^29)/p⌉ = c1 + 2^30: every coefficient of the secret stands far above the noise. */
  const added = constant(special * 2n ** 29n)
  const crafted = ring.add(undivided.clone(), undivided, added)

  it('opens the collective secret, all of it, where nothing is proved', () => {
    const c1 = secondComponent(context, crafted, LEVEL)
    const phase = ring.multiplyAdd(ciphertext.components[0]!.clone(), c1, ideal.polynomial)
    const read = coefficients(ring, phase).map(value => Math.round(value / 2 ** 30) + 0)
    expect(largestDifference(read, coefficients(ring, ideal.polynomial))).toBe(0)
  })

  it('has no proof by the honest program', () => {
    const proof = proofs.prove({ publicKey, statement, batch: [{ seed, undivided: crafted }] })
    expect(() => proofs.verify({ publicKey, statement, undivided: [crafted], proof })).toThrow(UnprovenEncryptionError)
    const before = proofs.prove({ publicKey, statement, batch: [{ seed, undivided }] })
    expect(() => proofs.verify({ publicKey, statement, undivided: [undivided], proof: before })).not.toThrow()
    expect(() => proofs.verify({ publicKey, statement, undivided: [crafted], proof: before })).toThrow(UnprovenEncryptionError)
  })

  it('has no proof by a prover whose witness is true and not short, or short and not true', () => {
    /** e1 + p·g satisfies the relation, but its responses are outside every bound. */
    class NotShort extends EncryptionProofs {
      protected override sampleWitness(ephemeral: Polynomial, error: Polynomial, witness: ProvableWitness): void {
        super.sampleWitness(ephemeral, error, witness)
        ring.add(error, error, added)
      }
    }
    const liar = new NotShort(context, cohort.sessionId)
    expect(() => liar.prove({ publicKey, statement, batch: [{ seed, undivided: crafted }] })).toThrow(ProofAttemptsError)

    class NotTrue extends EncryptionProofs {
      protected override sampleWitness(ephemeral: Polynomial, error: Polynomial, witness: ProvableWitness): void {
        super.sampleWitness(ephemeral, error, witness)
        ring.add(error, error, ring.fromIntegers(ring.allocate(error.indices, 'coefficient'), new Float64Array(ring.N).fill(1, 0, 1)))
      }
    }
    const other = new NotTrue(context, cohort.sessionId)
    const proof = other.prove({ publicKey, statement, batch: [{ seed, undivided: crafted }] })
    expect(() => proofs.verify({ publicKey, statement, undivided: [crafted], proof })).toThrow(UnprovenEncryptionError)
  })

  it('is not hidden among honest ciphertexts, wherever it stands', () => {
    for (let place = 0; place < 3; place++) {
      const batch = [0, 1, 2].map(i => ({ seed: cohort.seed('crowd', i), undivided: i === place ? crafted : undivided }))
      batch.forEach((witness, i) => {
        const plaintext = context.encoder.encode(new Float64Array(1), { level: LEVEL, scale: parameters.scale })
        if (i !== place) witness.undivided = new Encryptor(context, publicKey).encryptProvably(plaintext, witness.seed).undivided
      })
      const proof = proofs.prove({ publicKey, statement, batch })
      expect(() => proofs.verify({ publicKey, statement, undivided: batch.map(each => each.undivided), proof })).toThrow(
        UnprovenEncryptionError
      )
    }
  })

  it('has no proof by who chooses the challenge first and commitments that fit it', () => {
    const size = proofSize(ring.N, 1)
    const row = (bits: number, r: number) => {
      const sampled = ring.uniformBits(ring.allocate([0], 'coefficient'), cohort.seed('simulated', bits, r), bits - 2)
      return coefficients(ring, sampled, true)
    }
    const rows = (bits: number) => Array.from({ length: size.rows }, (_, r) => row(bits, r))
    const content = { challenge: cohort.seed('chosen'), ephemeral: rows(size.ephemeral.bits), error: rows(size.error.bits) }
    const proof = writeProof(ring, { logN: parameters.logN, level: LEVEL, count: 1, size }, content)
    expect(() => proofs.verify({ publicKey, statement, undivided: [crafted], proof })).toThrow(UnprovenEncryptionError)
  })
})

describe('half of a polynomial that every monomial leaves as it is', () => {
  /** h·(1 + X + … + X^(N-1)), h = (Q_l·p + 1)/2 the half of one: (1 ± X^j) times it is short. */
  const modulus = indices.reduce((product, index) => product * ring.moduli[index]!.value, 1n)
  const ones = ring.fromIntegers(ring.allocate(indices, 'coefficient'), new Float64Array(ring.N).fill(1))
  const half = ring.multiplyScalar(ones.clone(), ones, (modulus + 1n) / 2n)

  /** Commits to responses and adds `half` to each T, as if each challenge were to be 1; any monomial leaves something short in the place of the difference. */
  function forge(): Uint8Array {
    const size = proofSize(ring.N, 1)
    const a = ring.copy(ring.allocate(indices, 'ntt'), publicKey.a)
    const hash = statementHash(context, cohort.sessionId, statement, size, a, [half])
    const mask = (bits: number, r: number) =>
      ring.uniformBits(ring.allocate(indices, 'coefficient'), cohort.seed('forged', bits, r), bits - 2)
    const masks = Array.from({ length: size.rows }, (_, r) => ({ y: mask(size.ephemeral.bits, r), f: mask(size.error.bits, r) }))
    const commitments = masks.map(({ y, f }) => {
      const T = ring.ntt(ring.add(f.clone(), f, half))
      return polynomialHash(ring.multiplyAdd(T, a, ring.ntt(y.clone())))
    })
    const challenge = challengeOf(hash, commitments)
    const W = expandChallenge(challenge, size.rows, 1, ring.N)
    const error = masks.map(({ f }, r) => {
      const g = ring.add(f.clone(), f, half)
      ring.monomialCombinations([g], [half], [W[r]!], true)
      return coefficients(ring, g)
    })
    const ephemeral = masks.map(({ y }) => coefficients(ring, y))
    return writeProof(ring, { logN: parameters.logN, level: LEVEL, count: 1, size }, { challenge, ephemeral, error })
  }

  it('has a proof: what is proved is that twice C1 is short', () => {
    expect(() => proofs.verify({ publicKey, statement, undivided: [half], proof: forge() })).not.toThrow()
  })

  it('opens a parity of the secret where C1 itself is divided, and nothing where twice C1 is', () => {
    const level = parameters.primes.slice(0, LEVEL + 1).reduce((product, prime) => product * prime.value, 1n)
    const target = parameters.ciphertextIndices(LEVEL)
    const parities = new Set<bigint>()
    for (const secret of [ideal, ...cohort.secrets]) {
      const s = coefficients(ring, secret.polynomial)
      const parity = BigInt(Math.abs(s.reduce((sum, x) => sum + x, 0)) % 2)
      const careless = ring.ntt(ring.divideAndRound(ring.allocate(target, 'coefficient'), half, [parameters.maxLevel + 1]))
      const phase = exactCoefficients(ring, ring.multiply(careless, careless, secret.polynomial))
      const far = phase.map(value => ((value < 0n ? -value : value) > level / 4n ? 1n : 0n))
      expect(far.every(bit => bit === parity)).toBe(true)
      parities.add(parity)
      const c1 = secondComponent(context, half, LEVEL)
      expect(coefficients(ring, c1).every(value => value === 0)).toBe(true)
    }
    // Both occur, or nothing was shown.
    expect(parities.size).toBe(2)
  })
})

describe('a witness as long as the slack allows', () => {
  it('adds no more to a decryption, beyond what its sender knows, than the bound says, and more than an honest one', () => {
    // A special prime so small that it does not take the slack away.
    const small = Parameters.generate({ logN: 8, firstPrimeBits: 48, primeBits: 45, levels: 2, specialPrimeBits: 30, insecure: true })
    const other = cohortOf(small, 3, 'slack')
    const key = collectivePublicKey(other)
    const rows = encryptionIndices(small, 2)
    const { N } = small
    const size = proofSize(N, 1)
    const signs = (label: string, magnitude: number): Polynomial => {
      const bits = coefficients(other.ring, other.ring.uniformBits(other.ring.allocate(rows, 'coefficient'), other.seed(label), 1), true)
      return other.ring.fromIntegers(
        other.ring.allocate(rows, 'coefficient'),
        bits.map(bit => (bit < 0 ? -1 : 1) * magnitude)
      )
    }
    /** log2 of the largest coefficient of c1·s beyond what the sender of C1 = a·u + e knows. */
    const unknownBits = (u: Polynomial, e: Polynomial): number => {
      other.ring.ntt(u)
      const undivided = other.ring.multiply(other.ring.allocate(rows, 'ntt'), u, key.a)
      other.ring.add(undivided, other.ring.inverseNtt(undivided), e)
      const c1 = secondComponent(other.context, undivided, 2)
      const message = other.ring.multiply(other.ring.allocate(rows, 'ntt'), u, key.b)
      other.ring.multiplyScalar(message, message, -2n)
      const known = other.ring.divideAndRound(other.ring.allocate(small.ciphertextIndices(2), 'ntt'), message, [small.maxLevel + 1])
      const phase = other.ring.multiply(c1, c1, other.ideal.polynomial)
      const unknown = exactCoefficients(other.ring, other.ring.subtract(phase, phase, known))
      return Math.log2(unknown.reduce((worst, value) => Math.max(worst, Math.abs(Number(value))), 0))
    }
    const honest = unknownBits(signs('u', 1), signs('e', 19))
    const longest = unknownBits(signs('u', N * size.ephemeral.bound), signs('e', N * size.error.bound))
    expect(longest).toBeLessThanOrEqual(provedErrorBits(N, 1, 3, small.specialPrimes[0]!.log2))
    expect(longest).toBeGreaterThan(honest + 0.5)
  })
})

describe('responses', () => {
  /** The worst witness there is: u of ones, so that every monomial moves every response. */
  class Ones extends EncryptionProofs {
    attempts = 0
    protected override sampleWitness(ephemeral: Polynomial, error: Polynomial, _: ProvableWitness): void {
      this.attempts++
      ring.fromIntegers(ephemeral, new Float64Array(ring.N).fill(1))
      ring.fromIntegers(error, new Float64Array(ring.N).fill(19))
    }
  }
  const { undivided } = zeroEncryption('ones')
  const size = proofSize(ring.N, 1)

  it('are spread evenly over their interval, whatever the witness', () => {
    const proof = new Ones(context, cohort.sessionId).prove(
      { publicKey, statement, batch: [{ seed: cohort.seed('ones'), undivided }] },
      cohort.seed('even')
    )
    let offset = 48
    for (const { bits, bound } of [size.ephemeral, size.error]) {
      const length = size.rows * ring.N
      const values = ring.decodeIntegers(proof.subarray(offset, offset + (length * bits) / 8), length, bits)
      offset += (length * bits) / 8
      const bins = new Float64Array(16)
      for (const value of values) bins[Math.min(15, Math.floor(((value + bound) / (2 * bound)) * 16))]!++
      const expected = length / 16
      const chiSquared = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      // 15 degrees of freedom: beyond 45 once in ten thousand.
      expect(chiSquared).toBeLessThan(45)
    }
  })

  it('are rejected as often as the size says, whatever the witness', () => {
    const ones = new Ones(context, cohort.sessionId)
    const made = 300
    for (let i = 0; i < made; i++) {
      ones.prove({ publicKey, statement, batch: [{ seed: cohort.seed('ones'), undivided }] }, cohort.seed('rejection', i))
    }
    const rejected = 1 - made / ones.attempts
    // Six standard deviations.
    expect(Math.abs(rejected - size.rejection)).toBeLessThan(6 * Math.sqrt((size.rejection * (1 - size.rejection)) / ones.attempts))
    expect(rejected).toBeGreaterThan(0)
  })
})
