/**
 * The evaluator's half of refreshes and results in an epoch: each is asked of one active set under an attempt, and asked again under the next when that one is
 * lost. What a session does once is in local/assistance.ts; here the evaluator's own randomness derives from the query's secret, so that a query that is started
 * again asks for the same to the last byte.
 */
import {
  type Ciphertext,
  deserializeCiphertext,
  deserializePublicKey,
  type Evaluator,
  type EvaluatorCiphertext,
  serializeCiphertext
} from '@slytherin/ckks'
import { type RunOptions, refreshShares, switchShares } from '@slytherin/engine'
import {
  type Attempt,
  encodeComponent,
  floodResult,
  type MaskedComponent,
  PublicKeySwitch,
  Refresh,
  type ShareAggregation,
  type ShareFormat,
  WholeKeyRefresh,
  WholeKeySwitch
} from '@slytherin/mhe'
import { deriveSeed } from '@slytherin/ring'
import { coinedRefreshed } from '../../local/coined.js'
import { ciphertextInstance } from '../../local/instances.js'
import { type OpenSession, SessionStateError } from '../../local/open-session.js'
import { untilAborted } from '../../local/until-aborted.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { ReleaseCallbacks, Resumed } from '../cryptography/release.js'
import { attempted, attemptOf } from './attempts.js'

/** The step of an attempt at the result. */
const RESULT = 'out'

export interface AssistedQuery {
  readonly callbacks: ReleaseCallbacks
  /** 32 secret bytes of the query alone. */
  readonly secret: Uint8Array
  readonly querierHoldsKey: boolean
  readonly signal: AbortSignal
}

/** What is asked about: the ciphertexts of one step, as they are in one attempt. */
interface Asked {
  readonly name: AttemptName
  readonly attempt: Attempt
  readonly ciphertexts: readonly Ciphertext[]
}

/** An answer that is none; `point` is whose. */
class UnusableAnswerError extends Error {
  override name = 'UnusableAnswerError'
  constructor(
    readonly point: number,
    override readonly cause: unknown
  ) {
    super(`holder ${point}: ${cause instanceof Error ? cause.message : 'not acceptable'}`)
  }
}

export class AttemptedAssistance {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator

  constructor(session: OpenSession, evaluator: Evaluator) {
    this.#session = session
    this.#evaluator = evaluator
  }

  /** Refreshes, and what is kept of them. */
  refresher(query: AssistedQuery): Required<Pick<RunOptions, 'refresher' | 'resume'>> {
    let pass = 0
    return {
      refresher: {
        refresh: async (handles, { index }) => await this.refreshed(query, pass, index, handles)
      },
      resume: async begun => {
        pass = begun
        const kept = await query.callbacks.kept?.(begun)
        return kept === undefined ? undefined : { step: kept.step, ciphertexts: this.resumed(kept) }
      }
    }
  }

  /** Has all ciphertexts of a pass refreshed at a step of the plan; takes them over. */
  async refreshed(
    query: AssistedQuery,
    pass: number,
    step: number,
    handles: readonly EvaluatorCiphertext[]
  ): Promise<EvaluatorCiphertext[]> {
    const fresh = await this.#attempts(query, `r${step}.${pass}`, handles, async asked =>
      this.#whole ? await this.#refreshWhole(query, step, asked) : await this.#refresh(query, step, asked)
    )
    const serialized = fresh.map(handle => this.#serialized(handle))
    await query.callbacks.keep?.(pass, step, serialized)
    return fresh
  }

