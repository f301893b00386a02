/** Resident memory of a set of processes together, sampled while they run. */
import pidusage from 'pidusage'

const INTERVAL_MS = 500

export class MemoryWatch {
  readonly #processes = new Map<string, number>()
  readonly #peaks = new Map<string, number>()
  #peak = 0
  #timer: NodeJS.Timeout | undefined
  #running = false

  watch(name: string, processId: number): void {
    this.#processes.set(name, processId)
  }

  start(): void {
    this.#timer = setInterval(() => void this.#sample(), INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Most bytes resident in all processes at one moment. Pages that processes share count once each, so this errs upwards. */
  get peak(): number {
    return this.#peak
  }

  /** Most bytes of each process on its own. */
  get peaks(): Record<string, number> {
    return Object.fromEntries(this.#peaks)
  }

  async #sample(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      let total = 0
      for (const [name, processId] of this.#processes) {
        const usage = await pidusage(processId).catch(() => undefined)
        if (usage === undefined) {
          this.#processes.delete(name)
          continue
        }
        total += usage.memory
        this.#peaks.set(name, Math.max(this.#peaks.get(name) ?? 0, usage.memory))
      }
      this.#peak = Math.max(this.#peak, total)
    } finally {
      this.#running = false
    }
  }
}
