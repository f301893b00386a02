/** One query as a witness follows it: its inputs, the second components that it comes to, and the shares with which it goes on. */
import type { QueryEvaluation } from '../cryptography/evaluator.js'
import type { Assisted } from '../terms/statements.js'

export class Followed {
  /** Hashes of the inputs that have come. */
  readonly inputs: (Uint8Array | undefined)[]
  /** Batches of inputs whose proof was checked. */
  readonly proved = new Set<number>()
  state: 'open' | 'running' | 'ended' = 'open'
  readonly #stop = new AbortController()
  readonly #reached = new Map<string, PromiseWithResolvers<Assisted>>()
  /** By instance of a refresh, then by key holder. */
  readonly #given = new Map<string, Map<string, Uint8Array[]>>()
  readonly #complete = new Map<string, PromiseWithResolvers<void>>()

  constructor(
    readonly evaluation: Promise<QueryEvaluation>,
    readonly owner: string,
    inputs: number
  ) {
    this.inputs = new Array<Uint8Array | undefined>(inputs).fill(undefined)
  }

  /** Fires when it is given up. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** What this witness came to, as soon as it has. Rejects when it never will. */
  async reached(instance: string): Promise<Assisted> {
    return await this.#at(instance).promise
  }

  reach(assisted: Assisted): void {
    this.#at(assisted.instance).resolve(assisted)
  }

  give(instance: string, holder: string, shares: Uint8Array[], holders: number): void {
    const given = this.#given.get(instance) ?? new Map<string, Uint8Array[]>()
    this.#given.set(instance, given)
    given.set(holder, shares)
    if (given.size === holders) this.#completion(instance).resolve()
  }

  /** The shares of a refresh, of all key holders in their order. */
  async shares(instance: string, holders: readonly string[]): Promise<Uint8Array[][]> {
    await this.#completion(instance).promise
    const given = this.#given.get(instance)!
    this.#given.delete(instance)
    return holders.map(holder => given.get(holder)!)
  }

  /** Nothing more comes of it; what it came to stays. */
  end(error: Error): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.#stop.abort(error)
    this.#given.clear()
    for (const pending of [...this.#reached.values(), ...this.#complete.values()]) pending.reject(error)
  }

  #at(instance: string): PromiseWithResolvers<Assisted> {
    const known = this.#reached.get(instance)
    if (known !== undefined) return known
    const pending = quiet<Assisted>()
    if (this.state === 'ended') pending.reject(this.#stop.signal.reason)
    else this.#reached.set(instance, pending)
    return pending
  }

  #completion(instance: string): PromiseWithResolvers<void> {
    const known = this.#complete.get(instance) ?? quiet<void>()
    if (this.state === 'ended') known.reject(this.#stop.signal.reason)
    this.#complete.set(instance, known)
    return known
  }
}

/** Whoever waits hears of a rejection; nobody need. */
function quiet<T>(): PromiseWithResolvers<T> {
  const pending = Promise.withResolvers<T>()
  pending.promise.catch(() => undefined)
  return pending
}
