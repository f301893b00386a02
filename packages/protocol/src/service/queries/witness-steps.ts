/**
 * A witness at the steps of a query at which key holders help: it waits for the evaluator to ask, compares, endorses, and goes on with what the holders of the same
 * attempt have signed. Attempts that came to nothing are left out: what is asked about under the next one follows from the same ciphertexts, with randomness that
 * everybody can compute.
 */
import { delay } from '../../base/concurrency.js'
import { fromHex, toHex } from '../../base/digest.js'
import type { EvaluationProgress } from '../../cryptography/evaluator.js'
import type { RefreshRequest, SwitchRequest } from '../../cryptography/key-holder.js'
import {
  EndorsementRefusedError,
  InternalError,
  MalformedMessageError,
  NotPermittedError,
  QuotaExceededError,
  SignatureError
} from '../../errors/errors.js'
import { switchStep } from '../../terms/instances.js'
import type { Plan } from '../../terms/plan.js'
import { componentsHash } from '../../terms/statements.js'
import { callUntilThere } from '../calls/persistent.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { Attempted, ReleaseCallbacks } from '../cryptography/release.js'
import { attemptOf } from '../objects/attempt-check.js'
import type { SharingRecord } from '../objects/epoch.js'
import type { Query } from '../objects/query.js'
import { type FollowOptions, fetched } from './following.js'
import { ATTEMPTS, attemptQuery } from './names.js'
import { type Assisted, checkStatement, computedOf, hashOf, signStatement } from './statements.js'
import { type StepNews, WITNESS_ENDORSE, WITNESS_STEP } from './witness-calls.js'

/** Least pause between two questions, milliseconds, whatever the evaluator answers. */
const BREATH = 20

/** A step at which this witness is. */
interface At {
  readonly step: string
  readonly attempt: AttemptName
  /** Active holders, in the order of their points. */
  readonly holders: readonly string[]
  readonly news: StepNews
}

export class WitnessSteps implements ReleaseCallbacks {
  /** The query is over. */
  finished = false
  /** Whether evaluator and witness came to different things. */
  differs = false
  /** What a callback has thrown: on its way through another thread it becomes another error. */
  fault: Error | undefined
  readonly #query: Query
  readonly #plan: Plan
  readonly #evaluator: string
  readonly #sharings: readonly SharingRecord[]
  readonly #options: FollowOptions
  #at: At | undefined
  /** Whose answers are in use; they may turn out to be none. */
  #answered: { readonly step: string; readonly number: number; readonly instance: string } | undefined
  /** Of the present step: the number of the last attempt that came to nothing. */
  #failed = -1
  /** What is known of the attempt that follows it. */
  #next: StepNews | undefined

  constructor(query: Query, plan: Plan, evaluator: string, sharings: readonly SharingRecord[], options: FollowOptions) {
    this.#query = query
    this.#plan = plan
    this.#evaluator = evaluator
    this.#sharings = sharings
    this.#options = options
  }

