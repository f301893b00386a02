/** Text of others, before it reaches a log, a terminal or an error. */

/** Longest text of one field, in characters. */
const MAXIMUM_TEXT = 2000

/**
 * Controls, invisible marks (among them those that turn the direction of writing), line and paragraph separators, private and lone surrogate code points: they
 * move cursors, forge lines or hide what is written.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu

/** The text with a blank in place of whatever is not printed, cut at `most` characters. */
export function plainText(text: string, most = MAXIMUM_TEXT): string {
  // Cut first, so that the work is bounded, too.
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text
  return cut.replace(UNPRINTABLE, ' ')
}
