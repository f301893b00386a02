/** How far keys are that are being made, for the commands that wait for them. */

export interface KeyEvent {
  readonly epoch: string
  readonly step: string
  readonly done: number
  readonly total: number
}

export class KeyProgress {
  readonly #listeners = new Set<(event: KeyEvent) => void>()

  tell(event: KeyEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** @returns the way to unsubscribe */
  listen(listener: (event: KeyEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
