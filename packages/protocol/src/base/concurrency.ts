/** Doing several things at a time: all at once, or a bounded number. The first failure stops the rest and is the one reported. */

/** Runs `task` for every item, in order, all at once or at most `width` at a time. */
export async function together<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  task: (item: T, signal: AbortSignal, index: number) => Promise<R>,
  width = Number.POSITIVE_INFINITY
): Promise<R[]> {
  if (width >= items.length)
    return await linked(signal, async inner => await Promise.all(items.map((item, index) => task(item, inner, index))))
  const results: R[] = []
  await windowed(items.length, width, signal, async (index, inner) => {
    results[index] = await task(items[index]!, inner, index)
  })
  return results
}

/** Of requests that are under way together: each is in memory in one piece, beside what it was put together from. */
const MAXIMUM_BYTES_TOGETHER = 512 << 20

/** How many such requests are made at a time. Two at least: while one party computes, another is sent its bytes. */
export function widthFor(blobs: readonly Uint8Array[]): number {
  const bytes = blobs.reduce((sum, blob) => sum + blob.length, 0)
  return Math.max(2, Math.floor(MAXIMUM_BYTES_TOGETHER / Math.max(1, bytes)))
}

/** Runs `task` for 0 … count-1, in order, at most `width` at a time. */
export async function windowed(
  count: number,
  width: number,
  signal: AbortSignal,
  task: (index: number, signal: AbortSignal) => Promise<void>
): Promise<void> {
  let next = 0
  await linked(signal, async inner => {
    const worker = async (): Promise<void> => {
      while (next < count) {
        inner.throwIfAborted()
        await task(next++, inner)
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, Math.min(width, count)) }, worker))
  })
}

/** Runs `body` with a signal that fires with the outer one, and when `body` fails. */
async function linked<R>(signal: AbortSignal, body: (inner: AbortSignal) => Promise<R>): Promise<R> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await body(controller.signal)
  } catch (error) {
    controller.abort(error)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 * The promise, or the signal's reason as soon as it fires: what cannot be interrupted need not be waited for. A later rejection of the promise is not
 * reported to anybody.
 */
export async function orStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, stopped])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves after a time, in milliseconds. @throws the signal's reason */
export async function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  try {
    await orStopped(promise, signal)
  } finally {
    clearTimeout(timer)
  }
}
