/** Names of attempts. They follow from release, query and plan alone. */

/** As attempts call a query: unique in the epoch, and of one release. */
export function attemptQuery({ release, query }: { readonly release: string; readonly query: string }): string {
  return `${release.slice(0, 16)}:${query}`
}

/** Attempts at one step: far above what lost holders cost. */
export const ATTEMPTS = 64

export const RESULT_STEP = 'out'

/** @param pass of the batch blocks that are evaluated together, from 0 */
export function refreshStep(step: number, pass: number): string {
  return `r${step}.${pass}`
}
