/**
 * A party that does nothing but ask, as a browser page is one: it hears of epochs, models and grants from the evaluator, checks them as everybody does, and asks. It
 * keeps nothing for others and helps with nothing.
 */

import { type Plan, parsePlan } from '../../terms/plan.js'
import type { RosterEntry } from '../../terms/roster.js'
import { rolesOf } from '../../terms/roster.js'
import type { Signer } from '../../terms/signer.js'
import type { Transport } from '../../wire/transport.js'
import { TransportCaller } from '../calls/caller.js'
import { Responder } from '../calls/responder.js'
import type { AskingCryptography } from '../cryptography/asking.js'
import { AskedEpochs } from '../epochs/asked.js'
import { Membership } from '../membership/membership.js'
import type { ServiceDocument } from '../objects/filing.js'
import { formerReleases, RELEASE, type Release, WITHDRAWAL } from '../objects/release.js'
import type { ReleasePolicy } from '../objects/release-check.js'
import { identify } from '../objects/signed.js'
import { ServiceClient } from '../queries/client.js'
import type { DocumentStore } from '../store/documents.js'
import type { RecordStore } from '../store/records.js'
import type { SecretStore } from '../store/secrets.js'
import { allOf, grantsFor } from './kept.js'

/** What a party that only asks is given. */
export interface AskingNodeOptions {
  readonly transport: Transport
  readonly signer: Signer
  /** Version that others are told. */
  readonly software: string
  /** Whom this party knows, itself not necessarily among them. */
  readonly roster: readonly RosterEntry[]
  readonly cryptography: AskingCryptography
  /** `secrets` holds seeds of result keys: sealed where it is durable. */
  readonly stores: { readonly documents: DocumentStore; readonly records: RecordStore; readonly secrets: SecretStore }
  /** What this party demands of a release. */
  readonly policy?: ReleasePolicy
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
  /** A document that was not here before. */
  onDocument?(kind: string, document: ServiceDocument): void
  /** An evaluator has been greeted, or is gone. */
  onPeer?(peer: string, state: 'up' | 'down', software?: string): void
  /** What was refused, or failed in the background. */
  onError?(error: Error, peer?: string): void
}

/** A model that may be asked. */
export interface AskableRelease {
  /** Its identifier. */
  readonly release: string
  /** As its owner has signed it. */
  readonly document: Release
  /** Parsed; it says shape, batch and what the outputs mean. */
  readonly plan: Plan
  /** Identifiers of this party's grants that are in force, best first. */
  readonly grants: readonly string[]
}

/** A querier and nothing else: learns what may be asked from evaluators, and asks through `client`. */
export class AskingNode {
  /** What queries are asked and followed through. */
  readonly client: ServiceClient
  readonly #options: AskingNodeOptions
  readonly #membership: Membership
  readonly #epochs: AskedEpochs
  /** Plans never change, and reading one takes a while. */
  readonly #plans = new Map<string, Plan>()

  private constructor(options: AskingNodeOptions) {
    this.#options = options
    const { transport, signer, software, roster, cryptography, stores, policy = {}, now = Date.now, onDocument, onPeer, onError } = options
    const { documents } = stores
    const { self } = transport
    const responder = new Responder({
      known: peer => rolesOf(roster, peer) !== undefined,
      onRefused: (error, peer) => onError?.(error, peer)
    })
    const caller = new TransportCaller(transport)
    this.#membership = new Membership({
      self,
      software,
      signer,
      transport,
      caller,
      documents,
      peers: () => roster.map(({ peer }) => peer).filter(peer => peer !== self),
      hasRole: (peer, role) => rolesOf(roster, peer)?.includes(role) ?? false,
      onDocument: (kind, { document }) => onDocument?.(kind, document),
      ...(onPeer === undefined ? {} : { onPeer }),
      onError: (error, peer) => onError?.(error, peer)
    })
    this.#epochs = new AskedEpochs({ self, caller, cryptography, documents, now })
    this.client = new ServiceClient({ ...stores, caller, signer, epochs: this.#epochs, policy, now })
    this.#membership.register(responder)
    responder.serve(transport)
    this.#membership.start()
  }

  /** Meets the evaluators of the roster, and goes on doing so until `stop`. */
  static start(options: AskingNodeOptions): AskingNode {
    return new AskingNode(options)
  }

  /** Models that are known here and not withdrawn, newest first. @throws the engine's errors for a plan that is none */
  async askable(): Promise<AskableRelease[]> {
    const { stores, transport, now = Date.now } = this.#options
    const { documents } = stores
    const withdrawn = new Set((await allOf(documents, WITHDRAWAL)).map(({ document }) => document.release))
    const books = {
      isRevoked: async (epoch: string, name: string) => (await documents.list({ kind: 'revocation', epoch, name })).length > 0
    }
    const found: AskableRelease[] = []
    for (const { document } of await allOf(documents, RELEASE)) {
      const release = identify(RELEASE, document)
      if ([release, ...formerReleases(document)].some(name => withdrawn.has(name))) continue
      const { epoch, owner, name: model } = document
      const grants = await grantsFor(books, documents, { sender: transport.self, epoch, owner, model, now: now() })
      found.push({ release, document, plan: this.#planOf(release, document), grants: grants.map(({ identifier }) => identifier) })
    }
    return found.sort((a, b) => b.document.created - a.document.created)
  }

  /** Fetches the key that samples are encrypted under and opens the release, so that the first query need not wait for it. */
  async prepare({ release }: AskableRelease): Promise<void> {
    await this.client.prepare(release)
  }

  /** Leaves; queries that are under way go on at their evaluators, and a later start takes them up. */
  async stop(): Promise<void> {
    await this.#membership.dispose()
    this.client.dispose()
    await this.#epochs.dispose()
  }

  #planOf(release: string, { plan }: Release): Plan {
    const known = this.#plans.get(release) ?? parsePlan(plan)
    this.#plans.set(release, known)
    return known
  }
}