  async attempt(step: string): Promise<AttemptName> {
    return await this.#noted(async () => {
      await this.#leave(step)
      const news = this.#next ?? (await this.#news(step, this.#failed, true))
      this.#next = undefined
      const attempt = news.attempt!
      const { query } = this.#query
      const holders = attemptOf(attempt, { query: attemptQuery(this.#query), step }, this.#sharings, 'witness/step', this.#evaluator)
      if (attempt.number >= ATTEMPTS) {
        const found = { peer: this.#evaluator, kind: 'witness/step', field: 'attempt.number' }
        throw new QuotaExceededError({
          ...found,
          expected: `below ${ATTEMPTS}`,
          actual: `${attempt.number}`,
          remedy: 'Ask the query again.'
        })
      }
      const entry = await this.#options.diary.of(query, step)
      if (entry?.used === true && entry.number !== attempt.number) {
        throw this.#refused(
          'attempt.number',
          `${entry.number}, which the evaluator went on from`,
          `${attempt.number}`,
          'there is one way through a query'
        )
      }
      this.#at = { step, attempt, holders, news }
      return attempt
    })
  }

  async refresh({ step, instance, c1 }: Attempted<RefreshRequest>): Promise<Uint8Array[][] | undefined> {
    const own: Assisted = { assist: 'refresh', ...computedOf(this.#query), step, instance, c1: await hashOf(c1) }
    return await this.#noted(async () => await this.#assist(own, c1.length))
  }

  async switchShares({ instance, c1 }: Attempted<SwitchRequest>): Promise<Uint8Array[][] | undefined> {
    const own: Assisted = { assist: 'switch', ...computedOf(this.#query), step: switchStep(this.#plan), instance, c1: await hashOf(c1) }
    return await this.#noted(async () => await this.#assist(own, c1.length))
  }

  /** Where one share is enough there are no witnesses. */
  async refreshWhole(): Promise<never> {
    throw new NotPermittedError({ kind: 'witness', reason: 'no witness follows where one party holds the whole key' })
  }

  async switchWhole(): Promise<never> {
    return await this.refreshWhole()
  }

  async resultKey(): Promise<never> {
    throw new NotPermittedError({ kind: 'witness', reason: 'a witness adds nothing of its own' })
  }

  /** A holder's answer is none: the evaluator will see the same. */
  async rejected({ number }: AttemptName): Promise<void> {
    this.#answered = undefined
    this.#failed = number
  }

  progress({ done, total, step }: EvaluationProgress): void {
    this.#options.onStep(`${step} (${done} of ${total})`)
  }

  /** A step is behind this witness when it comes to another: from then on it follows no other attempt at it. */
  async #leave(step: string): Promise<void> {
    if (this.#at !== undefined && this.#at.step !== step) {
      this.#failed = -1
      this.#next = undefined
    }
    const answered = this.#answered
    if (answered === undefined || answered.step === step) return
    this.#answered = undefined
    const { diary } = this.#options
    const { query, expires } = this.#query
    const { c1 = '' } = (await diary.of(query, answered.step)) ?? {}
    await diary.write(query, expires, answered.step, { number: answered.number, instance: answered.instance, c1, used: true })
  }

  /** @returns shares of the active holders; undefined when another attempt has taken this one's place */
  async #assist(own: Assisted, count: number): Promise<Uint8Array[][] | undefined> {
    const { step, attempt, holders } = this.#at!
    let { news } = this.#at!
    for (;;) {
      if (news.answered !== null && own.assist === 'refresh') {
        const shares = await this.#shares(news.answered, own, holders, count)
        this.#answered = { step, number: attempt.number, instance: own.instance }
        return shares
      }
      if (news.asked !== null) {
        await this.#endorse(news.asked, own, step, attempt.number)
        await delay(BREATH, this.#options.signal)
      }
      // The result is nothing to a witness; it stays in case its answers are none, until the query is over.
      news = await this.#news(step, attempt.number, news.answered !== null)
      if (news.attempt!.number === attempt.number) continue
      this.#failed = attempt.number
      this.#next = news
      return undefined
    }
  }

  /** @throws EndorsementRefusedError unless the evaluator asks for what this witness came to */
  async #endorse(asked: NonNullable<StepNews['asked']>, own: Assisted, step: string, number: number): Promise<void> {
    const { signer, diary, caller, signal, pause, onEndorsed, onEvent } = this.#options
    const { query, epoch, expires } = this.#query
    const request = { kind: 'request', ...own, instance: asked.instance, c1: asked.c1 } as const
    await checkStatement(epoch, this.#evaluator, request, asked.signature, signer, 'witness/step')
    const reason = `${own.assist} ${own.instance} is not what the signed keys, model and query come to`
    if (asked.instance !== own.instance) throw this.#refused('instance', own.instance, asked.instance, reason)
    if (asked.c1 !== own.c1) throw this.#refused('c1', own.c1, asked.c1, reason)
    const before = await diary.of(query, step)
    if (before?.instance === own.instance && before.c1 !== '' && before.c1 !== own.c1) {
      throw new InternalError({
        kind: 'witness',
        field: 'c1',
        expected: before.c1,
        actual: own.c1,
        reason: 'this witness came to something else before'
      })
    }
    await diary.write(query, expires, step, { number, instance: own.instance, c1: own.c1, used: before?.used ?? false })
    const signature = await signStatement(epoch, { kind: 'endorsement', ...own }, signer)
    const head = { query, step, instance: own.instance, signature }
    await callUntilThere(caller, { peer: this.#evaluator, kind: WITNESS_ENDORSE, head, signal, pause })
    onEndorsed()
    onEvent?.({ event: 'endorsed', query, protocol: own.assist, epoch, release: own.model, step, attempt: number })
  }

  /** Shares of the attempt, each signed by its holder over what was computed here. */
  async #shares(
    { shares, signatures }: NonNullable<StepNews['answered']>,
    own: Assisted,
    holders: readonly string[],
    count: number
  ): Promise<Uint8Array[][]> {
    const peer = this.#evaluator
    const { query, epoch } = this.#query
    const wrong = (field: string, expected: number, actual: number): MalformedMessageError =>
      new MalformedMessageError({ peer, kind: 'witness/step', field, expected: `${expected}`, actual: `${actual}` })
    if (shares.length !== holders.length) throw wrong('shares', holders.length, shares.length)
    if (signatures.length !== holders.length) throw wrong('signatures', holders.length, signatures.length)
    const all: Uint8Array[][] = []
    for (const [k, holder] of holders.entries()) {
      const names = shares[k]!
      if (names.length !== count) throw wrong(`shares[${k}]`, count, names.length)
      const statement = { kind: 'shares', ...own, shares: toHex(componentsHash(names.map(fromHex))) } as const
      try {
        await checkStatement(epoch, holder, statement, signatures[k]!, this.#options.signer, 'witness/step')
      } catch (error) {
        this.differs = true
        const expected = `a signature of ${holder} over its shares of what this witness came to`
        throw new SignatureError({ peer, kind: 'witness/step', field: `signatures[${k}]`, expected, culprit: peer }, { cause: error })
      }
      const ofHolder: Uint8Array[] = []
      for (const name of names) ofHolder.push(await fetched(query, name, peer, this.#options))
      all.push(ofHolder)
    }
    return all
  }

  /** Until there is more than what is known. */
  async #news(step: string, known: number, answered: boolean): Promise<StepNews> {
    const { caller, signal, pause, wait, onStep } = this.#options
    for (;;) {
      onStep(`waiting for the evaluator at ${step}`)
      const head = { query: this.#query.query, step, known, answered, wait }
      const { head: news } = await callUntilThere(caller, { peer: this.#evaluator, kind: WITNESS_STEP, head, signal, pause })
      if (news.over) {
        this.finished = true
        throw new Error('the query is over')
      }
      if (news.attempt === null) {
        await delay(BREATH, signal)
        continue
      }
      const { number } = news.attempt
      if (number > known || (number === known && !answered && (news.asked !== null || news.answered !== null))) return news
      const found = { peer: this.#evaluator, kind: 'witness/step', field: 'attempt.number' }
      throw new MalformedMessageError({ ...found, expected: `news of an attempt after ${known}`, actual: `${number}` })
    }
  }

  #refused(field: string, expected: string, actual: string, reason: string): EndorsementRefusedError {
    this.differs = true
    return new EndorsementRefusedError({
      peer: this.#evaluator,
      kind: 'witness',
      field,
      expected,
      actual,
      culprit: this.#evaluator,
      reason
    })
  }

  async #noted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.fault ??= error as Error
      throw error
    }
  }
}
