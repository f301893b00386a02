/** What a query takes beside what must be: encrypting and sending its inputs, and the evaluation. As its querier sees it. */
import type { Progress } from '@slytherin/node'

export class QueryClock {
  readonly #begun: number
  #inputs: number | undefined
  #running: number | undefined
  #done: number | undefined

  /** @param begun by the clock of `performance` */
  constructor(begun: number) {
    this.#begun = begun
  }

  see({ phase, done, total }: Progress): void {
    const now = performance.now()
    if (phase === 'inputs' && done === total) this.#inputs ??= now
    if (phase === 'running') this.#running ??= now
    if (phase === 'done') this.#done ??= now
  }

  /** All of it until now, over encryption, transfer and evaluation; undefined where it was not seen to run. */
  overhead(): number | undefined {
    if (this.#inputs === undefined || this.#running === undefined || this.#done === undefined) return undefined
    return (performance.now() - this.#begun) / (this.#inputs - this.#begun + (this.#done - this.#running))
  }
}
