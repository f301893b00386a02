/**
 * What one running query asks of the key holders: under which attempt, of whom, and what was answered. Every attempt is in the journal before the first holder is
 * asked, and every answer before it is used, so that an evaluator that was killed comes to the same attempts and the same shares.
 */
import type { EvaluationProgress } from '../../cryptography/evaluator.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../../cryptography/key-holder.js'
import { build } from '../../errors/build.js'
import { type ProtocolError, QuotaExceededError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { switchStep } from '../../terms/instances.js'
import type { Plan, StepReport } from '../../terms/plan.js'
import type { EndorsementDemand } from '../../terms/policy.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { OpenEpoch } from '../cryptography/open-epoch.js'
import type { Attempted, ReleaseCallbacks, Resumed } from '../cryptography/release.js'
import type { Holder } from '../objects/epoch.js'
import { type ContentStore, querySpace } from '../store/content-store.js'
import type { ActiveSets } from './active-set.js'
import type { Announced, Answer, Assistants, AssistRequest, Refusal } from './assistants.js'
import type { QueryPhase } from './events.js'
import type { AttemptRecord, QueryJournal } from './journal.js'
import { ATTEMPTS, attemptQuery } from './names.js'
import type { Presence } from './presence.js'
import { keepRefreshed, keptRefreshed, REFRESHED_BYTES } from './refreshed.js'
import type { Assisted } from './statements.js'
import type { Endorsement, WitnessDesk } from './witness-desk.js'

/** Conflicts with one holder in one query, after which it is not asked any more. */
const CONFLICTS = 3

export interface AssistedQueryOptions {
  readonly journal: QueryJournal
  readonly contents: ContentStore
  readonly assistants: Assistants
  readonly witnesses: WitnessDesk
  readonly sets: ActiveSets
  readonly presence: Presence
  readonly epoch: OpenEpoch
  readonly announced: Announced
  readonly plan: Plan
  readonly signal: AbortSignal
  onPhase(phase: QueryPhase, seconds: number): void
  onProgress(progress: EvaluationProgress): void
  onStep(report: StepReport): void
  /** Whether nothing is done until key holders are back. */
  onWaiting(waiting: boolean): void
}

type Given = Extract<Answer, { readonly shares: unknown }>

export class AssistedQuery implements ReleaseCallbacks {
  readonly #options: AssistedQueryOptions
  readonly #query: string
  /** Holders that do not help with this query, and why. */
  readonly #without = new Map<string, ProtocolError>()
  readonly #conflicts = new Map<string, number>()
  #active: readonly number[] = []

  constructor(options: AssistedQueryOptions) {
    this.#options = options
    this.#query = options.announced.query.document.query
  }

  async attempt(step: string): Promise<AttemptName> {
    const { epoch, sets, presence, signal } = this.#options
    for (;;) {
      signal.throwIfAborted()
      const attempts = this.#attempts(step)
      const last = attempts.at(-1)
      if (last !== undefined && last.state !== 'failed') {
        this.#active = last.name.active
        return last.name
      }
      if (attempts.length >= ATTEMPTS) {
        throw new QuotaExceededError({ kind: 'query', field: 'attempts', reason: last?.reason ?? '', remedy: 'Ask the query again.' })
      }
      const record = epoch.sharing()
      const { generation, lineage, threshold, holders } = record
      const active = sets.choose(record, new Set(this.#without.keys()), this.#active)
      if (active === undefined) {
        const willing = holders.filter(({ peer }) => !this.#without.has(peer))
        // They will not change their minds.
        if (willing.length < threshold) throw this.#refused()
        await this.#wait(holders.filter(({ peer }) => !presence.isUp(peer)))
        continue
      }
      const sharing = { generation, lineage, threshold, points: holders.map(({ point }) => point) }
      const query = attemptQuery(this.#options.announced.query.document)
      const name = { sharing, query, step, number: attempts.length, active }
      await this.#write(step, [...attempts, { name, state: 'asked', answers: [], signatures: [], reason: '' }])
      this.#active = active
      return name
    }
  }

  async refresh(request: Attempted<RefreshRequest>): Promise<Uint8Array[][] | undefined> {
    return await this.#answers({ kind: 'refresh', ...request })
  }

  async switchShares(request: Attempted<SwitchRequest>): Promise<Uint8Array[][] | undefined> {
    return await this.#answers({ kind: 'switch', step: switchStep(this.#options.plan), ...request })
  }

  async refreshWhole(request: Attempted<RefreshWholeRequest>): Promise<Uint8Array[] | undefined> {
    return (await this.#answers({ kind: 'refresh', ...request }))?.[0]
  }

  async switchWhole(request: Attempted<SwitchRequest>): Promise<Uint8Array[] | undefined> {
    return (await this.switchShares(request))?.[0]
  }

  async rejected({ step, active, sharing }: AttemptName, point: number, reason: string): Promise<void> {
    const holder = this.#holders(active, sharing.points).find(known => known.point === point)
    if (holder !== undefined) {
      this.#without.set(holder.peer, build('malformed-message', { peer: holder.peer, kind: 'query', field: 'share', reason }))
    }
    await this.#fail(step, `answer of holder ${point}: ${reason}`)
  }

  async keep(pass: number, step: number, ciphertexts: Uint8Array[]): Promise<void> {
    const { journal, contents } = this.#options
    await keepRefreshed(this.#query, { pass, step, ciphertexts }, journal, contents, REFRESHED_BYTES)
  }

  async kept(pass: number): Promise<Resumed | undefined> {
    const { journal, contents } = this.#options
    return await keptRefreshed(this.#query, pass, journal, contents)
  }

  async resultKey(): Promise<Uint8Array> {
    // A copy: it may be moved to another thread.
    return this.#options.announced.resultKey.slice()
  }

  progress(progress: EvaluationProgress): void {
    this.#options.onProgress(progress)
  }

  step(report: StepReport): void {
    this.#options.onStep(report)
  }

  /** @returns undefined when the attempt has failed */
  async #answers(request: AssistRequest): Promise<Uint8Array[][] | undefined> {
    const { assistants, announced, sets, epoch, signal, onPhase } = this.#options
    const { step, active, sharing } = request.attempt
    const known = await this.#kept(step)
    if (known !== undefined) return known
    const holders = this.#holders(active, sharing.points)
    if (holders.length < active.length) return await this.#fail(step, 'the sharing has changed')
    for (;;) {
      const spare = sets.spare(epoch.sharing(), new Set(this.#without.keys()))
      let asked = performance.now()
      const answers = await assistants.ask(announced, holders, request, {
        signal,
        spare,
        endorse: async (...of) => {
          const endorsements = await this.#endorsed(step, ...of)
          if (epoch.record.proposal.witnesses.length > 0) onPhase('witnesses', (performance.now() - asked) / 1000)
          asked = performance.now()
          return endorsements
        }
      })
      onPhase(request.kind, (performance.now() - asked) / 1000)
      const refusals = answers.flatMap((answer: Answer) => ('refusal' in answer ? [answer.refusal] : []))
      if (refusals.length === 0) return await this.#keep(step, answers as Given[])
      for (const refusal of refusals) this.#note(refusal)
      const reason = refusals
        .map(({ peer, error }) => `${peer}: ${error.message}`)
        .join('; ')
        .slice(0, 1000)
      if (refusals.some(({ why }) => why !== 'absent')) return await this.#fail(step, reason)
      // Others may do it; where nobody else is there, the same is asked again when they are back.
      if (sets.enough(epoch.sharing(), new Set(this.#without.keys()))) return await this.#fail(step, reason)
      await this.#wait(holders.filter(({ peer }) => refusals.some(refusal => refusal.peer === peer)))
    }
  }

  /** Endorsements of what holders are about to be asked; while they are waited for, others may be served. */
  async #endorsed(step: string, assisted: Assisted, signature: string, demands: readonly EndorsementDemand[]): Promise<Endorsement[]> {
    const { witnesses, announced, signal, onProgress, onWaiting } = this.#options
    const { epoch } = announced.query.document
    try {
      return await witnesses.endorsements({ epoch, step, assisted, signature }, demands, signal, text => {
        onProgress({ done: 0, total: 0, step: text })
        onWaiting(true)
      })
    } finally {
      onWaiting(false)
    }
  }

  #note({ peer, why, error }: Refusal): void {
    if (why === 'absent') this.#options.presence.missed(peer)
    if (why === 'conflict') {
      const conflicts = (this.#conflicts.get(peer) ?? 0) + 1
      this.#conflicts.set(peer, conflicts)
      if (conflicts >= CONFLICTS) this.#without.set(peer, error)
    }
    if (why === 'refused' || why === 'bad') this.#without.set(peer, error)
  }

  /** What was answered before; undefined when it was not, or is damaged, and is asked for again. */
  async #kept(step: string): Promise<Uint8Array[][] | undefined> {
    const last = this.#attempts(step).at(-1)
    if (last?.state !== 'answered') return undefined
    const space = querySpace(this.#query)
    const kept = await Promise.all(
      last.answers.map(async ofHolder => await Promise.all(ofHolder.map(async name => await this.#options.contents.get(space, name))))
    )
    return kept.every(ofHolder => ofHolder.every(bytes => bytes !== undefined)) ? (kept as Uint8Array[][]) : undefined
  }

  async #keep(step: string, answers: readonly Given[]): Promise<Uint8Array[][]> {
    const space = querySpace(this.#query)
    const names: string[][] = []
    for (const { shares } of answers) {
      const ofHolder: string[] = []
      for (const share of shares) ofHolder.push(await this.#options.contents.put(space, share))
      names.push(ofHolder)
    }
    await this.#replace(step, { state: 'answered', answers: names, signatures: answers.map(({ signature }) => signature) })
    return answers.map(({ shares }) => shares.map(share => share.slice()))
  }

  async #fail(step: string, reason: string): Promise<undefined> {
    await this.#replace(step, { state: 'failed', reason: reason.slice(0, 1000) })
  }

  async #replace(step: string, change: Partial<AttemptRecord>): Promise<void> {
    const attempts = this.#attempts(step)
    await this.#write(step, [...attempts.slice(0, -1), { ...attempts.at(-1)!, ...change }])
  }

  #attempts(step: string): readonly AttemptRecord[] {
    return this.#options.journal.get(this.#query)?.attempts[step] ?? []
  }

  async #write(step: string, attempts: readonly AttemptRecord[]): Promise<void> {
    // Other passes write theirs meanwhile.
    await this.#options.journal.change(this.#query, record => ({ attempts: { ...record.attempts, [step]: attempts } }))
  }

  /** In the order of the active points. Fewer than those when the sharing has changed. */
  #holders(active: readonly number[], points: readonly number[]): Holder[] {
    const { holders } = this.#options.epoch.sharing()
    if (holders.length !== points.length) return []
    return active.flatMap(point => holders.filter(holder => holder.point === point))
  }

  #refused(): ProtocolError {
    const [[peer, error]] = [...this.#without] as [[string, ProtocolError]]
    return translateError(error, { peer })
  }

  /** Until there is news of anybody. */
  async #wait(holders: readonly Holder[]): Promise<void> {
    const { presence, signal, onProgress, onWaiting, onPhase } = this.#options
    const since = performance.now()
    onProgress({ done: 0, total: 0, step: `waiting for key holders: ${holders.map(({ peer }) => peer).join(', ')}` })
    onWaiting(true)
    try {
      await presence.change(signal)
    } finally {
      onWaiting(false)
      onPhase('absence', (performance.now() - since) / 1000)
    }
  }
}
