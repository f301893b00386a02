/**
 * Evaluator: keeps keys, encrypted weights and inputs; runs the plan; refreshes and switches with the cohort's shares.
 */
import {
  type Ciphertext,
  deserializeCiphertext,
  type Evaluator,
  type EvaluatorCiphertext,
  type KeySwitchKey,
  serializeCiphertext
} from '@slytherin/ckks'
import { type Refresher, run, type StepReport } from '@slytherin/engine'
import { encodeComponent, PublicKeySwitch, Refresh } from '@slytherin/mhe'
import type { EvaluationCallbacks, SummedProtocol } from '../cryptography.js'
import { ciphertextInstance } from './key-holder.js'
import type { PartStore } from './part-store.js'
import { type OpenSession, SessionStateError } from './session.js'
import { ShareSums } from './share-sums.js'

/** A share failed its check. Names the key holder by its place among them; `cause` says what was wrong. */
export class RejectedShareError extends Error {
  override name = 'RejectedShareError'
  constructor(
    readonly party: number,
    readonly protocol: string,
    readonly instance: string,
    override readonly cause: unknown
  ) {
    super(`share of key holder ${party} for ${protocol} ${instance}: ${cause instanceof Error ? cause.message : 'not acceptable'}`)
  }
}

export class EvaluatorRole {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator
  readonly #store: PartStore
  readonly #sums: ShareSums
  readonly #galoisKeys = new Map<number, KeySwitchKey>()
  #relinearizationKey: KeySwitchKey | undefined
  #keysLoaded = false
  readonly #abort = new AbortController()

  constructor(session: OpenSession, evaluator: Evaluator, store: PartStore) {
    this.#session = session
    this.#evaluator = evaluator
    this.#store = store
    this.#sums = new ShareSums(session)
  }

  addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): void {
    this.#sums.add(protocol, instance, party, share)
  }

  aggregateOne(): Uint8Array {
    return this.#sums.aggregateOne()
  }

  finishKey(protocol: 'relinearization-2' | 'galois', instance: string): void {
    if (protocol === 'relinearization-2') {
      this.#relinearizationKey = this.#sums.finishRelinearizationKey()
      return
    }
    const { element, key } = this.#sums.finishGaloisKey(instance)
    this.#galoisKeys.set(element, key)
  }

  /** Checks an encrypted weight in full before it is kept. */
  async storeModelPart(index: number, bytes: Uint8Array): Promise<void> {
    const item = this.#session.plan.weights.items[index]
    if (item === undefined) throw new SessionStateError(`weight ${index} is not in the plan, which has ${this.#session.plan.weights.count}`)
    deserializeCiphertext(this.#session.context, bytes, { level: item.level, degree: 1, scale: item.scale }).dispose()
    await this.#store.put(weightKey(index), bytes)
  }

  async storeInput(query: string, index: number, bytes: Uint8Array): Promise<void> {
    const { inputs, batchBlocks } = this.#session.plan
    if (!(Number.isInteger(index) && index >= 0 && index < inputs.count * batchBlocks)) {
      throw new SessionStateError(`input ${index} is not in the plan, which has ${inputs.count * batchBlocks}`)
    }
    deserializeCiphertext(this.#session.context, bytes, { level: inputs.level, degree: 1, scale: inputs.scale }).dispose()
    await this.#store.put(inputKey(query, index), bytes)
  }

  /** Runs the plan on the stored inputs. @returns result ciphertexts under the querier's key, serialised */
  async evaluate(query: string, callbacks: EvaluationCallbacks): Promise<Uint8Array[]> {
    this.#loadKeys()
    const { plan } = this.#session
    const evaluator = this.#evaluator
    const steps: StepReport[] = []
    const outputs = await run(plan, {
      evaluator,
      inputs: async index => {
        const key = inputKey(query, index)
        const bytes = await this.#store.get(key)
        await this.#store.delete(key)
        return this.#load(bytes, plan.inputs)
      },
      weights: async index => this.#load(await this.#store.get(weightKey(index)), plan.weights.items[index]!),
      refresher: this.#refresher(query, callbacks),
      signal: this.#abort.signal,
      onProgress: ({ layer, done, total }) => callbacks.progress({ done, total, step: layer }),
      onStep: step => steps.push(step)
    })
    callbacks.layers?.(steps)
    const ciphertexts = outputs.map(output => {
      const stored = evaluator.store(output)
      output.dispose()
      return stored
    })
    try {
      return await this.#switch(query, ciphertexts, callbacks)
    } finally {
      for (const ciphertext of ciphertexts) ciphertext.dispose()
    }
  }

  dispose(): void {
    this.#abort.abort(new SessionStateError('the session was closed'))
    this.#sums.dispose()
    this.#relinearizationKey?.dispose()
    for (const key of this.#galoisKeys.values()) key.dispose()
    this.#galoisKeys.clear()
    this.#evaluator[Symbol.dispose]()
  }

  #loadKeys(): void {
    if (this.#keysLoaded) return
    this.#evaluator.setKeys({ relinearizationKey: this.#relinearizationKey, galoisKeys: this.#galoisKeys })
    this.#keysLoaded = true
  }

  #load(bytes: Uint8Array, expected: { level: number; scale: number }): EvaluatorCiphertext {
    using ciphertext = deserializeCiphertext(this.#session.context, bytes, { level: expected.level, degree: 1, scale: expected.scale })
    return this.#evaluator.load(ciphertext)
  }

  #refresher(query: string, callbacks: EvaluationCallbacks): Refresher {
    const { context, plan, sessionId, parties } = this.#session
    let requests = 0
    return {
      refresh: async (handles, step) => {
        const instance = `${query}/${step.index}/${requests++}`
        const protocol = new Refresh(context, sessionId)
        const ciphertexts = handles.map(handle => {
          const stored = this.#evaluator.store(handle)
          handle.dispose()
          return stored
        })
        try {
          // What the key holders have in the signed plan, to the last bit.
          const { level, scale, magnitude } = plan.refreshes.find(refresh => refresh.step === step.index)!
          const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
          const shares = await callbacks.refresh({ instance, level, scale, magnitude, c1 })
          this.#abort.signal.throwIfAborted()
          return ciphertexts.map((ciphertext, k) => {
            const own = ciphertextInstance(instance, k)
            using aggregation = protocol.aggregation(own, level, parties)
            const sum = collect('refresh', own, aggregation, shares, k)
            try {
              using fresh = protocol.finalize(ciphertext, sum, own, parties)
              return this.#evaluator.load(fresh)
            } finally {
              protocol.format.dispose(sum)
            }
          })
        } finally {
          for (const ciphertext of ciphertexts) ciphertext.dispose()
        }
      }
    }
  }

  async #switch(query: string, ciphertexts: readonly Ciphertext[], callbacks: EvaluationCallbacks): Promise<Uint8Array[]> {
    const { context, plan, sessionId, parties, floodingBits, maximumDecryptions } = this.#session
    const protocol = new PublicKeySwitch(context, sessionId)
    const flooding = { statisticalBits: floodingBits, maximumDecryptions }
    const instance = `${query}/result`
    const level = ciphertexts[0]!.level
    const noise = Math.max(plan.output.noise, ...ciphertexts.map(ciphertext => ciphertext.noise))
    const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
    const shares = await callbacks.switchShares({ instance, level, noise, c1 })
    this.#abort.signal.throwIfAborted()
    return ciphertexts.map((ciphertext, k) => {
      const own = ciphertextInstance(instance, k)
      using aggregation = protocol.aggregation(own, level, parties)
      const sum = collect('switch', own, aggregation, shares, k)
      try {
        using switched = protocol.finalize(ciphertext, sum, flooding, parties)
        return serializeCiphertext(switched)
      } finally {
        protocol.format.dispose(sum)
      }
    })
  }
}

/** Adds ciphertext k's share of every party; an unacceptable share names its party. */
function collect<S>(
  protocol: string,
  instance: string,
  aggregation: { add(party: number, bytes: Uint8Array): unknown; take(): S },
  shares: readonly (readonly Uint8Array[])[],
  k: number
): S {
  shares.forEach((ofParty, party) => {
    try {
      const share = ofParty[k]
      if (share === undefined) throw new SessionStateError(`no share for ciphertext ${k}`)
      aggregation.add(party, share)
    } catch (cause) {
      throw new RejectedShareError(party, protocol, instance, cause)
    }
  })
  return aggregation.take()
}

const weightKey = (index: number): string => `weight-${index}`
const inputKey = (query: string, index: number): string => `input-${query}-${index}`
