/**
 * Times in documents are read by other clocks than wrote them. Everybody allows the same difference: a document may be that far in the future when it comes, and is in
 * force that long after it expires. Clocks that differ by more are told of in a party's status.
 */

/** Milliseconds that two clocks may differ by. */
export const CLOCK_TOLERANCE = 5 * 60_000

export function isFromTheFuture({ created }: { readonly created: number }, now: number): boolean {
  return created > now + CLOCK_TOLERANCE
}

export function hasExpired({ expires }: { readonly expires: number }, now: number): boolean {
  return now > expires + CLOCK_TOLERANCE
}

/** A time as people read it. */
export function timeText(milliseconds: number): string {
  // Beyond year 275760 there is no date.
  return milliseconds <= 8.64e15 ? new Date(milliseconds).toISOString() : `${milliseconds} ms after 1970`
}
