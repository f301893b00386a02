/** Timers that work alike in Node and in browsers. */

/** Calls back once nothing has restarted it for so long. A restart is cheap: it may come with every piece of a message. */
export class SilenceTimer {
  private timer: ReturnType<typeof setTimeout>
  private last = performance.now()

  constructor(
    private readonly milliseconds: number,
    /** @returns true to wait for as long again */
    private readonly onSilence: () => boolean
  ) {
    this.timer = this.arm(milliseconds)
  }

  restart(): void {
    this.last = performance.now()
  }

  stop(): void {
    clearTimeout(this.timer)
  }

  private arm(milliseconds: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      const left = this.last + this.milliseconds - performance.now()
      if (left >= 1) this.timer = this.arm(left)
      else if (this.onSilence()) {
        this.restart()
        this.timer = this.arm(this.milliseconds)
      }
    }, milliseconds)
  }
}

/** Calls back later, and keeps no process alive for that. */
export function later(milliseconds: number, callback: () => void): void {
  const timer: unknown = setTimeout(callback, milliseconds)
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
}

/** @throws the signal's reason */
export async function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}
