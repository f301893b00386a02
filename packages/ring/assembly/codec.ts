// Canonical residues [0, q) as bytes. Rows are in the order they are given (the caller exchanges transform order first).

@inline function canonical(r: f64, q: f64): u64 { return <u64><i64>(r < 0 ? r + q : r) }
@inline function balanced(v: u64, q: f64, half: u64): f64 { return v > half ? <f64><i64>v - q : <f64><i64>v }

/** 8 bytes little-endian per residue. */
export function encodeWords(to: usize, from: usize, n: i32, block: usize): void {
  const q = load<f64>(block)
  for (const end = from + (<usize>n << 3); from < end; from += 8, to += 8) store<u64>(to, canonical(load<f64>(from), q))
}

/** @returns the first index whose residue is not below q, or n. May be in place. */
export function decodeWords(to: usize, from: usize, n: i32, block: usize): i32 {
  const q = load<f64>(block), limit = load<u64>(block, 24), half = limit >> 1
  for (let i: i32 = 0; i < n; i++) {
    const v = load<u64>(from + (<usize>i << 3))
    if (v >= limit) return i
    store<f64>(to + (<usize>i << 3), balanced(v, q, half))
  }
  return n
}

/**
 * `bits` <= 49 bits per residue, lowest first. n is a multiple of 8, so the row ends with a byte. Writes up to 8 bytes past the end.
 * Bits carried over a byte boundary: at most 7, so a residue and the carry fit 56 bits of one word.
 */
export function encodePacked(to: usize, from: usize, n: i32, bits: i32, block: usize): void {
  const q = load<f64>(block)
  let carry: u64 = 0, used: i32 = 0
  for (const end = from + (<usize>n << 3); from < end; from += 8) {
    const word = canonical(load<f64>(from), q) << used | carry
    store<u64>(to, word)
    used += bits
    carry = word >> (used & ~7)
    to += <usize>(used >> 3)
    used &= 7
  }
  store<u64>(to, carry)
}

/** Reads up to 8 bytes past the end. @returns the first index whose residue is not below q, or n. */
export function decodePacked(to: usize, from: usize, n: i32, bits: i32, block: usize): i32 {
  const q = load<f64>(block), limit = load<u64>(block, 24), half = limit >> 1, mask: u64 = (<u64>1 << bits) - 1
  let used: i32 = 0
  for (let i: i32 = 0; i < n; i++) {
    const v = load<u64>(from) >> used & mask
    if (v >= limit) return i
    store<f64>(to + (<usize>i << 3), balanced(v, q, half))
    used += bits
    from += <usize>(used >> 3)
    used &= 7
  }
  return n
}
