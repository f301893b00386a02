/** Boxes in memory, for tests: one post office, a mailbox for everybody who takes part. */
import type { Mailbox } from './mailbox.js'

/** A post office in this process, which can be switched off. */
export class MemoryPost {
  readonly #waiting = new Map<string, unknown[]>()
  readonly #readers = new Map<string, (message: unknown) => Promise<void>>()
  readonly #busy = new Set<string>()
  readonly #mailboxes = new Set<MemoryMailbox>()
  #up = true

  /** Another one who takes part. */
  mailbox(): MemoryMailbox {
    const mailbox = new MemoryMailbox(this)
    this.#mailboxes.add(mailbox)
    return mailbox
  }

  /** Whether messages are carried. */
  get up(): boolean {
    return this.#up
  }

  /** Whether messages are carried; those that are sent meanwhile wait. */
  set up(up: boolean) {
    this.#up = up
    for (const mailbox of this.#mailboxes) mailbox.tell(up)
    for (const box of this.#waiting.keys()) void this.#deliver(box)
  }

  /** As `Mailbox.send`; the message is copied as JSON. */
  send(box: string, message: unknown): void {
    const waiting = this.#waiting.get(box) ?? []
    waiting.push(JSON.parse(JSON.stringify(message)))
    this.#waiting.set(box, waiting)
    void this.#deliver(box)
  }

  /** As `Mailbox.read`; a second reader takes the first one's place. @returns stops reading */
  read(box: string, handler: (message: unknown) => Promise<void>): () => void {
    this.#readers.set(box, handler)
    void this.#deliver(box)
    return () => {
      if (this.#readers.get(box) === handler) this.#readers.delete(box)
    }
  }

  /** Whether somebody reads a box. */
  isRead(box: string): boolean {
    return this.#readers.has(box)
  }

  /** Throws away what waits in a box. */
  remove(box: string): void {
    this.#waiting.delete(box)
  }

  async #deliver(box: string): Promise<void> {
    if (this.#busy.has(box)) return
    this.#busy.add(box)
    try {
      for (;;) {
        await Promise.resolve()
        const reader = this.#readers.get(box)
        if (!this.#up || reader === undefined) return
        const waiting = this.#waiting.get(box)
        if (waiting === undefined || waiting.length === 0) return
        await reader(waiting.shift()).catch(() => undefined)
      }
    } finally {
      this.#busy.delete(box)
    }
  }
}

/** One participant's mailbox of a `MemoryPost`. */
export class MemoryMailbox implements Mailbox {
  readonly name = 'the queue in memory'
  readonly #post: MemoryPost
  readonly #listeners: ((connected: boolean) => void)[] = []
  readonly #reading: (() => void)[] = []

  constructor(post: MemoryPost) {
    this.#post = post
  }

  get connected(): boolean {
    return this.#post.up
  }

  onConnection(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener)
  }

  /** Tells its listeners; called by the post office. */
  tell(connected: boolean): void {
    for (const listener of this.#listeners) listener(connected)
  }

  async send(box: string, message: unknown): Promise<void> {
    this.#post.send(box, message)
  }

  async read(box: string, handler: (message: unknown) => Promise<void>): Promise<() => Promise<void>> {
    const stop = this.#post.read(box, handler)
    this.#reading.push(stop)
    return async () => stop()
  }

  async readers(boxes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(boxes.filter(box => this.#post.isRead(box)))
  }

  async remove(box: string): Promise<void> {
    this.#post.remove(box)
  }

  async close(): Promise<void> {
    for (const stop of this.#reading) stop()
  }
}
