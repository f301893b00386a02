/**
 * Evaluation in parts that other machines of the evaluator's may do: what a part is, what it comes to, and who has it done.
 *
 * A part is a stretch of the plan, from behind one refresh to the next, for some of the batch blocks. It is a function of what it names by SHA-256: whoever does it, and
 * however often, it comes to the same bytes. Nothing in it is secret: refreshes, results and the evaluator's own randomness stay with the evaluator.
 */
import type { Plan, StepReport } from '../../terms/plan.js'
import type { EpochTerms } from './epoch.js'
import type { EvaluationKeyName } from './service.js'

/** A byte string in the store that machines share: in which space it is, and its SHA-256, hexadecimal. */
export interface ContentName {
  /** Erased as a whole. */
  readonly space: string
  /** SHA-256, hexadecimal. */
  readonly hash: string
}

/** What all queries of a release have in common; kept in the store as canonical JSON, by its hash. */
export interface BlockMeans {
  /** Of the epoch. */
  readonly terms: EpochTerms
  /** t: holders that it takes. */
  readonly threshold: number
  /** Who holds the whole key, if one party does. */
  readonly soleHolder: string | null
  /** The collective public key, serialised. */
  readonly publicKey: ContentName
  /** Evaluation keys that the plan uses. */
  readonly keys: readonly (EvaluationKeyName & ContentName)[]
  /** Of the release, with its nonce: what its proofs were made for. */
  readonly owner: string
  /** Of the release. */
  readonly nonce: string
  /** What is evaluated. */
  readonly plan: Plan
  /** Of the encrypted model, in the order of the plan; where the model is clear at its evaluator, of its values. */
  readonly parts: readonly string[]
  /** Where the parts are. */
  readonly space: string
}

/** A ciphertext between two stretches. */
export interface KeptCiphertext extends ContentName {
  /** Below which it has a residue for every prime of the chain. */
  readonly level: number
  /** What its message is multiplied with. */
  readonly scale: number
  /** One less than its components: 1 when it was relinearised. */
  readonly degree: number
}

/** A value of the program that is alive between two stretches: ciphertexts by batch block. */
export interface KeptValue {
  /** Which of the program's. */
  readonly value: number
  /** By batch block. */
  readonly blocks: readonly (readonly KeptCiphertext[])[]
}

/** One part of a query's evaluation, by what it follows from; plain data. */
export interface BlockJob {
  /** Of the BlockMeans. */
  readonly means: ContentName
  /** Its name; what comes of the part goes into its space. */
  readonly query: string
  /** Batch blocks from..to-1. */
  readonly blocks: readonly [number, number]
  /** The step that was done last; -1 at the beginning. */
  readonly after: number
  /** The inputs of these blocks, in order; none once they are not read any more. */
  readonly inputs: { readonly space: string; readonly hashes: readonly string[]; readonly proved: boolean }
  /** What earlier parts have left for it. */
  readonly values: readonly KeptValue[]
  /** What the plan expects it to take: seconds on the machine that it was priced for, bytes of memory beside keys and weights. */
  readonly expected: { readonly seconds: number; readonly bytes: number }
}

/** Work that is the same for each of some batch blocks, before it is known in how many parts it is done. */
export interface BlockStretch {
  /** Parts that it can be divided into, at most: each has the model brought in again. */
  readonly most: number
  /** So many parts, in the order of their blocks; the first is no smaller than any other. */
  divide(parts: number): readonly BlockJob[]
}

/** What a part has come to: where it stopped, and what it left. */
export interface BlockResult {
  /** The refresh that it stands before; null at the end. */
  readonly refresh: number | null
  /** What is to be refreshed, or the outputs, by batch block; by their hash in the query's space. */
  readonly results: readonly (readonly KeptCiphertext[])[]
  /** What parts behind the refresh will read. */
  readonly values: readonly KeptValue[]
  /** What was done, with seconds and tracked error. */
  readonly steps: readonly StepReport[]
}

/** Bytes that are lent: read, not written, and not after they have been given back. */
export interface BorrowedBytes extends Disposable {
  /** Of whoever lends them. */
  readonly bytes: Uint8Array
}

/** Byte strings that machines share. Each space is erased as a whole. */
export interface SharedContents {
  /** @returns SHA-256, hexadecimal */
  put(space: string, bytes: Uint8Array): Promise<string>
  /** @throws when it is not there, or is not what its name says */
  get(space: string, hash: string): Promise<Uint8Array>
  /** What is read once, and is not worth keeping at hand: without a copy. @throws as `get` */
  borrow(space: string, hash: string): Promise<BorrowedBytes>
  /**
   * Has what will be asked for come before, in this order, to where it is read from sooner, while nothing else is waited for; not everybody can.
   * @returns whether all of it came, and is what its names say; false where there is no room
   * @throws as `get`
   */
  stage?(names: readonly ContentName[]): Promise<boolean>
  /** Whether it is there. */
  has(space: string, hash: string): Promise<boolean>
  /** Erases a space and everything in it; one that is not there is no fault. */
  clear(space: string): Promise<void>
}

/** What whoever wants a part done offers while it is under way. */
export interface BlockHooks {
  /** Gives the part up. */
  readonly signal: AbortSignal
  /** Nothing is done, and why. */
  onWaiting(reason: string): void
  /** Does a part in this process. */
  local(job: BlockJob): Promise<BlockResult>
}

/** Has parts done, by whoever is there. */
export interface BlockRunner {
  /** Where keys, encrypted parts and what is between two parts of an evaluation are. */
  readonly contents: SharedContents
  /** Whether models that are clear here may be in those contents, and be computed with by whoever does parts. */
  readonly clearModels: boolean
  /** That a space is in use, until what it returns is called: what nobody uses is erased after a while. */
  hold(space: string): Promise<() => void>
  /** Longest that a part should take, seconds, where blocks can be divided: what others wait for. */
  readonly partSeconds: number
  /** That a stretch is about to come, until what it returns is called: others that come before it leave it a place. */
  expect(): () => void
  /**
   * Divided, when it is its turn, among the places that are free then and that no other needs. What is worth waiting for among several evaluations: the seconds of the
   * whole query.
   * @returns what its parts have come to, in the order of their blocks
   */
  run(stretch: BlockStretch, query: { readonly name: string; readonly seconds: number }, hooks: BlockHooks): Promise<readonly BlockResult[]>
  /** Does what cannot be done in parts in this process, when it is its turn. */
  alone<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

/** Whether a plan can be evaluated in parts elsewhere: data that are clear at the evaluator stay there, and so does a model, unless its operator says otherwise. */
export function isShareable({ data, weights }: Plan['operands'], { clearModels }: Pick<BlockRunner, 'clearModels'>): boolean {
  return data === 'encrypted' && (weights === 'encrypted' || clearModels)
}
