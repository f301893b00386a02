/** Seconds and bytes per phase. A phase's time counts while at least one of its steps is under way. */
import type { Phase, PhaseFigures } from '../terms/phases.js'

interface Running extends PhaseFigures {
  depth: number
  since: number
}

export class PhaseMeter {
  readonly #phases = new Map<Phase, Running>()

  /** Runs a step and counts its time. */
  async measure<T>(phase: Phase, step: () => Promise<T>): Promise<T> {
    this.begin(phase)
    try {
      return await step()
    } finally {
      this.end(phase)
    }
  }

  begin(phase: Phase): void {
    const running = this.#entry(phase)
    if (running.depth++ === 0) running.since = performance.now()
  }

  end(phase: Phase): void {
    const running = this.#entry(phase)
    if (--running.depth === 0) running.seconds += (performance.now() - running.since) / 1000
  }

  sent(phase: Phase, bytes: number): void {
    this.#entry(phase).bytesSent += bytes
  }

  received(phase: Phase, bytes: number): void {
    this.#entry(phase).bytesReceived += bytes
  }

  figures(): Partial<Record<Phase, PhaseFigures>> {
    const now = performance.now()
    const figures: Partial<Record<Phase, PhaseFigures>> = {}
    for (const [phase, { depth, since, seconds, bytesSent, bytesReceived }] of this.#phases) {
      figures[phase] = { seconds: seconds + (depth > 0 ? (now - since) / 1000 : 0), bytesSent, bytesReceived }
    }
    return figures
  }

  #entry(phase: Phase): Running {
    let running = this.#phases.get(phase)
    if (running === undefined) {
      running = { seconds: 0, bytesSent: 0, bytesReceived: 0, depth: 0, since: 0 }
      this.#phases.set(phase, running)
    }
    return running
  }
}
