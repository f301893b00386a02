/** Resident memory of every process of a service while it runs. */
import pidusage from 'pidusage'
import { median } from './figures.js'
import type { ServiceProcesses } from './parties.js'

const INTERVAL_MS = 5_000

/** Bytes: medians over a quarter of the time that queries were asked, and the most of all the time. */
export interface MemoryQuarters {
  readonly secondQuarter: number
  readonly lastQuarter: number
  readonly peak: number
}

export class ServiceMemory {
  readonly #processes: ServiceProcesses
  readonly #peaks = new Map<string, number>()
  /** Since `begin`. */
  readonly #samples = new Map<string, number[]>()
  readonly #timer: NodeJS.Timeout
  #running = false

  /** @param interval milliseconds */
  constructor(processes: ServiceProcesses, interval = INTERVAL_MS) {
    this.#processes = processes
    this.#timer = setInterval(() => void this.#sample(), interval)
    this.#timer.unref()
  }

  /** Queries are asked from here on. */
  begin(): void {
    this.#samples.clear()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Most bytes of each process. */
  peaks(): Record<string, number> {
    return Object.fromEntries(this.#peaks)
  }

  quarters(): Record<string, MemoryQuarters> {
    return Object.fromEntries(
      [...this.#peaks].map(([party, peak]) => {
        const samples = this.#samples.get(party) ?? []
        const part = (from: number, to: number): number =>
          median(samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)))
        return [party, { secondQuarter: part(0.25, 0.5), lastQuarter: part(0.75, 1), peak }]
      })
    )
  }

  async #sample(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      for (const { name } of this.#processes.parties) {
        const id = this.#processes.processId(name)
        const usage = id === undefined ? undefined : await pidusage(id).catch(() => undefined)
        if (usage === undefined) continue
        this.#peaks.set(name, Math.max(this.#peaks.get(name) ?? 0, usage.memory))
        this.#samples.set(name, [...(this.#samples.get(name) ?? []), usage.memory])
      }
    } finally {
      this.#running = false
    }
  }
}
