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
import type { Signer } from '../../terms/signer.js'
import type { Caller, CallOptions } from '../calls/caller.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { Holder } from '../objects/epoch.js'
import type { Grant } from '../objects/grant.js'
import type { Query } from '../objects/query.js'
import type { Release } from '../objects/release.js'
import { encodeSigned, type Signed } from '../objects/signed.js'
import { ANNOUNCE, REFRESH, SWITCH } from './calls.js'
import { type Assisted, checkStatement, computedOf, hashOf, signStatement } from './statements.js'

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

export type Answer = { readonly shares: readonly Uint8Array[] } | { readonly refusal: Refusal }

/** A holder that is under way elsewhere, or works from an old sharing, may be asked again under the next attempt. */
const CONFLICTS: ReadonlySet<string> = new Set(['share-conflict', 'stale-sharing', 'storage-full', 'internal'])

/** How long a holder may be without a connection where others could help in its place, milliseconds: what a connection takes to come back. */
const ABSENCE = 1_000

export interface AssistantsOptions {
  readonly caller: Caller
  readonly signer: Signer
  /** Milliseconds without a byte in either direction, after which a holder counts as absent. */
  readonly patience: number
}

export interface AskingHolders {
  readonly signal: AbortSignal
  /** Others could help in place of one that is not connected: it is not waited for. */
  readonly spare: boolean
}

export class Assistants {
  readonly #options: AssistantsOptions
  /** Queries that a holder was told of, as long as it is the same process. */
  readonly #told = new Map<string, Set<string>>()

  constructor(options: AssistantsOptions) {
    this.#options = options
  }

  /** Asks all holders of the attempt at once. */
  async ask(of: Announced, holders: readonly Holder[], request: AssistRequest, { signal, spare }: AskingHolders): Promise<Answer[]> {
    const { epoch } = of.query.document
    const { kind: assist, step, instance, c1 } = request
    const blobs = request.kind === 'refresh' ? [...c1, ...(request.masked ?? [])] : c1
    const assisted: Assisted = { assist, ...computedOf(of.query.document), step, instance, c1: await hashOf(blobs) }
    const signature = await signStatement(epoch, { kind: 'request', ...assisted }, this.#options.signer)
    return await together(holders, signal, async ({ peer }, inner) => {
      try {
        return { shares: await this.#askOne(of, peer, request, assisted, blobs, signature, { signal: inner, spare }) }
      } catch (error) {
        signal.throwIfAborted()
        return { refusal: refusalOf(peer, error) }
      }
    })
  }

  /** A holder is another process than before. */
  forget(peer: string): void {
    this.#told.delete(peer)
  }

  /** The query is over. */
  done(query: string): void {
    for (const told of this.#told.values()) told.delete(query)
  }

  async #askOne(
    of: Announced,
    peer: string,
    request: AssistRequest,
    assisted: Assisted,
    blobs: readonly Uint8Array[],
    signature: string,
    asking: AskingHolders
  ): Promise<readonly Uint8Array[]> {
    const { caller, signer } = this.#options
    const { query, epoch } = of.query.document
    const options = this.#callOptions(asking)
    const send = async () => {
      const { attempt, instance, level, c1 } = request
      const common = { query, attempt, instance, signature, level }
      if (request.kind === 'switch') return await caller.call(peer, SWITCH, { ...common, noise: request.noise }, blobs, options)
      const { step, scale, magnitude } = request
      return await caller.call(peer, REFRESH, { ...common, step, scale, magnitude, count: c1.length }, blobs, options)
    }
    await this.#tell(of, peer, options)
    let reply: Awaited<ReturnType<typeof send>>
    try {
      reply = await send()
    } catch (error) {
      // It may have been restarted, and know nothing of the query.
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
    return reply.blobs
  }

  #callOptions({ signal, spare }: AskingHolders): CallOptions {
    return { signal, patience: this.#options.patience, ...(spare ? { absence: ABSENCE } : {}) }
  }

  async #tell(of: Announced, peer: string, options: CallOptions): Promise<void> {
    const { caller } = this.#options
    const { query } = of.query.document
    const told = this.#told.get(peer) ?? new Set()
    if (told.has(query)) return
    const blobs = [encodeSigned(of.query), encodeSigned(of.grant), of.resultKey]
    const { head } = await caller.call(peer, ANNOUNCE, {}, blobs, options)
    if (head.needsRelease) await caller.call(peer, ANNOUNCE, {}, [...blobs, encodeSigned(of.release)], options)
    this.#told.set(peer, told.add(query))
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
