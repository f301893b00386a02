/**
 * Which ciphertexts are proved together to be encryptions, and whose are: the same for everybody, since it follows from the descriptor and its plan.
 *
 * A batch is a run of ciphertexts in order. A proof costs some ten encryptions and a megabyte however many it covers, and each of them a third of an encryption
 * besides; but all of a batch are in memory at once, where it is made and where it is checked. Measured at N = 2^14, level 6, one thread, an encryption being 7.5 ms:
 *
 *   ciphertexts      1     16     32     64    128
 *   made in ms      56     65     93    165    230
 *   checked in ms   33     54     85    145    242
 *   C1 in MiB        1     16     32     64    128
 *
 * Ciphertexts of lower levels travel with a C1 of their batch's level, so that the few of each level that a model often has need no proof of their own: for
 * every prime that holds for the higher modulus holds for the lower.
 */
import type { SessionDescriptor } from './descriptor.js'
import { inputCount, type Plan } from './plan.js'
import { peersWith } from './roster.js'

/** Ciphertexts of a batch, at most. */
export const PROOF_BATCH = 64
/** Residue polynomials that a batch has too many, at most, because its ciphertexts are of several levels: in time and bytes they come near a proof. */
const LARGEST_RAISE = 48

/** A run of one sender's ciphertexts that one proof covers. */
export interface ProofBatch {
  /** Place among the batches. */
  readonly number: number
  /** Index of its first ciphertext among the sender's. */
  readonly first: number
  /** Ciphertexts, at most `PROOF_BATCH`. */
  readonly count: number
  /** Of every C1, the highest of the ciphertexts'. */
  readonly level: number
}

/** What a party must know to make and check proofs in a session. */
export interface ProofTerms {
  /** This party, as the session names it. */
  readonly self: string
  /** Peer id. */
  readonly modelOwner: string
  /** Who holds the whole key, if one party does: what it encrypts is not proved. */
  readonly soleHolder: string | null
}

/** Undefined where nothing is proved. */
export function proofTerms({ proofs, roster }: SessionDescriptor, self: string): ProofTerms | undefined {
  if (!proofs) return undefined
  const holders = peersWith(roster, 'key-holder')
  return { self, modelOwner: peersWith(roster, 'model-owner')[0]!, soleHolder: holders.length === 1 ? holders[0]! : null }
}

/**
 * Whether a party's encryptions are proved. Whoever holds the whole key has nothing to gain from a crafted c1: it can give c0 + c1·s any value by c0 alone, and
 * there is no secret but its own.
 */
export function provesEncryptions(terms: ProofTerms | undefined, sender: string): terms is ProofTerms {
  return terms !== undefined && terms.soleHolder !== sender
}

/** Batches of one query's inputs. */
export function inputBatches(plan: Plan): ProofBatch[] {
  return proofBatches(new Array<number>(inputCount(plan)).fill(plan.inputs.level))
}

/** Batches of the encrypted weights. */
export function modelBatches(plan: Plan): ProofBatch[] {
  return plan.operands.weights === 'clear' ? [] : proofBatches(plan.weights.items.map(({ level }) => level))
}

/** @param levels of the ciphertexts in order */
export function proofBatches(levels: readonly number[]): ProofBatch[] {
  const batches: ProofBatch[] = []
  for (let first = 0; first < levels.length; ) {
    let level = levels[first]!
    let sum = level
    let count = 1
    while (count < PROOF_BATCH && first + count < levels.length) {
      const next = levels[first + count]!
      const highest = Math.max(level, next)
      if ((count + 1) * highest - (sum + next) > LARGEST_RAISE) break
      level = highest
      sum += next
      count++
    }
    batches.push({ number: batches.length, first, count, level })
    first += count
  }
  return batches
}

/** The batch that a ciphertext is proved in. */
export function batchOf(batches: readonly ProofBatch[], index: number): ProofBatch | undefined {
  return batches.find(({ first, count }) => index >= first && index < first + count)
}
