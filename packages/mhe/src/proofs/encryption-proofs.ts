/**
 * Proofs that encryptions are ones. For ciphertexts (c0_i, ⌊2·C1_i/p⌉), i = 1 … k, under a public key (b, a), a proof shows knowledge of
 *
 *   honest     u_i, e_i  with    C1_i = a·u_i + e_i  modulo Q_l·p,   ‖u_i‖∞ <= 1,         ‖e_i‖∞ <= 19
 *   extracted  ũ_i, ẽ_i  with  2·C1_i = a·ũ_i + ẽ_i  modulo Q_l·p,   ‖ũ_i‖∞ <= 2N·B_u,    ‖ẽ_i‖∞ <= 2N·B_e         (B_u, B_e: proof-size.ts)
 *
 * before the division by the special prime p. Nothing is said of c0: it moves the message by what its sender knows.
 *
 * Protocol (amortised sigma protocol of BDOZ and SPDZ, eprint 2010/514 and 2011/535; monomial challenges as in TopGear, eprint 2019/035), for V rows:
 *
 *   T_r = a·y_r + f_r                                  masks y_r, f_r uniform
 *   W in {0, ±X^j}^(V×k) from SHA-256                  of session, sender, purpose, indices, parameters, a, every C1_i, every T_r
 *   z_r = y_r + Σ_i W_ri·u_i,  g_r = f_r + Σ_i W_ri·e_i          anew unless all lie where they are uniform whatever u_i, e_i (Lyubashevsky's rejection)
 *
 * The proof is (challenge, z, g). Who checks computes T_r = a·z_r + g_r - Σ_i W_ri·C1_i, for every prime and p, and compares the challenge that follows.
 *
 * Soundness. Let two accepted answers to one T have challenges that differ in column i only. In a row r in which they do,
 * (w - w')·C1_i = a·(z_r - z_r') + (g_r - g_r'). For w, w' in {±X^j}, w - w' = ±X^j·(X^d - 1) with 0 < d < 2N; with m = N/gcd(d, N), X^(d·m) = -1 and
 * (X^d - 1)·(1 + X^d + … + X^(d·(m-1))) = -2, so that 2/(w - w') has coefficients in {-1, 0, 1} (Benhamouda et al., eprint 2014/889); where one of them is 0 it is ±2·X^j.
 * Multiplied by it, the equation becomes the extracted one. A ciphertext i for which there is no such
 * answer passes, whatever the others are, for one column in (2N+1)^V at most: knowledge error (2N+1)^-V, for all k together since one i that fails is enough. With
 * SHA-256 as random oracle a prover that hashes q times passes with probability (q+1)·(2N+1)^-V <= (q+1)·2^-130 (three messages: eprint 2021/1377 and 2023/818 lose no more than that
 * factor); a try costs V transforms and a hash of megabytes, so that 2^-130 for one try is 128 bits with a margin. No further rows are needed.
 *
 * Zero knowledge. Accepted responses are uniform on their intervals and independent of the witness; T follows from them and W; rejected attempts are never sent and
 * use fresh masks (Fiat–Shamir with aborts: eprint 2023/245, 2023/246).
 *
 * What is left to a sender who deviates. p·c1 = 2·C1 - r with the r of the rounding, ‖r‖∞ <= p/2, and a·s = e - b, so that
 *
 *   c0 + c1·s = [c0 - (b·ũ + ρ)/p]  +  (ρ + e·ũ + ẽ·s - r·s) / p            ρ, ‖ρ‖∞ <= p/2, makes the bracket whole
 *
 * The sender knows the bracket: it is its message, of any size. Only the last three terms depend on secrets. `provedErrorBits` bounds it; at N = 2^14, p = 2^48 and k = 32 it is at
 * most some 2^14 per coefficient and party, against flooding of far more, where an unproved c1 makes it as large as the modulus.
 *
 * The factor 2 is part of the statement: see provable-encryption.ts in ckks.
 */
import { type Context, encryptionIndices, type PublicKey, sampleEncryptionError, sampleEphemeral } from '@slytherin/ckks'
import { NO_TERM, type Polynomial, randomSeed } from '@slytherin/ring'
import { authenticateParts, equalBytes } from '../hash.js'
import { polynomialHash } from '../polynomial-hash.js'
import { withDerivedSeed } from '../sampling.js'
import { overwritable, type Scratch, withScratch } from '../scratch.js'
import { InvalidProofRequestError, ProofAttemptsError, UnprovenEncryptionError } from './errors.js'
import { isAcceptable, type ProofContent, type ProofShape, readProof, writeProof } from './proof-format.js'
import { type ProofSize, proofSize, type ResponseSize } from './proof-size.js'
import { challengeOf, checkStatement, expandChallenge, type ProofStatement, statementHash } from './transcript.js'

