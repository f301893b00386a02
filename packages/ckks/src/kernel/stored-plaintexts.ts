/** Encoded vectors that wait outside the kernel's memory, which has no more than 4 GiB: their rows as they are, copied out and in. */
import type { Context } from '../context.js'
import { EncodingError } from '../errors.js'
import type { StoredPlaintext } from '../evaluator.js'
import { type HandleCount, KernelPlaintext } from './kernel-ciphertext.js'
import { blank, into } from './memory.js'

/** @throws RangeError where there is no memory for the copy */
export function copiedOut({ ring, parameters }: Context, { polynomial, level, scale, magnitude }: KernelPlaintext): StoredPlaintext {
  const indices = parameters.ciphertextIndices(level)
  const residues = new Float64Array(indices.length * ring.N)
  for (const k of indices.keys()) residues.set(polynomial.row(k), k * ring.N)
  return { level, scale, magnitude, residues }
}

/** @throws InvalidLevelError, EncodingError */
export function copiedIn({ ring, parameters }: Context, owner: HandleCount, stored: StoredPlaintext): KernelPlaintext {
  const { level, scale, magnitude, residues } = stored
  parameters.checkLevel('loadPlaintext', level)
  const indices = parameters.ciphertextIndices(level)
  const length = indices.length * ring.N
  if (residues.length !== length) throw new EncodingError('length', `${length} residues`, String(residues.length))
  const polynomial = into(blank(ring, indices), out => {
    for (const k of indices.keys()) out.row(k).set(residues.subarray(k * ring.N, (k + 1) * ring.N))
  })
  return new KernelPlaintext(owner, polynomial, level, scale, magnitude)
}
