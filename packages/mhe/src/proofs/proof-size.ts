/**
 * How many rows a proof has, how wide its masks are, and what follows: soundness, slack, rejection, bytes. All from N and the number k of ciphertexts.
 *
 * Rows V: the least with (2N+1)^V >= 2^130.
 *
 * Masks: m bits, uniform in [-2^(m-1), 2^(m-1)). With S the largest that a sum of k witnesses times monomials can be (k for u, 19·k for e1), a response is sent if it lies in
 * [-2^(m-1) + S, 2^(m-1) - S): there it is uniform whatever the witness. One of the V·N coefficients falls outside with probability 2·S/2^m; the widths are the least, together,
 * with which all of both kinds stay inside except with probability LARGEST_REJECTION (union bound).
 *
 *       N       k    V   soundness   slack of u, of e1   rejected       bytes     provedErrorBits, 3 parties, p = 2^48
 *     2^13      1   10     2^-140      2^34.0   2^33.8     8.2 %      491,568     13.6
 *     2^13     32   10     2^-140      2^39.0   2^38.8     8.2 %      593,968     13.9
 *     2^14      1    9     2^-135      2^36.0   2^35.8     7.4 %      921,648     14.6
 *     2^14     32    9     2^-135      2^41.0   2^40.8     7.4 %    1,105,968     15.7
 *     2^14    128    9     2^-135      2^43.0   2^42.8     7.4 %    1,179,696     17.0
 *     2^15     32    9     2^-144      2^43.0   2^42.8     7.4 %    2,285,616     18.0
 */
import { ENCRYPTION_ERROR_BOUND } from '@slytherin/ckks'
import { InvalidProofRequestError } from './errors.js'

/** log2 of the challenges that a proof has at least: two bits more than the soundness error aimed at. */
const CHALLENGE_BITS = 130n
/** Of attempts at a proof, at most. */
const LARGEST_REJECTION = 0.1
/** Ciphertexts of a batch: keeps masks within the widths that responses are packed in. */
export const LARGEST_PROOF_BATCH = 512
/** What a mask of the largest batch at the largest degree needs. */
const LARGEST_MASK_BITS = 38
export const PROOF_HEADER_BYTES = 48

/** The responses for one kind of witness. */
export interface ResponseSize {
  /** S: the largest sum of witnesses times monomials. */
  readonly shift: number
  /** m: bits of a mask, and of a response in the proof. */
  readonly bits: number
  /** 2^(m-1) - S: the largest magnitude of a response. */
  readonly bound: number
}

/** How large a proof is, and what it shows. */
export interface ProofSize {
  /** V. */
  readonly rows: number
  readonly ephemeral: ResponseSize
  readonly error: ResponseSize
  /** -log2 of the probability that a statement without witness passes for one choice of T. */
  readonly soundnessBits: number
  /** log2 of N·bound over the honest bound: how much larger than an honest u or e1 the half of ũ or ẽ may be. */
  readonly ephemeralSlackBits: number
  readonly errorSlackBits: number
  /** Probability that an attempt is rejected. */
  readonly rejection: number
  readonly bytes: number
}

/**
 * @param N     ring degree
 * @param count ciphertexts in the batch
 * @throws InvalidProofRequestError
 */
export function proofSize(N: number, count: number): ProofSize {
  const key = `${N}/${count}`
  let size = known.get(key)
  if (size === undefined) {
    size = computeSize(N, count)
    known.set(key, size)
  }
  return size
}

/** Both sides ask for the same few. */
const known = new Map<string, ProofSize>()

function computeSize(N: number, count: number): ProofSize {
  if (!Number.isInteger(count) || count < 1 || count > LARGEST_PROOF_BATCH) {
    throw new InvalidProofRequestError('batch', `1 to ${LARGEST_PROOF_BATCH} ciphertexts`, count)
  }
  const rows = rowsOf(N)
  const coefficients = rows * N
  const { ephemeral, error } = narrowest(coefficients, count, ENCRYPTION_ERROR_BOUND * count)
  const accepted = [ephemeral, error].reduce((sum, { shift, bits }) => sum + coefficients * Math.log1p(-shift / 2 ** (bits - 1)), 0)
  return {
    rows,
    ephemeral,
    error,
    soundnessBits: rows * Math.log2(2 * N + 1),
    ephemeralSlackBits: Math.log2(N * ephemeral.bound),
    errorSlackBits: Math.log2((N * error.bound) / ENCRYPTION_ERROR_BOUND),
    rejection: -Math.expm1(accepted),
    bytes: PROOF_HEADER_BYTES + (coefficients * (ephemeral.bits + error.bits)) / 8
  }
}

/**
 * What a proved c1 can add to a decryption beyond what its sender knows, per coefficient (encryption-proofs.ts derives it):
 *
 *   |(e·ũ + ẽ·s - r·s) / p| <= n·N·(19·2N·B_u + 2N·B_e) / p + n·N/2
 *
 * @param parties         n, whose ternary secrets and errors the key sums
 * @param specialPrimeLog2 log2 p
 * @returns log2 of the bound; of an honest encryption it is log2(n·N/2) and hardly more
 */
export function provedErrorBits(N: number, count: number, parties: number, specialPrimeLog2: number): number {
  const { ephemeral, error } = proofSize(N, count)
  const slack = 2 * N * (ENCRYPTION_ERROR_BOUND * ephemeral.bound + error.bound)
  return Math.log2(parties * N * (slack / 2 ** specialPrimeLog2 + 0.5))
}

/** In integers, so that every platform finds the same. */
function rowsOf(N: number): number {
  const challenges = BigInt(2 * N + 1)
  let rows = 1
  for (let product = challenges; product < 1n << CHALLENGE_BITS; product *= challenges) rows++
  return rows
}

/** The least bits together; of equal sums the one that rejects least. Sums and quotients by powers of two only: the same on every platform. */
function narrowest(coefficients: number, shiftOfEphemeral: number, shiftOfError: number): { ephemeral: ResponseSize; error: ResponseSize } {
  const rejection = (shift: number, bits: number) => (coefficients * shift) / 2 ** (bits - 1)
  for (let together = 2; together <= 2 * LARGEST_MASK_BITS; together++) {
    let best: { rejected: number; bits: number } | undefined
    for (let bits = Math.max(1, together - LARGEST_MASK_BITS); bits <= Math.min(together - 1, LARGEST_MASK_BITS); bits++) {
      const rejected = rejection(shiftOfEphemeral, bits) + rejection(shiftOfError, together - bits)
      if (rejected <= LARGEST_REJECTION && (best === undefined || rejected < best.rejected)) best = { rejected, bits }
    }
    if (best) return { ephemeral: sizeOf(shiftOfEphemeral, best.bits), error: sizeOf(shiftOfError, together - best.bits) }
  }
  throw new InvalidProofRequestError('batch', `few enough ciphertexts for masks of ${LARGEST_MASK_BITS} bits`, shiftOfEphemeral)
}

const sizeOf = (shift: number, bits: number): ResponseSize => ({ shift, bits, bound: 2 ** (bits - 1) - shift })
