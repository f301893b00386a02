/**
 * How coordinator and workers reach each other: boxes with names, messages that wait in them until they are taken, in order, at least once. Who writes to a box need not
 * know whether anybody reads it.
 */
export interface Mailbox {
  /** Whose service it is, for messages. */
  readonly name: string
  /** Whether the service that keeps the boxes can be reached at present. */
  readonly connected: boolean
  /** Told whenever the service is lost, or reached again. */
  onConnection(listener: (connected: boolean) => void): void
  /** Plain data. Waits while the service cannot be reached, and is not lost then. */
  send(box: string, message: unknown): Promise<void>
  /** One message after the other; what the handler throws is reported and the message counts as read. @returns stops reading */
  read(box: string, handler: (message: unknown) => Promise<void>): Promise<() => Promise<void>>
  /** Which of these boxes somebody reads at this moment; undefined where the service cannot tell. A reader whose process ends is gone at once, one whose machine does, later. */
  readers(boxes: readonly string[]): Promise<ReadonlySet<string> | undefined>
  /** Nobody will read the box again. */
  remove(box: string): Promise<void>
  /** Stops reading and lets go of the connection; boxes stay. */
  close(): Promise<void>
}

/** Where the coordinator reads. */
export const COORDINATOR = 'coordinator'

/** Where a worker reads. */
export const boxOf = (worker: string): string => `worker-${worker}`
