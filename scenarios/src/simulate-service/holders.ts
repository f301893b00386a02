/** The key holders: any t of those that are there answer a round; one that dies in the middle costs an attempt. */
import type { Clock } from './clock.js'
import { Link } from './link.js'
import { Machine } from './machine.js'
import { Places } from './places.js'
import type { Round } from './profile.js'

interface Holder {
  readonly machine: Machine
  readonly places: Places
  readonly in: Link
  readonly out: Link
  alive: boolean
  asked: number
}

export interface HolderOptions {
  readonly count: number
  readonly threshold: number
  readonly cores: number
  readonly bytesPerSecond: number
  /** One way, in seconds. */
  readonly latency: number
  readonly machine?: Machine
}

export class Holders {
  readonly #holders: readonly Holder[]
  readonly #waiting: (() => void)[] = []
  /** Rounds that were begun again, for a holder died. */
  repeated = 0

  constructor(
    readonly clock: Clock,
    readonly options: HolderOptions,
    readonly coordinator: { readonly in: Link; readonly out: Link }
  ) {
    this.#holders = Array.from({ length: options.count }, (_, index) => {
      const name = `holder ${index + 1}`
      const link = (direction: string): Link => new Link(`${name} ${direction}`, clock, options.bytesPerSecond, options.latency)
      const machine = options.machine ?? new Machine(name, clock, options.cores)
      return { machine, places: new Places(machine, options.cores, 1), in: link('in'), out: link('out'), alive: true, asked: 0 }
    })
  }

  /** @param done once t shares of one attempt are with the coordinator */
  round(round: Round, done: () => void): void {
    const set = this.#holders
      .filter(({ alive }) => alive)
      .sort((a, b) => a.asked - b.asked)
      .slice(0, this.options.threshold)
    if (set.length < this.options.threshold) {
      this.#waiting.push(() => this.round(round, done))
      return
    }
    let shares = 0
    let over = false
    for (const holder of set) {
      holder.asked++
      const goesOn = (next: () => void) => () => {
        if (over) return
        if (holder.alive) return next()
        over = true
        this.repeated++
        this.round(round, done)
      }
      this.coordinator.out.send(round.requestBytes, () =>
        holder.in.send(
          round.requestBytes,
          goesOn(() =>
            holder.places.compute(
              round.coreSeconds,
              goesOn(() =>
                holder.out.send(round.shareBytes, () =>
                  this.coordinator.in.send(round.shareBytes, () => {
                    if (!over && ++shares === set.length) done()
                  })
                )
              )
            )
          )
        )
      )
    }
  }

  fail(index: number): void {
    this.#holders[index]!.alive = false
  }

  restart(index: number): void {
    this.#holders[index]!.alive = true
    for (const go of this.#waiting.splice(0)) go()
  }

  machineUtilisation(seconds: number): number {
    return Math.max(...this.#holders.map(({ machine }) => machine.utilisation(seconds)))
  }

  linkUtilisation(seconds: number): number {
    return Math.max(...this.#holders.flatMap(holder => [holder.in.utilisation(seconds), holder.out.utilisation(seconds)]))
  }
}
