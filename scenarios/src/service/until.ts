/** Waiting for what other processes come to. */

/** Looks again until it holds. @throws what the signal was aborted with */
export async function until(holds: () => Promise<boolean>, signal: AbortSignal, milliseconds = 200): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    if (await holds()) return
    await new Promise(resolve => setTimeout(resolve, milliseconds))
  }
}
