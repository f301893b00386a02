/** Primes ≡ 1 mod 2N: the moduli for which X^N + 1 splits, so that the negacyclic transform exists. */

import { InvalidArgumentError, NotEnoughPrimesError } from '../errors.js'
import { powerModulo } from './modulus.js'

const SMALL_PRIMES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n] as const

/** What was proved once: searches of plans try some thousand chains out of the same few hundred primes. */
const proved = new Set<bigint>()
/** Primes that are remembered, at most: whoever names more has them proved again. */
const MOST_PROVED = 10_000

/**
 * Miller-Rabin with the first twelve primes as bases: a proof for n < 2^64 (Sorenson and Webster 2015), and a compositeness test beyond.
 */
export function isPrime(n: bigint): boolean {
  if (proved.has(n)) return true
  if (!passes(n)) return false
  if (proved.size >= MOST_PROVED) proved.clear()
  proved.add(n)
  return true
}

function passes(n: bigint): boolean {
  if (n < 2n) return false
  for (const p of SMALL_PRIMES) if (n % p === 0n) return n === p
  let odd = n - 1n
  let twos = 0
  while (!(odd & 1n)) {
    odd >>= 1n
    twos++
  }
  return SMALL_PRIMES.every(base => {
    let x = powerModulo(base, odd, n)
    if (x === 1n || x === n - 1n) return true
    for (let i = 1; i < twos; i++) {
      x = (x * x) % n
      if (x === n - 1n) return true
    }
    return false
  })
}

/**
 * `count` distinct primes ≡ 1 mod 2N, largest first, below ⌊2^bits⌋.
 *
 * @param bits may be fractional, at most 62
 * @param exclude primes to skip, for example those of another part of the chain
 * @throws NotEnoughPrimesError when there are not enough
 */
export function findNttPrimes(logN: number, bits: number, count: number, exclude: readonly bigint[] = []): bigint[] {
  if (!Number.isInteger(logN) || logN < 1 || logN > 20) throw new InvalidArgumentError('logN', 'an integer from 1 to 20', logN)
  if (!(bits > 1 && bits <= 62)) throw new InvalidArgumentError('bits', 'a number above 1 and at most 62', bits)
  if (!Number.isInteger(count) || count < 0) throw new InvalidArgumentError('count', 'a non-negative integer', count)
  const step = 1n << BigInt(logN + 1)
  const limit = BigInt(Math.floor(2 ** bits))
  const found: bigint[] = []
  for (let q = ((limit - 2n) / step) * step + 1n; found.length < count; q -= step) {
    if (q <= step) throw new NotEnoughPrimesError(logN, bits, count, found.length)
    if (q < limit && !exclude.includes(q) && isPrime(q)) found.push(q)
  }
  return found
}
