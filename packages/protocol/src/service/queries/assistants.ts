/**
 * The evaluator's way to the key holders: tells a holder of a query before it asks it, signs what it asks, and checks whose answer came back. What a failure means
 * for the query is decided here (`Refusal`), what happens next elsewhere (assisted.ts).
 */
import { together } from '../../base/concurrency.js'
import {
  DeadlineExceededError,
  MalformedMessageError,
  PeerUnreachableError,
  type ProtocolError,
  RemoteFailureError
} from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { EndorsementDemand } from '../../terms/policy.js'
import type { Signer } from '../../terms/signer.js'
import type { Caller, CallOptions } from '../calls/caller.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { Holder } from '../objects/epoch.js'
import type { Grant } from '../objects/grant.js'
import type { Query } from '../objects/query.js'
import type { Release } from '../objects/release.js'
import { encodeSigned, type Signed } from '../objects/signed.js'
import { ANNOUNCE, REFRESH, SWITCH } from './calls.js'
import { JointRequests } from './joint-requests.js'
import { type Assisted, checkStatement, computedOf, hashOf, signStatement } from './statements.js'
import type { Endorsement } from './witness-desk.js'

/** What holders are told of a query. */
export interface Announced {
  readonly query: Signed<Query>
  readonly grant: Signed<Grant>
  readonly release: Signed<Release>
  readonly resultKey: Uint8Array
}

export type AssistRequest =
  | {
      readonly kind: 'refresh'
      readonly attempt: AttemptName
      readonly instance: string
      readonly step: number
      readonly level: number
      readonly scale: number
      readonly magnitude: number
      readonly c1: readonly Uint8Array[]
      /** Where one party holds the whole key. */
      readonly masked?: readonly Uint8Array[]
    }
  | {
      readonly kind: 'switch'
      readonly attempt: AttemptName
      readonly instance: string
      /** The one after the plan's last. */
      readonly step: number
      readonly level: number
      readonly noise: number
      readonly c1: readonly Uint8Array[]
    }

/**
 * Why a holder gave nothing. `absent`: nobody answered; `conflict`: not under this attempt, perhaps under another; `refused`: it does not help with this query;
 * `bad`: what it gave is none.
 */
export interface Refusal {
  readonly peer: string
  readonly why: 'absent' | 'conflict' | 'refused' | 'bad'
  readonly error: ProtocolError
}

/** `signature`: the holder's, under its shares; hexadecimal. */
export type Answer = { readonly shares: readonly Uint8Array[]; readonly signature: string } | { readonly refusal: Refusal }

/** A holder that is under way elsewhere, or works from an old sharing, may be asked again under the next attempt. */
const CONFLICTS: ReadonlySet<string> = new Set(['share-conflict', 'stale-sharing', 'storage-full', 'internal', 'not-endorsed'])

/** What a holder is sent. */
interface SignedRequest {
  readonly request: AssistRequest
  readonly assisted: Assisted
  readonly blobs: readonly Uint8Array[]
  readonly signature: string
  readonly endorsements: readonly Endorsement[]
}

/** How long a holder may be without a connection where others could help in its place, milliseconds: what a connection takes to come back. */
const ABSENCE = 1_000

export interface AssistantsOptions {
  readonly caller: Caller
  readonly signer: Signer
  /** Milliseconds without a byte in either direction, after which a holder counts as absent. */
  readonly patience: number
  /** How long a request waits for those of other queries, milliseconds. */
  readonly window: number
}

export interface AskingHolders {
  readonly signal: AbortSignal
  /** Others could help in place of one that is not connected: it is not waited for. */
  readonly spare: boolean
  /** Has witnesses endorse what is asked, under this party's signature, as the holders demand. */
  endorse(assisted: Assisted, signature: string, demands: readonly EndorsementDemand[]): Promise<Endorsement[]>
}

export class Assistants {
  readonly #options: AssistantsOptions
  readonly #joint: JointRequests
  /** Queries that a holder was told of, as long as it is the same process, and what it demands of their requests. */
  readonly #told = new Map<string, Map<string, EndorsementDemand>>()

  constructor(options: AssistantsOptions) {
    this.#options = options
    this.#joint = new JointRequests(options)
  }

