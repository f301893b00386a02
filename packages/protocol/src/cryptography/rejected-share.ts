/** A share failed its check. Names the key holder by its place among them; `cause` says what was wrong. */
export class RejectedShareError extends Error {
  override name = 'RejectedShareError'
  constructor(
    /** Place among the key holders, from 0. */
    readonly party: number,
    /** What the share was for: `public-key`, `relinearization-1`, `galois`, … */
    readonly protocol: string,
    /** Which share of the protocol. */
    readonly instance: string,
    override readonly cause: unknown
  ) {
    super(`share of key holder ${party} for ${protocol} ${instance}: ${cause instanceof Error ? cause.message : 'not acceptable'}`)
  }
}

/** Peer that an error about a share is about, given the key holders in party order; undefined for other errors. */
export function holderAtFault(error: unknown, holders: readonly string[]): string | undefined {
  // By its fields: an error that comes out of a worker may have lost its class.
  const place: unknown = error instanceof Error && 'party' in error ? error.party : undefined
  return typeof place === 'number' ? holders[place] : undefined
}