  #serialized(handle: EvaluatorCiphertext): Uint8Array {
    using stored = this.#evaluator.store(handle)
    return serializeCiphertext(stored)
  }

  /** What was kept of a refresh, loaded; the caller disposes it. */
  resumed({ step, ciphertexts }: Resumed): EvaluatorCiphertext[] {
    const { context } = this.#session
    const { scale } = this.#refreshOf(step)
    return ciphertexts.map(bytes => {
      using ciphertext = deserializeCiphertext(context, bytes, { level: context.parameters.maxLevel, degree: 1, scale })
      return this.#evaluator.load(ciphertext)
    })
  }

  /** @returns the results under the querier's key, serialised */
  async result(query: AssistedQuery, handles: readonly EvaluatorCiphertext[]): Promise<Uint8Array[]> {
    return await this.#attempts(query, RESULT, handles, async asked => {
      if (!this.#whole) return await this.#switch(query, asked)
      return query.querierHoldsKey ? this.#flood(query, asked) : await this.#switchWhole(query, asked)
    })
  }

  get #whole(): boolean {
    return this.#session.parties === 1
  }

  /** Attempts until one is answered: what `make` gives is the answer, undefined means that the attempt is lost. */
  async #attempts<T>(
    { callbacks, secret, signal }: AssistedQuery,
    step: string,
    handles: readonly EvaluatorCiphertext[],
    make: (asked: Asked) => Promise<T | undefined>
  ): Promise<T> {
    const computed = handles.map(handle => {
      const stored = this.#evaluator.store(handle)
      handle.dispose()
      return stored
    })
    try {
      for (;;) {
        const name = await untilAborted(callbacks.attempt(step), signal)
        const attempt = attemptOf(this.#session.sessionId, name)
        const ciphertexts: Ciphertext[] = []
        try {
          for (const [k, ciphertext] of computed.entries()) ciphertexts.push(attempted(this.#session, secret, attempt, k, ciphertext))
          const made = await make({ name, attempt, ciphertexts })
          if (made !== undefined) return made
        } catch (error) {
          if (!(error instanceof UnusableAnswerError)) throw error
          await callbacks.rejected(name, error.point, error.message)
        } finally {
          for (const ciphertext of ciphertexts) ciphertext.dispose()
        }
      }
    } finally {
      for (const ciphertext of computed) ciphertext.dispose()
    }
  }

  async #refresh(
    { callbacks, secret, signal }: AssistedQuery,
    step: number,
    { name, attempt, ciphertexts }: Asked
  ): Promise<EvaluatorCiphertext[] | undefined> {
    const { context, plan, sessionId, parties } = this.#session
    const protocol = new Refresh(context, sessionId, undefined, parties)
    const total = refreshShares(parties, plan.operands)
    const { level, scale, magnitude } = this.#refreshOf(step)
    const { instance } = attempt
    const c1 = this.#seconds(ciphertexts)
    const answers = callbacks.refresh({ attempt: name, instance, step, level, scale, magnitude, c1 })
    const shares = await untilAborted(answers, signal)
    if (shares === undefined) return undefined
    const fresh: EvaluatorCiphertext[] = []
    try {
      for (const [k, ciphertext] of ciphertexts.entries()) {
        const of = ciphertextInstance(instance, k)
        const sum = collected(protocol.aggregation(of, level, parties), shares, k, name.active)
        try {
          if (total > parties) {
            const request = { instance: of, level, scale, magnitude, c1: ciphertext.components[1]! }
            addOwn(protocol.format, sum, protocol.share(null, request, deriveSeed(secret, 'mask', of)))
          }
          using refreshed = protocol.finalize(ciphertext, sum, of, total)
          fresh.push(coinedRefreshed(this.#session, this.#evaluator, of, refreshed))
        } finally {
          protocol.format.dispose(sum)
        }
      }
      return fresh
    } catch (error) {
      for (const handle of fresh) handle.dispose()
      throw error
    }
  }

  async #switch({ callbacks, secret, signal }: AssistedQuery, { name, attempt, ciphertexts }: Asked): Promise<Uint8Array[] | undefined> {
    const { context, plan, sessionId, parties } = this.#session
    const protocol = new PublicKeySwitch(context, sessionId, parties)
    const flooding = this.#flooding
    const total = switchShares(parties, plan.operands)
    const { level, scale, magnitude, floodedNoise: noise } = plan.output
    const { instance } = attempt
    const shares = await untilAborted(
      callbacks.switchShares({ attempt: name, instance, level, noise, c1: this.#seconds(ciphertexts) }),
      signal
    )
    if (shares === undefined) return undefined
    using target = total > parties ? deserializePublicKey(context, await callbacks.resultKey()) : undefined
    return ciphertexts.map((ciphertext, k) => {
      const of = ciphertextInstance(instance, k)
      const sum = collected(protocol.aggregation(of, level, parties), shares, k, name.active)
      try {
        if (target !== undefined) {
          const request = { instance: of, level, noise, scale, magnitude, c1: ciphertext.components[1]! }
          addOwn(protocol.format, sum, protocol.share(null, request, target, flooding, deriveSeed(secret, 'flooding', of)))
        }
        using switched = protocol.finalize(ciphertext, sum, flooding, total, noise)
        return serializeCiphertext(switched)
      } finally {
        protocol.format.dispose(sum)
      }
    })
  }

  async #refreshWhole(
    { callbacks, secret, signal }: AssistedQuery,
    step: number,
    { name, attempt, ciphertexts }: Asked
  ): Promise<EvaluatorCiphertext[] | undefined> {
    const { context, sessionId } = this.#session
    const protocol = new WholeKeyRefresh(context, sessionId)
    const { level, scale, magnitude } = this.#refreshOf(step)
    const { instance } = attempt
    const made: MaskedComponent[] = []
    const fresh: EvaluatorCiphertext[] = []
    try {
      for (const [k, ciphertext] of ciphertexts.entries()) {
        made.push(protocol.mask(ciphertext, deriveSeed(secret, 'mask', ciphertextInstance(instance, k))))
      }
      const masked = made.map(component => encodeComponent(context, component.masked))
      const request = { attempt: name, instance, step, level, scale, magnitude, masked, c1: this.#seconds(ciphertexts) }
      const answers = await untilAborted(callbacks.refreshWhole(request), signal)
      if (answers === undefined) return undefined
      for (const [k, ciphertext] of ciphertexts.entries()) {
        const answer = usable(name.active[0]!, answers, k, bytes => protocol.deserialize(bytes, ciphertextInstance(instance, k), level))
        using _c0 = answer.c0
        using refreshed = protocol.finalize(ciphertext, made[k]!.mask, answer)
        fresh.push(this.#evaluator.load(refreshed))
      }
      return fresh
    } catch (error) {
      for (const handle of fresh) handle.dispose()
      throw error
    } finally {
      for (const { masked, mask } of made) {
        masked.dispose()
        mask.wipe()
        mask.dispose()
      }
    }
  }

  async #switchWhole({ callbacks, signal }: AssistedQuery, { name, attempt, ciphertexts }: Asked): Promise<Uint8Array[] | undefined> {
    const { context, plan, sessionId } = this.#session
    const protocol = new WholeKeySwitch(context, sessionId)
    const { level } = plan.output
    const { instance } = attempt
    const noise = this.#noiseOf(ciphertexts)
    const answers = await untilAborted(
      callbacks.switchWhole({ attempt: name, instance, level, noise, c1: this.#seconds(ciphertexts) }),
      signal
    )
    if (answers === undefined) return undefined
    return ciphertexts.map((ciphertext, k) => {
      const answer = usable(name.active[0]!, answers, k, bytes => protocol.deserialize(bytes, ciphertextInstance(instance, k), level))
      try {
        using switched = protocol.finalize(ciphertext, answer, this.#flooding, noise)
        return serializeCiphertext(switched)
      } finally {
        protocol.dispose(answer)
      }
    })
  }

  /** The result of the party that holds the key: it goes to it as it is, flooded here. */
  #flood({ secret }: AssistedQuery, { attempt, ciphertexts }: Asked): Uint8Array[] {
    const noise = this.#noiseOf(ciphertexts)
    return ciphertexts.map((ciphertext, k) => {
      const seed = deriveSeed(secret, 'flooding', ciphertextInstance(attempt.instance, k))
      using flooded = floodResult(this.#session.context, ciphertext, noise, this.#flooding, seed)
      return serializeCiphertext(flooded)
    })
  }

  get #flooding(): { readonly securityBits: number; readonly maximumDecryptions: number } {
    const { floodingBits, maximumDecryptions } = this.#session
    return { securityBits: floodingBits, maximumDecryptions }
  }

  #noiseOf(ciphertexts: readonly Ciphertext[]): number {
    const { floodedNoise } = this.#session.plan.output
    return Math.max(floodedNoise, ...ciphertexts.map(ciphertext => ciphertext.noise))
  }

  #refreshOf(step: number): { readonly level: number; readonly scale: number; readonly magnitude: number } {
    const found = this.#session.plan.refreshes.find(refresh => refresh.step === step)
    if (found === undefined) throw new SessionStateError(`the plan has no refresh at step ${step}`)
    return found
  }

  #seconds(ciphertexts: readonly Ciphertext[]): Uint8Array[] {
    return ciphertexts.map(ciphertext => encodeComponent(this.#session.context, ciphertext.components[1]!))
  }
}

/** Sums ciphertext k's share of every active holder. @throws UnusableAnswerError */
function collected<S>(
  aggregation: ShareAggregation<S>,
  shares: readonly (readonly Uint8Array[])[],
  k: number,
  active: readonly number[]
): S {
  try {
    for (const [place, point] of active.entries()) {
      usable(point, shares[place] ?? [], k, share => aggregation.add(place, share))
    }
    return aggregation.take()
  } catch (error) {
    aggregation.dispose()
    throw error
  }
}

function addOwn<S>(format: ShareFormat<S>, sum: S, own: S): void {
  try {
    format.addInPlace(sum, own)
  } finally {
    format.dispose(own)
  }
}

function usable<T>(point: number, answers: readonly Uint8Array[], k: number, read: (bytes: Uint8Array) => T): T {
  try {
    const answer = answers[k]
    if (answer === undefined) throw new SessionStateError(`no answer for ciphertext ${k}`)
    return read(answer)
  } catch (cause) {
    throw new UnusableAnswerError(point, cause)
  }
}
