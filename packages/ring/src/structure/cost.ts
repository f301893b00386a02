/**
 * Nanoseconds per residue on one thread, measured at N = 2^14 with the `simd` kernel. They only decide whether an operation is worth dividing among threads.
 */
export const COST = {
  copy: 0.3,
  sum: 0.7,
  product: 0.8,
  permutation: 0.7,
  /** One term of one of many linear combinations. */
  combination: 0.25,
  transform: 3.6,
  /** Of a polynomial from its slots. */
  interpolation: 5,
  /** One term of a base extension. */
  term: 0.5,
  /** A mixed-radix digit as a double-double. */
  value: 6,
  code: 2,
  /** Key stream and what becomes of it. */
  sample: 6
} as const
