/** A query's way through a service: querier, coordinator, queue, worker, key holders, and back. */
import TinyQueue from 'tinyqueue'
import { Clock } from './clock.js'
import type { Asked, Simulation } from './description.js'
import { Holders } from './holders.js'
import { Link } from './link.js'
import { Machine } from './machine.js'
import type { Round } from './profile.js'
import { Worker } from './worker.js'

interface Query {
  readonly asked: Asked
  readonly at: number
  readonly querier: number
  left: number
}

interface Block {
  readonly query: Query
  readonly order: number
  /** Which run of it this is: of an earlier one that a worker lost nothing goes on. */
  attempt: number
}

const GIGABYTE = 1e9
const bytesPerSecond = ({ megabitsPerSecond }: { megabitsPerSecond?: number | undefined }): number =>
  megabitsPerSecond === undefined ? Number.POSITIVE_INFINITY : (megabitsPerSecond * 1e6) / 8
const latency = ({ roundTripMilliseconds }: { roundTripMilliseconds: number }): number => roundTripMilliseconds / 2000

export class Fleet {
  readonly clock = new Clock()
  readonly workers: readonly Worker[]
  readonly holders: Holders
  readonly coordinator: { readonly machine: Machine; readonly in: Link; readonly out: Link }
  readonly store: Link
  readonly #queriers: readonly { readonly in: Link; readonly out: Link }[]
  readonly #queue = new TinyQueue<Block>([], (a, b) => a.query.asked.blocks - b.query.asked.blocks || a.order - b.order)
  readonly #atWork = new Map<Worker, Set<Block>>()
  /** Seconds from asking to the answer, of each query that was answered. */
  readonly latencies: number[] = []
  asked = 0
  predictions = 0
  longestQueue = 0
  lostBlocks = 0
  #order = 0

  constructor(readonly simulation: Simulation) {
    const { clock } = this
    const { workers, holders, coordinator, queriers, oneMachineCores } = simulation
    const one = oneMachineCores === undefined ? undefined : new Machine('machine', clock, oneMachineCores)
    const shared = one === undefined ? {} : { machine: one }
    const link = (name: string, of: Simulation['store']): Link => new Link(name, clock, bytesPerSecond(of), latency(of))
    this.coordinator = {
      machine: one ?? new Machine('coordinator', clock, coordinator.cores),
      in: link('coordinator in', coordinator.link),
      out: link('coordinator out', coordinator.link)
    }
    this.store = link('store', simulation.store)
    this.holders = new Holders(
      clock,
      { ...holders, bytesPerSecond: bytesPerSecond(holders.link), latency: latency(holders.link), ...shared },
      this.coordinator
    )
    this.workers = Array.from({ length: workers.count }, (_, index) => {
      const { threads, blocks, memoryGigabytes } = workers
      const options = {
        threads,
        blocks,
        memoryBytes: memoryGigabytes * GIGABYTE,
        bytesPerSecond: bytesPerSecond(workers.link),
        latency: latency(workers.link)
      }
      return new Worker(`worker ${index + 1}`, clock, { ...options, ...shared })
    })
    for (const worker of this.workers) this.#atWork.set(worker, new Set())
    this.#queriers = Array.from({ length: queriers.count }, (_, index) => ({
      in: link(`querier ${index + 1} in`, queriers.link),
      out: link(`querier ${index + 1} out`, queriers.link)
    }))
  }

  /** Queries that are asked and not answered. */
  get open(): number {
    return this.asked - this.latencies.length
  }

  ask(asked: Asked, querier: number): void {
    const query: Query = { asked, at: this.clock.now, querier: querier % this.#queriers.length, left: asked.blocks }
    this.asked++
    for (let index = 0; index < asked.blocks; index++) {
      this.#queriers[query.querier]!.out.send(asked.profile.inputBytes, () =>
        this.coordinator.in.send(asked.profile.inputBytes, () =>
          this.coordinator.machine.compute(this.simulation.coordinator.secondsPerQuery, 1, () =>
            this.#enqueue({ query, order: this.#order++, attempt: 0 })
          )
        )
      )
    }
  }

  failWorker(worker: Worker): void {
    const lost = [...this.#atWork.get(worker)!]
    this.#atWork.get(worker)!.clear()
    worker.fail()
    for (const block of lost) {
      block.attempt++
      this.lostBlocks++
      this.clock.after(this.simulation.failures.detectionSeconds, () => this.#enqueue(block))
    }
    this.clock.after(this.simulation.failures.restartSeconds, () => {
      worker.alive = true
      this.#dispatch()
    })
  }

  #enqueue(block: Block): void {
    this.#queue.push(block)
    this.longestQueue = Math.max(this.longestQueue, this.#queue.length)
    this.#dispatch()
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#workerFor(this.#queue.peek()!)
      if (worker === undefined) return
      const block = this.#queue.pop()!
      worker.busy++
      this.#atWork.get(worker)!.add(block)
      this.#evaluate(block, worker)
    }
  }

  /** Of those with room: the least busy, of these one that has the model. */
  #workerFor({ query }: Block): Worker | undefined {
    let best: Worker | undefined
    for (const worker of this.workers) {
      if (!worker.free) continue
      if (best === undefined || this.#rank(worker, query) < this.#rank(best, query)) best = worker
    }
    return best
  }

  #rank(worker: Worker, { asked }: Query): number {
    return worker.busy + (worker.has(asked.profile) ? 0 : 0.5)
  }

  #evaluate(block: Block, worker: Worker): void {
    const { profile } = block.query.asked
    const { attempt } = block
    const goesOn = (next: () => void) => (): void => {
      if (block.attempt === attempt) next()
    }
    const segment = (index: number): void =>
      worker.places.compute(
        profile.segments[index]!.coreSeconds,
        goesOn(() => {
          const refresh = profile.refreshes[index]
          if (refresh !== undefined)
            return this.#round(
              refresh,
              worker,
              goesOn(() =>
                this.coordinator.out.send(refresh.shareBytes, () =>
                  worker.down.send(
                    refresh.shareBytes,
                    goesOn(() => segment(index + 1))
                  )
                )
              )
            )
          this.#atWork.get(worker)!.delete(block)
          worker.busy--
          this.#round(profile.result, worker, () => this.#answered(block.query))
          this.#dispatch()
        })
      )
    worker.load(
      profile,
      this.store,
      goesOn(() =>
        this.coordinator.out.send(profile.inputBytes, () =>
          worker.down.send(
            profile.inputBytes,
            goesOn(() => segment(0))
          )
        )
      )
    )
  }

  /** The worker asks the coordinator, which asks the key holders. */
  #round(round: Round, worker: Worker, done: () => void): void {
    worker.up.send(round.requestBytes, () =>
      this.coordinator.in.send(round.requestBytes, () =>
        this.coordinator.machine.compute(this.simulation.coordinator.secondsPerShare * this.simulation.holders.threshold, 1, () =>
          this.holders.round(round, done)
        )
      )
    )
  }

  #answered(query: Query): void {
    const { profile } = query.asked
    const querier = this.#queriers[query.querier]!
    this.coordinator.out.send(profile.resultBytes, () =>
      querier.in.send(profile.resultBytes, () => {
        if (--query.left > 0) return
        this.predictions += profile.samples * query.asked.blocks
        this.latencies.push(this.clock.now - query.at)
      })
    )
  }
}
