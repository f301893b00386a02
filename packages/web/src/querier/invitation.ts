/**
 * How a page's identity becomes one of a roster without anybody copying it: who serves the page puts a token into the address that it shows, once, and the page answers
 * with its peer id and a signature, so that nobody is invited who has not the key, and nobody with an answer that was made for another server.
 *
 *   signature over "slytherin invitation" ‖ 0 ‖ origin ‖ 0 ‖ token ‖ 0 ‖ peer
 */

/** What is signed. */
export function invitationBytes(token: string, origin: string, peer: string): Uint8Array {
  return new TextEncoder().encode(['slytherin invitation', origin, token, peer].join('\0'))
}
