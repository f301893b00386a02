/** The last few things that went wrong, for the status; the log has all of them. */
import type { ErrorReport } from '../events.js'

const KEPT = 20

export class ErrorLog {
  readonly #errors: { readonly time: number; readonly code: string; readonly message: string }[] = []

  add({ name, code = name, message }: ErrorReport): void {
    // What repeats is one entry, with the time of the last.
    const same = this.#errors.findIndex(error => error.code === code && error.message === message)
    if (same >= 0) this.#errors.splice(same, 1)
    this.#errors.unshift({ time: Date.now(), code, message: message.slice(0, 1000) })
    this.#errors.length = Math.min(this.#errors.length, KEPT)
  }

  /** Newest first. */
  list(): readonly { readonly time: number; readonly code: string; readonly message: string }[] {
    return [...this.#errors]
  }
}
