/**
 * What a planner knows of machines: a few constants from which `operation-costs.ts` reckons seconds. They are an input of planning like any other (same inputs, same plan), and a
 * plan names the model it was made with. `measure.ts` finds them on a machine; the two models here are fixed references.
 *
 * The unit is one pass over one residue (N numbers modulo one prime) at N = 2^14.
 */
import * as z from 'zod'

/** Longest that one unit may take: keeps absurd files from turning plans into nonsense. */
const MAXIMUM_UNIT_SECONDS = 10

const unit = z.number().positive().max(MAXIMUM_UNIT_SECONDS)

/** Checks a cost model from a file. */
export const costModelSchema = z.strictObject({
  name: z.string().min(1).max(64),
  /** seconds per transform of one residue in the evaluator */
  transform: unit,
  /** seconds per residue of a product that is added to a sum */
  product: unit,
  /** the same where both are ciphertexts and several sums have factors in common (run/diagonals.ts), per residue of the four products of their components; `product` when absent */
  ciphertextProduct: unit.optional(),
  /** the same where one factor is a number */
  scalarProduct: unit,
  /** seconds per residue of a product with a key-switching key */
  keyProduct: unit,
  /** seconds of a key switch beside its passes, whatever its level: dividing it among threads, several times, and waiting for the last; nothing with one thread */
  division: z.number().nonnegative().max(MAXIMUM_UNIT_SECONDS).default(0),
  /** seconds per residue of a rescaling, transforms included */
  rescaling: unit,
  /** seconds of the canonical embedding and rounding of one vector in the evaluator, whatever its level */
  embedding: unit,
  /** whether rotateMany shares one decomposition */
  hoisting: z.boolean(),
  /** whether the evaluator is a `LinearCombiner`: with one position to a block, clear weights are numbers and need no encoding */
  combining: z.boolean(),
  /** whether weights and inputs wait in the evaluator's memory, as far as there is room, rather than as bytes */
  retaining: z.boolean(),
  /** seconds per residue to read a stored ciphertext into the evaluator */
  load: unit,
  /** seconds to bring an encoded vector back, which waited as coefficients outside the evaluator's memory, beside the transforms of its residues */
  copy: unit,
  /** seconds per transform of one residue in the ring kernel on one thread, which encrypts and makes shares whatever the evaluator is */
  ringTransform: unit,
  /** seconds of the first step of its kind beside its operations: bookkeeping, and code that runs for the first time */
  step: z.number().nonnegative().max(MAXIMUM_UNIT_SECONDS),
  /** bytes per second at which stored ciphertexts are read back */
  reading: z.number().positive(),
  /** bytes per second between parties */
  bandwidth: z.number().positive(),
  /** seconds that a round between parties takes beside its work */
  roundTrip: z.number().nonnegative(),
  /** Weight of one-time work (keys, encryption and upload of the model) against the evaluation itself: 1 counts it in full, 0 not at all. */
  preparation: z.number().min(0).max(1)
})

/** Seconds and bytes of elementary operations on a machine: what plans are priced with. */
export type CostModel = Readonly<z.infer<typeof costModelSchema>>

/**
 * What no measurement on one machine tells: how many queries a session answers, how warm its code is, what else its disk does, and the way between parties. The bandwidth is what parties on one machine reach, hashing,
 * encryption and framing at both ends included, as in the kept reports (docs/reports): between 60 and 80 MB/s; over a network that is slower the transfer takes longer. What is read back was written a while ago, and the
 * system still has it in memory as a rule: copying it takes 2 to 3 GB/s, and networks with 4 to 8 GB of encrypted weights take what that comes to. From a disk that is slower a query of such a network takes longer.
 */
export const ASSUMED_COSTS = { step: 0.014, reading: 2.5e9, bandwidth: 70e6, roundTrip: 0.024, preparation: 0.25 } as const

/** The way between parties. */
export interface Link {
  /** bytes per second */
  readonly bandwidth: number
  /** seconds */
  readonly roundTrip: number
}

/** What plans are made for unless they are told otherwise: 100 Mbit/s. */
export const DEFAULT_LINK: Link = { bandwidth: 12.5e6, roundTrip: 0.02 }

/** Stock SEAL on one thread of an AMD Zen 4 under Node 24. */
export const SEAL_COSTS: CostModel = {
  name: 'seal',
  transform: 345e-6,
  product: 147e-6,
  scalarProduct: 103e-6,
  keyProduct: 30e-6,
  division: 0,
  rescaling: 345e-6,
  embedding: 540e-6,
  hoisting: false,
  combining: false,
  retaining: false,
  load: 180e-6,
  copy: 540e-6,
  ringTransform: 54e-6,
  ...ASSUMED_COSTS
}

/**
 * The ring kernel on one thread of the same machine. Its transform was measured there; every other unit is relative to it what the operations of `measure.ts` took by their shortest runs on one thread of an AMD EPYC, of which other
 * work had a part: the medians of the less disturbed half of 24 measurements.
 */
export const KERNEL_COSTS: CostModel = {
  name: 'kernel',
  transform: 54e-6,
  product: 16.3e-6,
  ciphertextProduct: 8.5e-6,
  scalarProduct: 11.3e-6,
  keyProduct: 14.8e-6,
  division: 0,
  rescaling: 67e-6,
  embedding: 217e-6,
  hoisting: true,
  combining: true,
  retaining: true,
  load: 67e-6,
  copy: 140e-6,
  ringTransform: 45.5e-6,
  ...ASSUMED_COSTS
}
