/** Live progress, one line per party: rewritten in place on a terminal, a line per phase elsewhere. */
import type { PartyEvent } from '@slytherin/node'
import logUpdate from 'log-update'

interface PartyState {
  phase: string
  done: number
  total: number
  step: string
  note: string
  /** Phases of which a line has told. */
  readonly told: Set<string>
  /** When the last line was written. */
  last: number
}

const BAR_CELLS = 24
const REDRAW_MS = 100
/** Without a terminal a phase that was told of is told of again after so long, with how far it has come. */
const RETELL_MS = 10_000

export class ProgressView {
  readonly #states: Map<string, PartyState>
  readonly #start = performance.now()
  readonly #terminal: boolean
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    names: readonly string[],
    private readonly output: NodeJS.WriteStream = process.stderr
  ) {
    this.#states = new Map(
      names.map(name => [name, { phase: 'starting', done: 0, total: 0, step: '', note: '', told: new Set(), last: this.#start }])
    )
    this.#terminal = output.isTTY === true
    if (this.#terminal) {
      this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
      this.#timer.unref()
    }
  }

  update(name: string, event: PartyEvent): void {
    const state = this.#states.get(name)
    if (state === undefined) return
    if (event.event === 'progress') {
      Object.assign(state, { phase: event.phase, done: event.done, total: event.total, step: event.step ?? '' })
      this.#progress(name, state)
    } else if (event.event === 'peer' && event.state === 'down' && state.phase !== 'finished') {
      state.note = `${event.name} is down`
      this.#tell(name, state.note)
    } else if (event.event === 'waiting') {
      state.note = `waiting for ${event.name}: ${event.message}, since ${event.seconds} s`
    } else if (event.event === 'error' || event.event === 'refused') {
      state.note = event.error.message
      this.#tell(name, `${event.event}: ${event.error.message}`)
    } else if (event.event === 'session' || event.event === 'started' || event.event === 'stopped') {
      Object.assign(state, { phase: event.event === 'session' ? 'finished' : event.event, done: 0, total: 0, step: '' })
    }
  }

  /** A line above the progress. */
  note(line: string): void {
    if (this.#terminal) logUpdate.clear()
    this.output.write(`${line}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#terminal && !this.#stopped) {
      this.#draw()
      logUpdate.done()
    }
    this.#stopped = true
  }

  #progress(name: string, state: PartyState): void {
    const { phase, done, total, told } = state
    const first = !told.has(phase)
    if (!first && performance.now() - state.last < RETELL_MS) return
    told.add(phase)
    state.last = performance.now()
    this.#tell(name, first ? phase : `${phase} ${done} of ${total}`)
  }

  #tell(name: string, what: string): void {
    if (!this.#terminal) this.output.write(`${this.#seconds().padStart(7)}  ${name.padEnd(this.#width())}  ${what}\n`)
  }

  #draw(): void {
    const lines = [...this.#states].map(([name, { phase, done, total, step, note }]) => {
      const filled = total > 0 ? Math.round((BAR_CELLS * done) / total) : 0
      const bar = total > 0 ? `${'█'.repeat(filled)}${'·'.repeat(BAR_CELLS - filled)} ${done}/${total}` : ''
      return `  ${name.padEnd(this.#width())}  ${phase.padEnd(20)} ${bar} ${note || step}`.slice(0, this.output.columns ?? 120)
    })
    logUpdate([...lines, `  ${this.#seconds()}`].join('\n'))
  }

  #seconds(): string {
    return `${((performance.now() - this.#start) / 1000).toFixed(1)} s`
  }

  #width(): number {
    return Math.max(...[...this.#states.keys()].map(name => name.length))
  }
}
