/**
 * How a measurement ends: what it has made on this machine (processes, namespaces, directories) goes with this process, whatever is under way then. A query that waits for a
 * queue that is gone waits forever, so nobody waits for it.
 */

const steps = new Set<() => void>()

process.on('exit', () => {
  for (const step of [...steps].reverse()) {
    try {
      step()
    } catch {
      // The rest goes all the same.
    }
  }
})

/** @param step done when this process ends, at once; what was made last goes first @returns that it has gone before */
export function atExit(step: () => void): () => void {
  steps.add(step)
  return () => void steps.delete(step)
}

/** What the task comes to, unless this process is stopped before, or something is lost that it rests on. @param lost rejects then */
export async function unlessStopped<T>(task: Promise<T>, signal: AbortSignal, ...lost: readonly Promise<never>[]): Promise<T> {
  const stopped = Promise.withResolvers<never>()
  const stop = (): void => stopped.reject(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([task, stopped.promise, ...lost])
  } finally {
    signal.removeEventListener('abort', stop)
    // Of a task that nobody waits for any more.
    task.catch(() => undefined)
  }
}
