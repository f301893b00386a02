/**
 * A queue between a caller that pushes and one consumer that iterates. A push settles when the consumer has come back for the next value,
 * that is, when it is done with this one; so back-pressure reaches the caller.
 */
export class Handover<T> implements AsyncIterable<T> {
  private readonly waiting: { value: T; done: () => void; failed: (error: Error) => void }[] = []
  private wake: (() => void) | undefined
  private ended = false
  private failure: Error | undefined

  /** @throws what `fail` was given, or an error when the queue has ended */
  push(value: T): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    if (this.ended) return Promise.reject(new Error('push after end'))
    return new Promise((done, failed) => {
      this.waiting.push({ value, done, failed })
      this.wake?.()
    })
  }

  /** No more values; the consumer finishes after those pushed already. */
  end(): void {
    this.ended = true
    this.wake?.()
  }

  /** Rejects everything waiting and to come, and ends the consumer. The first reason stays. */
  fail(error: Error): void {
    this.failure ??= error
    for (const entry of this.waiting.splice(0)) entry.failed(this.failure)
    this.wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (this.failure === undefined) {
      const entry = this.waiting[0]
      if (entry !== undefined) {
        yield entry.value
        if (this.waiting[0] === entry) this.waiting.shift()
        entry.done()
      } else if (this.ended) {
        return
      } else {
        await new Promise<void>(resolve => {
          this.wake = resolve
        })
        this.wake = undefined
      }
    }
  }
}
