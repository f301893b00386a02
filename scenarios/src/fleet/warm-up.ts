/** Workers as they are in a fleet that has been up for a while: before anything is measured, each has computed with the model, and has keys and weights in memory. */

/** How often it is tried: a worker that gets nothing of many parts that are there at the same time is not at work. */
const ROUNDS = 5

/**
 * Repeats a task until every worker has done a part.
 * @param partsDone by each worker since it was started
 * @returns parts by each worker, one or more
 * @throws Error when a worker gets none
 */
export async function warmUp(partsDone: () => readonly number[], task: () => Promise<unknown>): Promise<readonly number[]> {
  for (let round = 0; round < ROUNDS; round++) {
    await task()
    const done = partsDone()
    if (done.every(parts => parts > 0)) return done
  }
  throw new Error(`of the workers some have done no part before the measurement: ${partsDone().join(', ')}`)
}
