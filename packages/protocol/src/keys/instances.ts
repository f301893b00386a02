/** Names of the evaluation keys, as sums of shares and statements about shares give them. */

/** There is one relinearisation key. */
export const RELINEARIZATION_INSTANCE = 'relinearization'

export function galoisInstance(element: number): string {
  return String(element)
}
