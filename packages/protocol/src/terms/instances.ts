/** Names of the requests that a query makes of key holders. They follow from plan and query alone, so that everybody who runs the query comes to the same. */
import type { Plan } from './plan.js'

/** @param pass of the batch blocks that are evaluated together, from 0 */
export function refreshInstance(query: string, step: number, pass: number): string {
  return `${query}/${step}/${pass}`
}

export function switchInstance(query: string): string {
  return `${query}/result`
}

/** How often the steps of a plan are walked for one query. */
export function passCount({ batchBlocks, batchBlocksPerPass }: Plan): number {
  return Math.ceil(batchBlocks / batchBlocksPerPass)
}

/** The step that stands for the switch of the result: the one after the last. */
export function switchStep({ steps }: Plan): number {
  return steps.length
}
