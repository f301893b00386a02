/**
 * Who is there, and that everybody has the documents that concern it. An evaluator greets whoever comes up: it takes what it lacks and gives what the other lacks;
 * what it gets it passes on, to those whom it concerns (concern.ts). A member that has made a document hands it to the evaluator, again and again until it is there.
 */
import { delay } from '../../base/concurrency.js'
import { VersionMismatchError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Role } from '../../terms/roster.js'
import type { Signer } from '../../terms/signer.js'
import type { Transport } from '../../wire/transport.js'
import type { Caller } from '../calls/caller.js'
import type { Responder } from '../calls/responder.js'
import { DOCUMENT_KINDS, type ServiceDocument } from '../objects/filing.js'
import { type DocumentKind, encodeSigned, identify, type Signed } from '../objects/signed.js'
import type { DocumentStore } from '../store/documents.js'
import { admit, isTold } from './admission.js'
import { DOCUMENTS_AT_ONCE, type DocumentName, GIVE, GREET, NAMES_AT_ONCE, OFFER } from './calls.js'
import { concerns } from './concern.js'

/** Raised with every change of calls or documents that an older party would not understand. */
const SERVICE_VERSION = 2
const RETRY = [500, 1_000, 2_000, 5_000, 10_000, 30_000] as const

/** What membership is given. `self` and peers are peer ids. */
export interface MembershipOptions {
  readonly self: string
  /** Version that others are told, for people to read. */
  readonly software: string
  readonly signer: Signer
  readonly transport: Pick<Transport, 'onPeerChange'>
  readonly caller: Caller
  readonly documents: DocumentStore
  /** Peers that this party may hear of now, itself not among them. */
  peers(): readonly string[]
  /** Of the roster at present. */
  hasRole(peer: string, role: Role): boolean
  /** A document that was not here before. */
  onDocument?(kind: string, signed: Signed<ServiceDocument>): void
  /** A peer has been greeted, with the version of its software, or is gone. */
  onPeer?(peer: string, state: 'up' | 'down', software?: string): void
  /** What a peer has sent and was refused, or why it could not be greeted. */
  onError?(error: Error, peer: string): void
}

