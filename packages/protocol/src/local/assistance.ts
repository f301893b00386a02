/**
 * The evaluator's half of refresh and switch: what it sends to the key holders, what it adds of its own, and how it puts their shares together.
 *
 * Key holders are sent second components alone, but for one that holds the whole key, which gives no shares (whole-key-assistance.ts). Where an operand is clear here, or one party holds the whole key, each ciphertext is re-randomised before
 * (`rerandomize` says why). Where the model is clear here, the evaluator adds a share without a secret to both: a mask, so that what a refresh lays open is
 * covered from key holders, too, and flooding, so that a querier who holds the key does not see the exact error of the result.
 */
import { type Ciphertext, deserializePublicKey, type Evaluator, type EvaluatorCiphertext, serializeCiphertext } from '@slytherin/ckks'
import { type Refresher, refreshShares, rerandomizes, switchShares } from '@slytherin/engine'
import { encodeComponent, PublicKeySwitch, Refresh, rerandomize, type ShareAggregation, type ShareFormat } from '@slytherin/mhe'
import { randomSeed } from '@slytherin/ring'
import type { EvaluationCallbacks } from '../cryptography/evaluator.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import { refreshInstance, switchInstance } from '../terms/instances.js'
import { coinedRefreshed } from './coined.js'
import { ciphertextInstance } from './instances.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { untilAborted } from './until-aborted.js'
import { WholeKeyAssistance } from './whole-key-assistance.js'

export class Assistance {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator
  /** Where one party holds the whole key, which gives no shares. */
  readonly #whole: WholeKeyAssistance | undefined

  constructor(session: OpenSession, evaluator: Evaluator) {
    this.#session = session
    this.#evaluator = evaluator
    if (session.parties === 1) this.#whole = new WholeKeyAssistance(session, evaluator)
  }

  /** Refreshes of one query. */
  refresher(query: string, callbacks: EvaluationCallbacks, signal: AbortSignal): Refresher {
    // By step, the passes that have come to it.
    const passes = new Map<number, number>()
    return {
      refresh: async (handles, step) => {
        const pass = passes.get(step.index) ?? 0
        passes.set(step.index, pass + 1)
        const instance = refreshInstance(query, step.index, pass)
        const ciphertexts = handles.map(handle => this.take(handle))
        try {
          return await this.#refresh(instance, step.index, ciphertexts, callbacks, signal)
        } finally {
          for (const ciphertext of ciphertexts) ciphertext.dispose()
        }
      }
    }
  }

  /** A ciphertext of the evaluator's as it may be sent to key holders. */
  take(handle: EvaluatorCiphertext): Ciphertext {
    const { context, plan, parties } = this.#session
    const stored = this.#evaluator.store(handle)
    handle.dispose()
    if (!rerandomizes(parties, plan.operands)) return stored
    try {
      return rerandomize(context, this.#session.encryptor, stored)
    } finally {
      stored.dispose()
    }
  }

  async #refresh(
    instance: string,
    step: number,
    ciphertexts: readonly Ciphertext[],
    callbacks: EvaluationCallbacks,
    signal: AbortSignal
  ): Promise<EvaluatorCiphertext[]> {
    if (this.#whole !== undefined) return await this.#whole.refresh(instance, step, ciphertexts, callbacks, signal)
    const { context, plan, sessionId, parties } = this.#session
    const protocol = new Refresh(context, sessionId)
    const total = refreshShares(parties, plan.operands)
    // What the key holders have in the signed plan, to the last bit.
    const { level, scale, magnitude } = plan.refreshes.find(refresh => refresh.step === step)!
    const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
    const requests = ciphertexts.map((ciphertext, k) => {
      return { instance: ciphertextInstance(instance, k), level, scale, magnitude, c1: ciphertext.components[1]! }
    })
    const masks = total > parties ? requests.map(request => () => protocol.share(null, request, randomSeed())) : []
    const { shares, own } = await this.#assisted(
      protocol.format,
      callbacks.refresh({ instance, step, level, scale, magnitude, c1 }),
      masks,
      signal
    )
    try {
      return ciphertexts.map((ciphertext, k) => {
        const { instance: name } = requests[k]!
        const sum = collect('refresh', name, protocol.aggregation(name, level, parties), shares, k)
        try {
          if (own[k] !== undefined) protocol.format.addInPlace(sum, own[k])
          using fresh = protocol.finalize(ciphertext, sum, name, total)
          return coinedRefreshed(this.#session, this.#evaluator, name, fresh)
        } finally {
          protocol.format.dispose(sum)
        }
      })
    } finally {
      for (const share of own) protocol.format.dispose(share)
    }
  }

  /** @returns the ciphertexts under the querier's key, serialised */
  async switch(
    query: string,
    ciphertexts: readonly Ciphertext[],
    callbacks: EvaluationCallbacks,
    signal: AbortSignal
  ): Promise<Uint8Array[]> {
    if (this.#whole !== undefined) return await this.#whole.result(query, ciphertexts, callbacks, signal)
    const { context, plan, sessionId, parties, floodingBits, maximumDecryptions } = this.#session
    const protocol = new PublicKeySwitch(context, sessionId)
    const flooding = { securityBits: floodingBits, maximumDecryptions }
    const total = switchShares(parties, plan.operands)
    const instance = switchInstance(query)
    const { level, scale, magnitude } = plan.output
    const noise = plan.output.floodedNoise
    const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
    using target = total > parties ? deserializePublicKey(context, await callbacks.resultKey()) : undefined
    const floods =
      target === undefined
        ? []
        : ciphertexts.map((ciphertext, k) => () => {
            const request = { instance: ciphertextInstance(instance, k), level, noise, scale, magnitude, c1: ciphertext.components[1]! }
            return protocol.share(null, request, target, flooding, randomSeed())
          })
    const { shares, own } = await this.#assisted(protocol.format, callbacks.switchShares({ instance, level, noise, c1 }), floods, signal)
    try {
      return ciphertexts.map((ciphertext, k) => {
        const name = ciphertextInstance(instance, k)
        const sum = collect('switch', name, protocol.aggregation(name, level, parties), shares, k)
        try {
          if (own[k] !== undefined) protocol.format.addInPlace(sum, own[k])
          using switched = protocol.finalize(ciphertext, sum, flooding, total, noise)
          return serializeCiphertext(switched)
        } finally {
          protocol.format.dispose(sum)
        }
      })
    } finally {
      for (const share of own) protocol.format.dispose(share)
    }
  }

  /** What the key holders answer, and the evaluator's own shares, which never leave it, made in the meantime; the caller disposes them. */
  async #assisted<S>(
    format: ShareFormat<S>,
    asked: Promise<Uint8Array[][]>,
    makers: readonly (() => S)[],
    signal: AbortSignal
  ): Promise<{ shares: Uint8Array[][]; own: S[] }> {
    // Heard of below.
    asked.catch(() => undefined)
    const own: S[] = []
    try {
      for (const make of makers) own.push(make())
      const shares = await untilAborted(asked, signal)
      return { shares, own }
    } catch (error) {
      for (const share of own) format.dispose(share)
      throw error
    }
  }
}

/** Adds ciphertext k's share of every party; an unacceptable share names its party. */
function collect<S>(
  protocol: string,
  instance: string,
  aggregation: ShareAggregation<S>,
  shares: readonly (readonly Uint8Array[])[],
  k: number
): S {
  try {
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
  } catch (error) {
    aggregation.dispose()
    throw error
  }
}
