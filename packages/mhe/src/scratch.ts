/**
 * Temporary polynomials that may hold secret values: zeroed and released together, whatever happens.
 */
import type { Domain, Polynomial, Ring } from '@slytherin/ring'

/** A polynomial with unspecified residues, about to be overwritten. The caller disposes it. */
export function overwritable(ring: Ring, indices: readonly number[], domain: Domain): Polynomial {
  return ring.allocateUninitialised(ring.basis(indices), domain)
}

export class Scratch {
  private readonly held: Polynomial[] = []

  constructor(private readonly ring: Ring) {}

  /** Unspecified residues: for a polynomial about to be overwritten. */
  allocate(indices: readonly number[], domain: Domain): Polynomial {
    return this.keep(overwritable(this.ring, indices, domain))
  }

  /** Takes charge of a polynomial: it is wiped when the scratch is. */
  keep(polynomial: Polynomial): Polynomial {
    this.held.push(polynomial)
    return polynomial
  }

  release(): void {
    for (const polynomial of this.held.splice(0)) {
      polynomial.wipe()
      polynomial.dispose()
    }
  }
}

/** Runs `body` with a scratch that is wiped afterwards. */
export function withScratch<T>(ring: Ring, body: (scratch: Scratch) => T): T {
  const scratch = new Scratch(ring)
  try {
    return body(scratch)
  } finally {
    scratch.release()
  }
}

/**
 * Runs `body`, which collects polynomials in `made` as it goes; if it throws, those are released before the error goes on.
 */
export function releasingOnError<T>(body: (made: Polynomial[]) => T): T {
  const made: Polynomial[] = []
  try {
    return body(made)
  } catch (error) {
    for (const polynomial of made) {
      polynomial.wipe()
      polynomial.dispose()
    }
    throw error
  }
}
