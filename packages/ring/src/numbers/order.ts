/** Index maps between the standard (bit-reversed) transform order and the kernel's. */

/** Index in kernel order of the element at `i` in bit-reversed order, and the other way round: an involution (assembly/order.ts). */
export function exchangeIndex(i: number, N: number): number {
  const quarter = N / 4
  const k = Math.floor(i / quarter)
  const r = i % quarter
  return (r % 4) * quarter + (r - (r % 4)) + k
}

export function reverseBits(i: number, bits: number): number {
  let reversed = 0
  for (let k = 0; k < bits; k++) reversed |= ((i >>> k) & 1) << (bits - 1 - k)
  return reversed >>> 0
}
