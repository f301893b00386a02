/**
 * Room for more polynomials than the kernel's memory, which ends at 4 GiB, can hold: keys above all. What does not fit into the vault's share of that memory
 * lives outside in SharedArrayBuffers and is copied in when used; the least recently used makes room. While all fits, nothing is copied at all.
 *
 * Polynomials in a vault are not secret and never change. A buffer can be handed to other workers of the process, so that several kernels read one copy.
 */

import type { Domain } from './domain.js'
import { DisposedError, OutOfMemoryError, RingMismatchError, VaultFullError } from './errors.js'
import { Polynomial } from './structure/polynomial.js'
import type { RingStructure } from './structure/ring-structure.js'

/** A polynomial outside any kernel, for another worker of the same process with a ring of the same degree and moduli. */
export interface SharedPolynomial {
  readonly indices: readonly number[]
  readonly domain: Domain
  /** Row after row as they are in a kernel's memory, N doubles each. */
  readonly buffer: SharedArrayBuffer
}

interface Entry {
  /** In the kernel's memory. */
  resident: Polynomial | undefined
  outside: SharedArrayBuffer | undefined
  pins: number
}

/** A polynomial in a vault: a claim ticket. */
export class VaultedPolynomial {
  constructor(
    readonly indices: readonly number[],
    readonly domain: Domain,
    /** In the kernel's memory. */
    readonly bytes: number
  ) {}
}

/** Holds more polynomials than the kernel's memory: those used least recently wait in SharedArrayBuffers outside. */
export class PolynomialVault implements Disposable {
  /** How much of the kernel's memory the vault's polynomials may take together. */
  readonly arenaBytes: number
  /** Least recently used first. */
  readonly #entries = new Map<VaultedPolynomial, Entry>()
  #residentBytes = 0
  #disposed = false

  /**
   * @param options.arenaBytes how much of the kernel's memory the vault's polynomials may take together
   */
  constructor(
    readonly ring: RingStructure,
    options: { readonly arenaBytes: number }
  ) {
    this.arenaBytes = options.arenaBytes
  }

  /** Polynomials held. */
  get size(): number {
    return this.#entries.size
  }

  /** Bytes in the kernel's memory. */
  get residentBytes(): number {
    return this.#residentBytes
  }

