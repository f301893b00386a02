/** What is being done: a line each for what is done, and below them on a terminal how far the present step is. */
import logUpdate from 'log-update'

const REDRAW_MS = 100
const BAR_CELLS = 24

export class StepLines {
  readonly #output: NodeJS.WriteStream
  readonly #start = performance.now()
  readonly #timer: NodeJS.Timeout | undefined
  #present = ''

  constructor(output: NodeJS.WriteStream = process.stderr) {
    this.#output = output
    if (output.isTTY !== true) return
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
    this.#timer.unref()
  }

  /** Without the time. */
  say(text: string): void {
    this.#write(text)
  }

  line(text: string): void {
    this.#write(`${this.#seconds()}  ${text}`)
  }

  step(step: string, done?: number, total?: number): void {
    const filled = done !== undefined && total !== undefined && total > 0 ? Math.round((BAR_CELLS * done) / total) : undefined
    this.#present = filled === undefined ? step : `${'█'.repeat(filled)}${'·'.repeat(BAR_CELLS - filled)} ${done}/${total} ${step}`
  }

  stop(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    logUpdate.clear()
    logUpdate.done()
  }

  #write(text: string): void {
    if (this.#timer !== undefined) logUpdate.clear()
    this.#output.write(`${text}\n`)
  }

  #draw(): void {
    logUpdate(`${this.#seconds()}  ${this.#present}`.slice(0, this.#output.columns ?? 120))
  }

  #seconds(): string {
    return `${((performance.now() - this.#start) / 1000).toFixed(1)} s`.padStart(7)
  }
}