/** An encryption to be proved. */
export interface ProvableWitness {
  /** The 32 secret bytes it was made from (`Encryptor.encryptProvably`). */
  readonly seed: Uint8Array
  /** C1, coefficient domain over `encryptionIndices`. */
  readonly undivided: Polynomial
}

/** What is to be proved. */
export interface ProofRequest {
  readonly publicKey: PublicKey
  readonly statement: ProofStatement
  readonly batch: readonly ProvableWitness[]
}

/** What a proof is held against. */
export interface ProofCheck {
  readonly publicKey: PublicKey
  readonly statement: ProofStatement
  /** C1 of every ciphertext in order, coefficient domain over `encryptionIndices`. */
  readonly undivided: readonly Polynomial[]
  readonly proof: Uint8Array
}

/** At most one attempt in ten is rejected: a hundred in a row do not happen. */
const LARGEST_ATTEMPTS = 100
/** Witnesses in memory at a time. */
const WITNESS_CHUNK = 28

/** Proofs that ciphertexts of a batch are encryptions, and known to who sends them. */
export class EncryptionProofs {
  /** @param sessionId 32 bytes */
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array
  ) {}

  /**
   * @param randomness 32 secret bytes; the masks derive from them and from all that is proved, so that no two statements are ever answered with the same masks
   * @returns the proof, `proofSize(N, k).bytes` long. It holds only if every C1 is that of its seed under this key: this is not checked here.
   * @throws InvalidProofRequestError, ProofAttemptsError
   */
  prove({ publicKey, statement, batch }: ProofRequest, randomness: Uint8Array = randomSeed()): Uint8Array {
    const { context } = this
    const { ring } = context
    const undivided = batch.map(witness => witness.undivided)
    const { shape, hash, a } = this.begin(publicKey, statement, undivided)
    const { size } = shape
    const integers = this.integerIndices(statement.level, size)
    try {
      for (let attempt = 0; attempt < LARGEST_ATTEMPTS; attempt++) {
        const maskSeed = authenticateParts(randomness, 'proof masks', hash, String(attempt))
        try {
          const content = withScratch(ring, scratch => this.attempt(scratch, hash, a, integers, batch, size, maskSeed))
          try {
            if (isAcceptable(content.ephemeral, size.ephemeral) && isAcceptable(content.error, size.error))
              return writeProof(ring, shape, content)
          } finally {
            for (const row of [...content.ephemeral, ...content.error]) row.fill(0)
          }
        } finally {
          maskSeed.fill(0)
        }
      }
      throw new ProofAttemptsError(LARGEST_ATTEMPTS)
    } finally {
      a.dispose()
    }
  }

  /**
   * Returns if the proof holds; then, and only then, `secondComponent` of every C1 may be used.
   *
   * @throws MalformedProofError, UnprovenEncryptionError, InvalidProofRequestError
   */
  verify({ publicKey, statement, undivided, proof }: ProofCheck): void {
    const { ring } = this.context
    checkStatement(this.context, this.sessionId, statement)
    const shape = this.shapeOf(statement.level, undivided.length)
    const { challenge, ephemeral, error } = readProof(ring, proof, shape)
    const { hash, a } = this.begin(publicKey, statement, undivided)
    const { rows } = shape.size
    const W = expandChallenge(challenge, rows, undivided.length, ring.N)
    const { indices } = a
    const held: Polynomial[] = []
    try {
      const T = error.map(row => {
        const polynomial = overwritable(ring, indices, 'coefficient')
        held.push(polynomial)
        return ring.fromIntegers(polynomial, row)
      })
      ring.monomialCombinations(
        T,
        undivided,
        W.map(row => row.map(e => negated(e, ring.N))),
        true
      )
      const response = overwritable(ring, indices, 'coefficient')
      held.push(response)
      const commitments = T.map((polynomial, r) => {
        ring.ntt(ring.fromIntegers(response, ephemeral[r]!))
        return polynomialHash(ring.multiplyAdd(ring.ntt(polynomial), a, response))
      })
      if (!equalBytes(challengeOf(hash, commitments), challenge)) {
        const { sender, purpose, first } = statement
        throw new UnprovenEncryptionError(sender, purpose, first, undivided.length, 'challenge')
      }
    } finally {
      for (const polynomial of held) polynomial.dispose()
      a.dispose()
    }
  }

  /** u and e1 of an encryption, over some rows; coefficient domain. */
  protected sampleWitness(ephemeral: Polynomial, error: Polynomial, { seed }: ProvableWitness): void {
    const { ring } = this.context
    sampleEphemeral(ring, ephemeral, seed)
    sampleEncryptionError(ring, error, seed, 1)
  }

  /** Masks, challenge and responses of one attempt, acceptable or not. */
  private attempt(
    scratch: Scratch,
    hash: Uint8Array,
    a: Polynomial,
    integers: readonly number[],
    batch: readonly ProvableWitness[],
    size: ProofSize,
    maskSeed: Uint8Array
  ): ProofContent {
    const { ring } = this.context
    const masks: { ephemeral: Polynomial[]; error: Polynomial[] } = { ephemeral: [], error: [] }
    const [y, f] = [scratch.allocate(a.indices, 'coefficient'), scratch.allocate(a.indices, 'coefficient')]
    const commitments = Array.from({ length: size.rows }, (_, r) => {
      for (const [mask, kind] of [
        [y, 'ephemeral'],
        [f, 'error']
      ] as const) {
        withDerivedSeed(maskSeed, [kind, r], seed => ring.uniformBits(mask, seed, size[kind].bits))
        masks[kind].push(ring.copy(scratch.allocate(integers, 'coefficient'), mask))
        ring.ntt(mask)
      }
      return polynomialHash(ring.multiplyAdd(f, a, y))
    })
    const challenge = challengeOf(hash, commitments)
    const W = expandChallenge(challenge, size.rows, batch.length, ring.N)
    const places = Array.from({ length: Math.min(batch.length, WITNESS_CHUNK) }, () => ({
      ephemeral: scratch.allocate(integers, 'coefficient'),
      error: scratch.allocate(integers, 'coefficient')
    }))
    for (let first = 0; first < batch.length; first += WITNESS_CHUNK) {
      const chunk = batch.slice(first, first + WITNESS_CHUNK)
      const used = places.slice(0, chunk.length)
      for (const [i, { ephemeral, error }] of used.entries()) this.sampleWitness(ephemeral, error, chunk[i]!)
      const exponents = W.map(row => row.subarray(first, first + chunk.length))
      for (const kind of ['ephemeral', 'error'] as const) {
        ring.monomialCombinations(
          masks[kind],
          used.map(place => place[kind]),
          exponents,
          true
        )
      }
    }
    const responses = (kind: 'ephemeral' | 'error') => masks[kind].map(polynomial => ring.toDoubles(polynomial))
    return { challenge, ephemeral: responses('ephemeral'), error: responses('error') }
  }

  /** Checks what is proved and hashes it. @returns a over the rows of C1, to be disposed by the caller */
  private begin(
    publicKey: PublicKey,
    statement: ProofStatement,
    undivided: readonly Polynomial[]
  ): { shape: ProofShape; hash: Uint8Array; a: Polynomial } {
    const { context, sessionId } = this
    const { ring, parameters } = context
    checkStatement(context, sessionId, statement)
    const shape = this.shapeOf(statement.level, undivided.length)
    const indices = encryptionIndices(parameters, statement.level)
    for (const polynomial of undivided) {
      if (polynomial.ring !== ring) throw new InvalidProofRequestError('undivided', 'of the ring of the context', 'another')
      if (polynomial.domain !== 'coefficient')
        throw new InvalidProofRequestError('undivided', 'in the coefficient domain', polynomial.domain)
      if (polynomial.indices.join() !== indices.join()) {
        throw new InvalidProofRequestError('undivided', `over the moduli ${indices.join(', ')}`, polynomial.indices.join(', '))
      }
    }
    const a = overwritable(ring, indices, 'ntt')
    try {
      ring.copy(a, publicKey.a)
      return { shape, hash: statementHash(context, sessionId, statement, shape.size, a, undivided), a }
    } catch (error) {
      a.dispose()
      throw error
    }
  }

  private shapeOf(level: number, count: number): ProofShape {
    const { N, logN } = this.context.parameters
    return { logN, level, count, size: proofSize(N, count) }
  }

  /** The fewest moduli modulo whose product responses, and masks with the largest sums added, are the integers that they are. */
  private integerIndices(level: number, { ephemeral, error }: ProofSize): number[] {
    const { ring, parameters } = this.context
    const indices = encryptionIndices(parameters, level)
    const largest = Math.max(...[ephemeral, error].map(({ bits, shift }: ResponseSize) => 2 ** (bits - 1) + shift))
    let product = 1n
    for (const [k, index] of indices.entries()) {
      product *= ring.moduli[index]!.value
      if (product > 2n * BigInt(largest)) return indices.slice(0, k + 1)
    }
    throw new InvalidProofRequestError('level', 'one whose modulus holds the responses', level)
  }
}

/** The exponent of -X^e. */
function negated(exponent: number, N: number): number {
  return exponent === NO_TERM ? NO_TERM : (exponent + N) % (2 * N)
}