  /** Bytes in SharedArrayBuffers. */
  get outsideBytes(): number {
    let bytes = 0
    for (const { outside } of this.#entries.values()) bytes += outside?.byteLength ?? 0
    return bytes
  }

  /**
   * Takes a polynomial over: it is the vault's from now on, to be used through `acquire` only.
   *
   * @throws RingMismatchError DisposedError
   */
  put(polynomial: Polynomial): VaultedPolynomial {
    this.#check()
    if (polynomial.ring !== this.ring) throw new RingMismatchError('put')
    if (polynomial.isDisposed) throw new DisposedError('polynomial')
    const vaulted = this.#ticket(polynomial.indices, polynomial.domain)
    const entry: Entry = { resident: polynomial, outside: undefined, pins: 0 }
    this.#entries.set(vaulted, entry)
    this.#residentBytes += vaulted.bytes
    this.#evict(0)
    return vaulted
  }

  /** Takes a polynomial that another vault shares. @throws BasisMismatchError LengthMismatchError as decoding would */
  adopt({ indices, domain, buffer }: SharedPolynomial): VaultedPolynomial {
    this.#check()
    const vaulted = this.#ticket(this.ring.basis(indices).indices, domain)
    if (buffer.byteLength !== indices.length * this.ring.N * 8) throw new RingMismatchError('adopt')
    this.#entries.set(vaulted, { resident: undefined, outside: buffer, pins: 0 })
    return vaulted
  }

  /** The polynomial in a form that can be posted to another worker. */
  share(vaulted: VaultedPolynomial): SharedPolynomial {
    const entry = this.#entry(vaulted)
    entry.outside ??= this.#copyOut(entry.resident!)
    return { indices: vaulted.indices, domain: vaulted.domain, buffer: entry.outside }
  }

  /**
   * The polynomial in the kernel's memory, where it stays until released as often as acquired. It must be neither changed nor disposed.
   *
   * @throws VaultFullError when the polynomials acquired leave no room
   */
  acquire(vaulted: VaultedPolynomial): Polynomial {
    const entry = this.#entry(vaulted)
    // Now the most recently used.
    this.#entries.delete(vaulted)
    this.#entries.set(vaulted, entry)
    entry.resident ??= this.#load(vaulted, entry.outside!)
    entry.pins++
    return entry.resident
  }

  /** The counterpart of `acquire`: from the last one on, the polynomial may be moved out. @throws RangeError when released more often than acquired */
  release(vaulted: VaultedPolynomial): void {
    const entry = this.#entry(vaulted)
    if (entry.pins === 0) throw new RangeError('released more often than acquired')
    entry.pins--
  }

  /** Runs `body` with these polynomials acquired, in their order. @throws VaultFullError */
  withAll<T>(all: readonly VaultedPolynomial[], body: (polynomials: Polynomial[]) => T): T {
    const acquired: VaultedPolynomial[] = []
    try {
      const polynomials = all.map(vaulted => {
        const polynomial = this.acquire(vaulted)
        acquired.push(vaulted)
        return polynomial
      })
      return body(polynomials)
    } finally {
      for (const vaulted of acquired) this.release(vaulted)
    }
  }

  /** Forgets a polynomial, which must not be acquired. */
  remove(vaulted: VaultedPolynomial): void {
    const entry = this.#entry(vaulted)
    if (entry.pins > 0) throw new RangeError('the polynomial is in use')
    this.#entries.delete(vaulted)
    this.#drop(vaulted, entry)
  }

  /** Forgets all. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    for (const [vaulted, entry] of this.#entries) this.#drop(vaulted, entry)
    this.#entries.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('vault')
  }

  #entry(vaulted: VaultedPolynomial): Entry {
    this.#check()
    const entry = this.#entries.get(vaulted)
    if (!entry) throw new DisposedError('polynomial')
    return entry
  }

  #ticket(indices: readonly number[], domain: Domain): VaultedPolynomial {
    return new VaultedPolynomial(indices, domain, indices.length * this.ring.rowBytes)
  }

  #drop(vaulted: VaultedPolynomial, entry: Entry): void {
    if (!entry.resident) return
    entry.resident.dispose()
    entry.resident = undefined
    this.#residentBytes -= vaulted.bytes
  }

  /** Moves the least recently used out until `bytes` more fit, as far as possible. @returns whether they fit */
  #evict(bytes: number): boolean {
    for (const [vaulted, entry] of this.#entries) {
      if (this.#residentBytes + bytes <= this.arenaBytes) return true
      if (!entry.resident || entry.pins > 0) continue
      entry.outside ??= this.#copyOut(entry.resident)
      this.#drop(vaulted, entry)
    }
    return this.#residentBytes + bytes <= this.arenaBytes
  }

  #load(vaulted: VaultedPolynomial, outside: SharedArrayBuffer): Polynomial {
    if (!this.#evict(vaulted.bytes)) throw new VaultFullError(vaulted.bytes, this.#residentBytes, this.arenaBytes)
    const polynomial = this.#allocate(vaulted)
    this.#residentBytes += vaulted.bytes
    const { N } = this.ring
    vaulted.indices.forEach((_, k) => {
      polynomial.row(k).set(new Float64Array(outside, 8 * N * k, N))
    })
    return polynomial
  }

  /** Kernel memory that is scarcer than the vault's share of it makes the vault give some back. */
  #allocate(vaulted: VaultedPolynomial): Polynomial {
    const basis = this.ring.basis(vaulted.indices)
    for (;;) {
      try {
        return Polynomial.uninitialised(this.ring, basis, vaulted.domain)
      } catch (error) {
        const before = this.#residentBytes
        if (!(error instanceof OutOfMemoryError)) throw error
        this.#evict(this.arenaBytes - before + vaulted.bytes)
        if (this.#residentBytes === before) throw error
      }
    }
  }

  #copyOut(polynomial: Polynomial): SharedArrayBuffer {
    const { N } = this.ring
    const buffer = new SharedArrayBuffer(8 * N * polynomial.indices.length)
    polynomial.indices.forEach((_, k) => {
      new Float64Array(buffer, 8 * N * k, N).set(polynomial.row(k))
    })
    return buffer
  }
}
