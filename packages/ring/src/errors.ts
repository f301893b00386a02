/** One class per cause; the fields say what was at fault. None of them carries residues. */

import type { Domain } from './domain.js'

/** A polynomial is in the wrong domain for the operation. */
export class DomainMismatchError extends Error {
  override readonly name = 'DomainMismatchError'
  constructor(
    readonly operation: string,
    readonly expected: Domain,
    readonly actual: Domain
  ) {
    super(`${operation}: expected a polynomial in the ${expected} domain, got one in the ${actual} domain`)
  }
}

/** An operand lacks a row the result needs, or rows are given in an order or number that makes no sense. */
export class BasisMismatchError extends Error {
  override readonly name = 'BasisMismatchError'
  constructor(
    readonly operation: string,
    readonly missingIndex: number,
    readonly indices: readonly number[],
    detail = 'is missing'
  ) {
    super(`${operation}: modulus index ${missingIndex} ${detail} (rows present: ${indices.join(', ')})`)
  }
}

/** Operands belong to different rings, or one of them to another kernel's memory. */
export class RingMismatchError extends Error {
  override readonly name = 'RingMismatchError'
  constructor(readonly operation: string) {
    super(`${operation}: the operands belong to different rings`)
  }
}

/** `out` may not be an input of this operation. */
export class AliasError extends Error {
  override readonly name = 'AliasError'
  constructor(readonly operation: string) {
    super(`${operation}: the output must not be one of the inputs`)
  }
}

/** Use after dispose. */
export class DisposedError extends Error {
  override readonly name = 'DisposedError'
  constructor(readonly what: string) {
    super(`this ${what} has been disposed`)
  }
}

/** The arena cannot grow any further. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError'
  constructor(
    readonly requestedBytes: number,
    readonly bytesInUse: number,
    readonly maximumBytes: number
  ) {
    super(`cannot allocate ${requestedBytes} bytes: ${bytesInUse} in use of at most ${maximumBytes}`)
  }
}

/** A ring was asked for that this kernel cannot hold: ring degree, modulus size, not prime, not ≡ 1 mod 2N, repeated. */
export class InvalidModulusError extends Error {
  override readonly name = 'InvalidModulusError'
  constructor(
    readonly modulus: bigint,
    readonly reason: string
  ) {
    super(`modulus ${modulus}: ${reason}`)
  }
}

/** An argument is outside its range. */
export class InvalidArgumentError extends RangeError {
  override readonly name = 'InvalidArgumentError'
  constructor(
    readonly argument: string,
    readonly expected: string,
    readonly actual: string | number
  ) {
    super(`${argument}: expected ${expected}, got ${actual}`)
  }
}

/** There are fewer primes of the form asked for than were asked for. */
export class NotEnoughPrimesError extends Error {
  override readonly name = 'NotEnoughPrimesError'
  constructor(
    readonly logN: number,
    readonly bits: number,
    readonly wanted: number,
    readonly found: number
  ) {
    super(`only ${found} of ${wanted} primes ≡ 1 mod 2^${logN + 1} below 2^${bits}`)
  }
}

/** The kernel variant does not run here: WebAssembly without (fused) relaxed SIMD, or missing kernel files. */
export class KernelUnavailableError extends Error {
  override readonly name = 'KernelUnavailableError'
  constructor(
    readonly variant: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`kernel variant '${variant}' is not available: ${reason}`, options)
  }
}

/** What was computed at start is not what it should be (`modulus` is null when several were involved): this engine or machine must not be used with this variant. */
export class KernelSelfTestError extends Error {
  override readonly name = 'KernelSelfTestError'
  constructor(
    readonly variant: string,
    readonly modulus: bigint | null,
    readonly check: string
  ) {
    super(`kernel variant '${variant}' failed its self-test (${check})${modulus === null ? '' : ` for modulus ${modulus}`}`)
  }
}

/** A received residue is not below its modulus. */
export class ResidueRangeError extends Error {
  override readonly name = 'ResidueRangeError'
  constructor(
    /** Position of the row in the bytes. */
    readonly row: number,
    /** Position of the residue in the row. */
    readonly index: number
  ) {
    super(`residue ${index} of row ${row} is not below its modulus`)
  }
}

/** Received bytes, a key or a vector have the wrong length. */
export class LengthMismatchError extends Error {
  override readonly name = 'LengthMismatchError'
  constructor(
    readonly what: string,
    readonly expected: number,
    readonly actual: number
  ) {
    super(`${what}: expected length ${expected}, got ${actual}`)
  }
}

/** A worker thread of the kernel could not start, ended, failed or did not answer. Results of the operation under way are unspecified. */
export class KernelThreadError extends Error {
  override readonly name = 'KernelThreadError'
  constructor(
    /** From 1 on; 0 is the calling thread, -1 not known. */
    readonly thread: number,
    readonly reason: string
  ) {
    super(thread < 0 ? `a kernel thread did not answer: ${reason}` : `kernel thread ${thread}: ${reason}`)
  }
}

/** The polynomials in use leave no room for another in a vault's share of the kernel's memory. */
export class VaultFullError extends Error {
  override readonly name = 'VaultFullError'
  constructor(
    readonly requestedBytes: number,
    readonly bytesInUse: number,
    readonly arenaBytes: number
  ) {
    super(`cannot bring ${requestedBytes} bytes into a vault's share of ${arenaBytes}: ${bytesInUse} are in use`)
  }
}
