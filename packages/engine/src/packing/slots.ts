/**
 * How samples share slots. `real`: one sample in the real part of a slot. `complex`: two, as a + ι·b (`slot-pairs` of the ckks package); affine layers have real weights and act
 * on both alike, a bias is added to both as (1 + ι)·bias, and a square takes a conjugation more.
 *
 * Sample i < b of a batch block of 2·b samples is `a` in slot p·b + i, sample b + i is `b` there. Rotations are by multiples of b, which must be even: blocks have at least four samples.
 */
export type SlotPacking = 'real' | 'complex'

/** In the order in which the planner tries them. */
export const SLOT_PACKINGS: readonly SlotPacking[] = ['real', 'complex']

/** Samples in one slot. */
export const samplesPerSlot = (packing: SlotPacking): number => (packing === 'complex' ? 2 : 1)

/** Bound on |slot| relative to the bound on the values in it. */
export const slotFactor = (packing: SlotPacking): number => (packing === 'complex' ? Math.SQRT2 : 1)

/** The smallest batch block. */
export const smallestBlock = (packing: SlotPacking): number => (packing === 'complex' ? 4 : 1)
