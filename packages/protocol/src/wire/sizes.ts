/**
 * Upper bounds on every message, from the plan and its parameters. Before a plan is agreed, only the messages that lead to one are let in.
 *
 * A residue counts as at most 8 bytes (the widest of our encodings); packed residues stay below that.
 */
import { MAXIMUM_TEXT_BYTES } from '../terms/limits.js'
import type { Plan } from '../terms/plan.js'

export const MAXIMUM_ARCHITECTURE_BYTES = 8 << 20
/** Envelope fields around a body. */
export const ENVELOPE_BYTES = 64
/** Encoded Failure, and any message that carries only short texts. */
export const MAXIMUM_FAILURE_BYTES = 16 << 10
export const MAXIMUM_SIGNATURE_BYTES = 512
/** One peer's entry in a list of commitments or nonces. */
export const DIGEST_LIST_BYTES = MAXIMUM_TEXT_BYTES + MAXIMUM_SIGNATURE_BYTES + 128

/** Headers of a serialized object, and small objects of tests. */
const HEADER_BYTES = 4096

/** Of a proof of encryption: challenges together, and what two responses for a coefficient take. */
const CHALLENGE_BITS = 130
const LARGEST_RESPONSE_BYTES = 9.5

/** Most bytes that each part of a message may have under a plan, and most ciphertexts in one request. */
export interface MessageSizes {
  /** Share of the collective public key. */
  readonly publicKeyShare: number
  /** A querier's public key. */
  readonly resultKey: number
  /** Share of a Galois key, at the highest level of any; 0 when the plan has none. */
  readonly galoisShare: number
  /** Share of a round of the relinearisation key; 0 when the plan has no such key. */
  readonly relinearizationShare: number
  /** One encrypted weight item, at the top level. */
  readonly modelPart: number
  /** One encrypted input. */
  readonly input: number
  /** One ciphertext before its division. */
  readonly undivided: number
  /** That a batch of ciphertexts are encryptions, however many they are. */
  readonly proof: number
  /** One result ciphertext. */
  readonly result: number
  /** Second component of a ciphertext that is refreshed, at the highest level of any. */
  readonly refreshC1: number
  /** One holder's share for it. */
  readonly refreshShare: number
  /** What a key holder that is the only one answers to a refresh: a first component at the top level, and a seed. */
  readonly refreshed: number
  /** Second component of a result. */
  readonly switchC1: number
  /** One holder's share for it. */
  readonly switchShare: number
  /** Most ciphertexts in one refresh and in one switch. */
  readonly refreshCount: number
  readonly switchCount: number
}

/** The bounds that follow from a plan: residues of 8 bytes, ring degree, levels and counts. */
export function messageSizes(plan: Plan): MessageSizes {
  const { logN, primes, specialPrimes } = plan.parameters
  const row = 8 * 2 ** logN
  const rows = (count: number): number => count * row + HEADER_BYTES
  const all = primes.length + specialPrimes.length
  /** So many polynomials per digit of a key for this level, over its primes and the special ones. */
  const keyRows = (level: number, polynomials: number): number => {
    const digits = Math.ceil((level + 1) / Math.max(1, specialPrimes.length))
    return rows(polynomials * digits * (level + 1 + specialPrimes.length))
  }
  const refreshLevel = Math.max(0, ...plan.refreshes.map(refresh => refresh.level))
  return {
    publicKeyShare: rows(all),
    resultKey: rows(2 * all),
    galoisShare: Math.max(0, ...plan.galoisKeys.map(({ level }) => keyRows(level, 1))),
    relinearizationShare: plan.relinearizationLevel === null ? 0 : keyRows(plan.relinearizationLevel, 2),
    // With a second component that is not yet divided by the special prime.
    modelPart: rows(2 * primes.length + 1),
    input: rows(plan.inputs.seeded ? plan.inputs.level + 1 : 2 * (plan.inputs.level + 1) + 1),
    undivided: rows(primes.length + 1),
    proof: LARGEST_RESPONSE_BYTES * Math.ceil(CHALLENGE_BITS / (logN + 1)) * 2 ** logN + HEADER_BYTES,
    result: rows(2 * (plan.output.level + 1)),
    refreshC1: rows(refreshLevel + 1),
    refreshShare: rows(refreshLevel + 1 + primes.length),
    refreshed: rows(primes.length),
    switchC1: rows(plan.output.level + 1),
    switchShare: rows(2 * (plan.output.level + 1)),
    refreshCount: Math.max(0, ...plan.refreshes.map(refresh => refresh.ciphertextsPerBlock)) * plan.batchBlocks,
    switchCount: plan.output.ciphertextsPerBlock * plan.batchBlocks
  }
}
