/** What a parser is held to when it is given mutated bytes. */
import type { Keystream } from './random.js'

/**
 * What may be accepted:
 *
 *   authenticated   nothing but the very bytes (or the very value, where the bytes are JSON) that were proved, signed or committed to
 *   one form        what encodes to the same bytes again: a value has one encoding
 *   same value      what means the same when it is written again: spaces, and the order of keys, are free
 *   bounded         anything, within the bounds that the parser itself checks and the target checks again: nothing follows from the value
 */
export type Contract = 'authenticated' | 'one form' | 'same value' | 'bounded'

/** How messages of a target are built, beyond bytes. */
export type Structure = 'bytes' | 'protobuf' | 'json'

export interface Target {
  readonly name: string
  readonly contract: Contract
  readonly structure: Structure
  /** Share of all messages, relative to the other targets'. */
  readonly weight: number
  /** Valid messages, at least one. */
  readonly corpus: readonly Uint8Array[]
  /** Base classes of what the parser throws. */
  readonly refusals: readonly (abstract new (
    ...parameters: never[]
  ) => Error)[]
  /**
   * Reads bytes as the program does.
   *
   * @param origin the valid message that was mutated
   * @returns the accepted value, written again; for `bounded`, the bytes themselves once the bounds have been checked
   * @throws one of the refusals
   */
  parse(bytes: Uint8Array, origin: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** A mutation that only who knows the format makes; undefined for none this time. */
  mutate?(bytes: Uint8Array, random: Keystream): Uint8Array | undefined
}

/** A bound that a target checks did not hold. */
export class BrokenBoundError extends Error {}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new BrokenBoundError(what)
}

/** Targets that share what is expensive to make. */
export interface TargetGroup extends AsyncDisposable {
  readonly targets: readonly Target[]
}