/** Who is there, and the exchange of documents: evaluators are hubs, others meet only them. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #up = new Map<string, string>()
  readonly #abort = new AbortController()
  readonly #greeting = new Map<string, Promise<void>>()
  /** Peers that came back while they were being greeted, perhaps over the connection that was lost. */
  readonly #back = new Set<string>()
  /** By peer, what is still to be handed to it. */
  readonly #owed = new Map<string, Map<string, Uint8Array>>()
  readonly #handing = new Map<string, Promise<void>>()
  #unsubscribe: (() => void) | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Registers greetings, and giving and taking documents. */
  register(responder: Responder): void {
    const { software } = this.#options
    const anybody = (): undefined => undefined
    responder.on(GREET, anybody, async ({ head }, { peer }) => {
      this.#checkVersion(head.service, peer)
      this.#isUp(peer, head.software)
      // Whoever greets is greeted: what the two hold is compared at the evaluator.
      if (this.#isHub) this.#greet(peer)
      return { head: { software, service: SERVICE_VERSION, held: await this.#held() } }
    })
    responder.on(GIVE, anybody, async ({ head }, { peer }) => {
      const documents = await this.#read(head.names, peer)
      return { head: { kinds: documents.map(({ kind }) => kind) }, blobs: documents.map(({ bytes }) => bytes) }
    })
    responder.on(OFFER, anybody, async ({ head, blobs }, { peer }) => {
      const refused: { index: number; reason: string }[] = []
      for (const [index, bytes] of blobs.entries()) {
        try {
          await this.#take(head.kinds[index] ?? '', bytes, peer)
        } catch (error) {
          const typed = translateError(error, { peer })
          this.#options.onError?.(typed, peer)
          refused.push({ index, reason: typed.message.slice(0, 600) })
        }
      }
      return { head: { refused } }
    })
  }

  /** Begins to greet who is there and who comes. */
  start(): void {
    const { transport } = this.#options
    this.#unsubscribe = transport.onPeerChange((peer, state) => {
      if (state === 'down') {
        if (this.#up.delete(peer)) this.#options.onPeer?.(peer, 'down')
        return
      }
      if (this.#meets(peer)) this.#greet(peer)
    })
    this.reload()
  }

  /** Whether a peer was heard of and not lost since. */
  isUp(peer: string): boolean {
    return peer === this.#options.self || this.#up.has(peer)
  }

  /** Version of a peer's software; undefined while it is not up. */
  softwareOf(peer: string): string | undefined {
    return this.#up.get(peer)
  }

  /** Peers of a roster that has changed. */
  reload(): void {
    for (const peer of this.#options.peers()) if (this.#meets(peer)) this.#greet(peer)
  }

  get #isHub(): boolean {
    return this.#options.hasRole(this.#options.self, 'evaluator')
  }

  /** Evaluators meet everybody, everybody meets evaluators. */
  #meets(peer: string): boolean {
    return this.#isHub || this.#options.hasRole(peer, 'evaluator')
  }

  /** A document of this party's own: kept, and handed to those who must have it. */
  async publish<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>): Promise<void> {
    const { documents, self, hasRole, peers } = this.#options
    await documents.put(kind, signed)
    const others = hasRole(self, 'evaluator') ? peers() : peers().filter(peer => hasRole(peer, 'evaluator'))
    await this.#spread(kind, signed, others)
  }

  /** Stops greeting and handing over; waits for what is under way. */
  async dispose(): Promise<void> {
    this.#unsubscribe?.()
    this.#abort.abort(new Error('closed'))
    await Promise.allSettled([...this.#greeting.values(), ...this.#handing.values()])
  }

  async #spread<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>, peers: readonly string[]): Promise<void> {
    const name = `${kind.kind} ${identify(kind, signed.document)}`
    const bytes = encodeSigned(signed)
    for (const peer of peers) if (await concerns(signed.document, peer, this.#options)) this.#owe(peer, name, bytes)
  }

  #owe(peer: string, name: string, bytes: Uint8Array): void {
    const owed = this.#owed.get(peer) ?? new Map<string, Uint8Array>()
    this.#owed.set(peer, owed.set(name, bytes))
    this.#hand(peer)
  }

  /**
   * Hands a peer what it is owed, until it has it or is gone; when it comes back, what is left. Not while it is being greeted: what it lacks is not known yet, and a
   * grant that came before the epoch it is of would be refused, and not owed again.
   */
  #hand(peer: string): void {
    if (this.#handing.has(peer) || this.#greeting.has(peer) || this.#abort.signal.aborted) return
    const owed = this.#owed.get(peer)
    if (owed === undefined || owed.size === 0) return
    const work = this.#handAll(peer, owed).then(paused => {
      this.#handing.delete(peer)
      if (paused) this.#hand(peer)
    })
    this.#handing.set(peer, work)
  }

  /** @returns whether it has stopped for a greeting */
  async #handAll(peer: string, owed: Map<string, Uint8Array>): Promise<boolean> {
    const { caller, onError } = this.#options
    const { signal } = this.#abort
    for (let tries = 0; owed.size > 0 && !signal.aborted; ) {
      if (this.#greeting.has(peer)) return true
      const some = inOrder([...owed].map(([name, bytes]) => ({ kind: name.split(' ')[0]!, name, bytes }))).slice(0, DOCUMENTS_AT_ONCE)
      try {
        const kinds = some.map(({ kind }) => kind)
        await caller.call(
          peer,
          OFFER,
          { kinds },
          some.map(({ bytes }) => bytes),
          { signal }
        )
        // What it refuses it is not owed any more: it has said why, and its own log has it.
        // One that was owed again meanwhile is: it may have been refused for what has come since.
        for (const { name, bytes } of some) if (owed.get(name) === bytes) owed.delete(name)
        tries = 0
      } catch (error) {
        if (signal.aborted) return false
        onError?.(translateError(error, { peer }), peer)
        await delay(RETRY[Math.min(tries++, RETRY.length - 1)]!, signal).catch(() => undefined)
        if (tries > RETRY.length) return false
      }
    }
    return false
  }

  #greet(peer: string): void {
    if (this.#abort.signal.aborted) return
    if (this.#greeting.has(peer)) {
      this.#back.add(peer)
      return
    }
    const work = this.#greetUntilHeard(peer).then(heard => {
      this.#greeting.delete(peer)
      if (this.#back.delete(peer) && !heard) this.#greet(peer)
      this.#hand(peer)
    })
    this.#greeting.set(peer, work)
  }

  /** @returns whether all of it went well */
  async #greetUntilHeard(peer: string): Promise<boolean> {
    const { caller, software, onError } = this.#options
    const { signal } = this.#abort
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const { head } = await caller.call(peer, GREET, { software, service: SERVICE_VERSION }, [], { signal, patience: 15_000 })
        this.#checkVersion(head.service, peer)
        this.#isUp(peer, head.software)
        if (this.#isHub) await this.#compare(peer, head.held, signal)
        return true
      } catch (error) {
        if (signal.aborted) return false
        const typed = translateError(error, { peer })
        // Nobody there: news of it comes from the transport.
        if (typed.code === 'peer-unreachable') return false
        onError?.(typed, peer)
        if (tries >= RETRY.length) return false
        await delay(RETRY[tries]!, signal).catch(() => undefined)
      }
    }
    return false
  }

  /** Takes what is lacking here, then gives what is lacking there. */
  async #compare(peer: string, held: readonly DocumentName[], signal: AbortSignal): Promise<void> {
    const { caller, onError } = this.#options
    const own = new Set((await this.#held()).map(nameOf))
    const theirs = new Set(held.map(nameOf))
    const lacking = inOrder(held.filter(name => isTold(name.kind) && !own.has(nameOf(name))))
    for (let k = 0; k < lacking.length; k += DOCUMENTS_AT_ONCE) {
      const names = lacking.slice(k, k + DOCUMENTS_AT_ONCE)
      const { head, blobs } = await caller.call(peer, GIVE, { names }, [], { signal })
      for (const [i, bytes] of blobs.entries()) {
        await this.#take(head.kinds[i] ?? '', bytes, peer).catch(error => onError?.(translateError(error, { peer }), peer))
      }
    }
    const missing = inOrder((await this.#held()).filter(name => !theirs.has(nameOf(name))))
    for (const { kind, bytes, identifier } of await this.#read(missing, peer)) this.#owe(peer, `${kind} ${identifier}`, bytes)
  }

  async #take(kindName: string, bytes: Uint8Array, peer: string): Promise<void> {
    const { self, hasRole, peers, onDocument } = this.#options
    const { kind, signed, outcome } = await admit(kindName, bytes, peer, this.#options)
    if (outcome === 'known') return
    onDocument?.(kind.kind, signed)
    if (!hasRole(self, 'evaluator')) return
    await this.#spread(
      kind,
      signed,
      peers().filter(other => other !== peer && this.isUp(other))
    )
  }

  async #held(): Promise<DocumentName[]> {
    const names = await this.#options.documents.list({})
    return names
      .filter(({ kind }) => isTold(kind))
      .slice(-NAMES_AT_ONCE)
      .map(({ kind, identifier }) => ({ kind, identifier }))
  }

  /** Those of them that are here and concern a peer. */
  async #read(names: readonly DocumentName[], peer: string): Promise<{ kind: string; identifier: string; bytes: Uint8Array }[]> {
    const found: { kind: string; identifier: string; bytes: Uint8Array }[] = []
    for (const { kind: name, identifier } of names) {
      const kind = DOCUMENT_KINDS.find(({ kind: other }) => other === name)
      if (kind === undefined || !isTold(name)) continue
      const signed = await this.#options.documents.get(kind, identifier)
      if (signed === undefined || !(await concerns(signed.document, peer, this.#options))) continue
      found.push({ kind: name, identifier, bytes: encodeSigned(signed) })
    }
    return found
  }

  #isUp(peer: string, software: string): void {
    const before = this.#up.has(peer)
    this.#up.set(peer, software)
    if (!before) this.#options.onPeer?.(peer, 'up', software)
    this.#hand(peer)
  }

  #checkVersion(service: number, peer: string): void {
    if (service === SERVICE_VERSION) return
    throw new VersionMismatchError({
      peer,
      kind: 'members/greet',
      field: 'service',
      expected: `${SERVICE_VERSION}`,
      actual: `${service}`,
      remedy: service > SERVICE_VERSION ? 'Update this party.' : `Update ${peer}.`
    })
  }
}

const nameOf = ({ kind, identifier }: DocumentName): string => `${kind} ${identifier}`

/** Kinds that others refer to come first. */
function inOrder<T extends Pick<DocumentName, 'kind'>>(names: readonly T[]): T[] {
  const place = new Map(DOCUMENT_KINDS.map(({ kind }, k) => [kind, k]))
  return [...names].sort((a, b) => (place.get(a.kind) ?? 0) - (place.get(b.kind) ?? 0))
}
