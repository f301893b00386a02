/** Times in documents are read by other clocks than wrote them: a document is in force for the same while after it expires, everywhere. */

/** Milliseconds that two clocks may differ by. */
export const CLOCK_TOLERANCE = 5 * 60_000

/** Milliseconds after something's end, from when on what was kept for it may be erased: a clock that is wrong for a while costs nobody a share, or a count. */
export const ERASE_AFTER = 86_400_000

/** Whether a document is no longer in force, `CLOCK_TOLERANCE` after its time. @param now milliseconds since 1970 */
export function hasExpired({ expires }: { readonly expires: number }, now: number): boolean {
  return now > expires + CLOCK_TOLERANCE
}

/** A time as people read it. */
export function timeText(milliseconds: number): string {
  // Beyond year 275760 there is no date.
  return milliseconds <= 8.64e15 ? new Date(milliseconds).toISOString() : `${milliseconds} ms after 1970`
}