  /**
   * Tells all holders of the attempt of the query, has witnesses endorse what they want to see endorsed, and asks them at once.
   * @returns answers of all holders in their order, or refusals of some
   */
  async ask(
    of: Announced,
    holders: readonly Holder[],
    request: AssistRequest,
    { signal, spare, endorse }: AskingHolders
  ): Promise<Answer[]> {
    const { epoch } = of.query.document
    const { kind: assist, step, instance, c1 } = request
    const blobs = request.kind === 'refresh' ? [...c1, ...(request.masked ?? [])] : c1
    const assisted: Assisted = { assist, ...computedOf(of.query.document), step, instance, c1: await hashOf(blobs) }
    const signature = await signStatement(epoch, { kind: 'request', ...assisted }, this.#options.signer)
    const orRefusal = async <T>(peer: string, work: () => Promise<T>): Promise<T | { readonly refusal: Refusal }> => {
      try {
        return await work()
      } catch (error) {
        signal.throwIfAborted()
        return { refusal: refusalOf(peer, error) }
      }
    }
    const demands = await together(
      holders,
      signal,
      async ({ peer }, inner) => await orRefusal(peer, async () => await this.#tell(of, peer, this.#callOptions(inner, spare)))
    )
    const refusals = demands.filter(demand => 'refusal' in demand)
    if (refusals.length > 0) return refusals
    const endorsements = await endorse(assisted, signature, demands as EndorsementDemand[])
    return await together(
      holders,
      signal,
      async ({ peer }, inner) =>
        await orRefusal(
          peer,
          async () => await this.#askOne(of, peer, { request, assisted, blobs, signature, endorsements }, this.#callOptions(inner, spare))
        )
    )
  }

  /** A holder is another process than before. */
  forget(peer: string): void {
    this.#told.delete(peer)
  }

  /** The query is over. */
  done(query: string): void {
    for (const told of this.#told.values()) told.delete(query)
    this.#joint.done(query)
  }

  async #askOne(
    of: Announced,
    peer: string,
    { request, assisted, blobs, signature, endorsements }: SignedRequest,
    options: CallOptions
  ): Promise<{ readonly shares: readonly Uint8Array[]; readonly signature: string }> {
    const { signer } = this.#options
    const { query, epoch } = of.query.document
    const send = async () => {
      const { attempt, instance, level, c1 } = request
      const common = { query, attempt, instance, signature, endorsements: [...endorsements], level }
      const to = { peer, query, blobs }
      if (request.kind === 'switch') {
        return await this.#joint.ask({ ...to, kind: SWITCH, head: { ...common, noise: request.noise } }, options)
      }
      const { step, scale, magnitude } = request
      return await this.#joint.ask({ ...to, kind: REFRESH, head: { ...common, step, scale, magnitude, count: c1.length } }, options)
    }
    await this.#tell(of, peer, options)
    let reply: Awaited<ReturnType<typeof send>>
    try {
      reply = await send()
    } catch (error) {
      // It may have been restarted, and know nothing of the query, or want more endorsements than it did.
      if (error instanceof RemoteFailureError && error.remote.code === 'not-endorsed') this.forget(peer)
      if (!(error instanceof RemoteFailureError && error.remote.code === 'out-of-order-message')) throw error
      this.forget(peer)
      await this.#tell(of, peer, options)
      reply = await send()
    }
    if (reply.blobs.length !== request.c1.length) {
      throw new MalformedMessageError({
        peer,
        kind: request.kind,
        field: 'shares',
        expected: `${request.c1.length}`,
        actual: `${reply.blobs.length}`
      })
    }
    await checkStatement(
      epoch,
      peer,
      { kind: 'shares', ...assisted, shares: await hashOf(reply.blobs) },
      reply.head.signature,
      signer,
      request.kind
    )
    return { shares: reply.blobs, signature: reply.head.signature }
  }

  #callOptions(signal: AbortSignal, spare: boolean): CallOptions {
    return { signal, patience: this.#options.patience, ...(spare ? { absence: ABSENCE } : {}) }
  }

  /** @returns what it wants to see endorsed of the query */
  async #tell(of: Announced, peer: string, options: CallOptions): Promise<EndorsementDemand> {
    const { caller } = this.#options
    const { query } = of.query.document
    const told = this.#told.get(peer) ?? new Map<string, EndorsementDemand>()
    const known = told.get(query)
    if (known !== undefined) return known
    const blobs = [encodeSigned(of.query), encodeSigned(of.grant), of.resultKey]
    let { head } = await caller.call(peer, ANNOUNCE, {}, blobs, options)
    if (head.needsRelease) head = (await caller.call(peer, ANNOUNCE, {}, [...blobs, encodeSigned(of.release)], options)).head
    const { witnesses, from } = head
    const demand = from === null ? { witnesses } : { witnesses, from }
    this.#told.set(peer, told.set(query, demand))
    return demand
  }
}

function refusalOf(peer: string, error: unknown): Refusal {
  if (error instanceof PeerUnreachableError || error instanceof DeadlineExceededError) return { peer, why: 'absent', error }
  if (error instanceof RemoteFailureError) {
    const { code } = error.remote
    return { peer, why: CONFLICTS.has(code) ? 'conflict' : 'refused', error: error.remote }
  }
  return { peer, why: 'bad', error: translateError(error, { peer }) }
}
