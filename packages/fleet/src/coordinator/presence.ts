/**
 * Whether workers are there, as the queue sees it: a process that dies closes its connections, and the queue knows at once, while its silence is noticed only when it
 * should have spoken. A machine that is cut off closes nothing: its silence is what tells then.
 */
import { boxOf, type Mailbox } from '../mailbox/mailbox.js'

/** How long the box of a worker that is gone is kept for it, milliseconds. */
const REMOVED_AFTER = 60_000

export class Presence {
  readonly #mailbox: Mailbox
  readonly #patience: number
  /** Workers whose box nobody reads, since when. */
  readonly #absent = new Map<string, number>()
  /** Workers that are gone, and whose boxes are still there, since when. */
  readonly #left = new Map<string, number>()
  #looking = false

  /** @param patience milliseconds that a box may go without a reader: a connection is made again */
  constructor(mailbox: Mailbox, patience: number) {
    this.#mailbox = mailbox
    this.#patience = patience
  }

  /** @returns those of the workers who have been away for too long, each once */
  async look(workers: readonly string[]): Promise<string[]> {
    if (this.#looking || workers.length === 0 || !this.#mailbox.connected) return []
    this.#looking = true
    try {
      const read = await this.#mailbox.readers(workers.map(boxOf))
      if (read === undefined) return []
      const now = performance.now()
      const gone: string[] = []
      for (const worker of workers) {
        if (read.has(boxOf(worker))) {
          this.#absent.delete(worker)
          continue
        }
        const since = this.#absent.get(worker) ?? now
        this.#absent.set(worker, since)
        if (now - since < this.#patience) continue
        this.#absent.delete(worker)
        gone.push(worker)
      }
      return gone
    } finally {
      this.#looking = false
    }
  }

  joined(worker: string): void {
    this.#left.delete(worker)
  }

  left(worker: string): void {
    this.#absent.delete(worker)
    this.#left.set(worker, performance.now())
  }

  /** Removes boxes that nobody will read again. @throws what the mailbox throws */
  async tidy(): Promise<void> {
    if (!this.#mailbox.connected) return
    const late = performance.now() - REMOVED_AFTER
    for (const [worker, since] of this.#left) {
      if (since > late) continue
      this.#left.delete(worker)
      await this.#mailbox.remove(boxOf(worker))
    }
  }
}
