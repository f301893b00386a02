/**
 * A key holder's side of queries. It helps with what it was told of and has checked in full: a query signed by its sender, under a grant of the model's owner, of a
 * release that is in the epoch; asked by the epoch's evaluator, under its signature, for the sharing that is current; within what the plan foresees, the grant and the
 * epoch allow. A request that comes again is answered with the same bytes.
 */
import {
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  QuotaExceededError,
  ReleaseRefusedError
} from '../../errors/errors.js'
import { demandEndorsements } from '../../terms/endorsements.js'
import { passCount, switchStep } from '../../terms/instances.js'
import { outputCount, type Plan, refreshedCount } from '../../terms/plan.js'
import type { EndorsementDemand } from '../../terms/policy.js'
import type { Signer } from '../../terms/signer.js'
import type { CallContext, Responder } from '../calls/responder.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import type { ReleaseCryptography } from '../cryptography/release.js'
import type { EpochRecord } from '../objects/epoch.js'
import { GRANT, type Grant } from '../objects/grant.js'
import { QUERY, type Query } from '../objects/query.js'
import { checkQuery } from '../objects/query-check.js'
import { RELEASE, type Release } from '../objects/release.js'
import { checkRelease, type ReleasePolicy } from '../objects/release-check.js'
import { checkInForce } from '../objects/sharing-check.js'
import { checkSigned, decodeSigned } from '../objects/signed.js'
import { demandIn, policyIn, witnessRoster } from '../objects/witness-demand.js'
import type { DocumentShelf } from '../store/shelf.js'
import type { QueryBooks } from './books.js'
import { ANNOUNCE, REFRESH, SWITCH } from './calls.js'
import type { ServiceListener } from './events.js'
import { answerTogether } from './joint-call.js'
import { ATTEMPTS, attemptQuery, RESULT_STEP, refreshStep } from './names.js'
import { type Assisted, checkStatement, computedOf, hashOf, signStatement } from './statements.js'

/** Queries that a holder remembers, those that were asked for last, each with its querier's key, a megabyte or more. It is told again of the others. */
const REMEMBERED = 16
/** Releases whose plans are at hand. */
const RELEASES = 8

/** What a key holder's part in queries is given. */
export interface QueryHolderOptions {
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  /** What is counted before anything is given. */
  readonly books: QueryBooks
  /** What this party demands of a release before it helps with it. */
  readonly policy?: ReleasePolicy
  /** Told of queries that are admitted, and shares that are given. */
  readonly onEvent?: ServiceListener
  /** Whether a peer is a witness of the roster; all are when not given. */
  witness?(peer: string): boolean
  /** That a moved release is what comes of its move. @throws ReleaseRefusedError and the like */
  checkMoved?(release: Release, peer: string): Promise<void>
}

interface Known {
  readonly query: Query
  readonly grant: Grant
  readonly resultKey: Uint8Array
  readonly evaluator: string
}

interface KnownRelease {
  readonly document: Release
  readonly plan: Plan
  readonly cryptography: ReleaseCryptography
}

/** A key holder's part in queries: checks what is announced, demands endorsements, counts, gives shares and signs them. */
export class QueryHolder {
  readonly #options: QueryHolderOptions
  /** Those used last come last. */
  readonly #queries = new Map<string, Known>()
  readonly #releases = new Map<string, Promise<KnownRelease>>()

  constructor(options: QueryHolderOptions) {
    this.#options = options
  }

  /** Registers announcements, refreshes and switches, alone and several in one message. */
  register(responder: Responder): void {
    const anybody = (): undefined => undefined
    answerTogether(responder)
    responder.on(ANNOUNCE, anybody, async ({ blobs }, { peer }) => {
      const demand = await this.#announce(blobs, peer)
      const { witnesses, from = null } = demand ?? { witnesses: 0 }
      return { head: { needsRelease: demand === undefined, witnesses, from: from === null ? null : [...from] } }
    })
    responder.on(REFRESH, anybody, async ({ head, blobs }, context) => {
      const since = performance.now()
      const { query, attempt, instance, signature, endorsements, step, level, scale, magnitude, count } = head
      const known = this.#known(query, context.peer)
      const { plan, cryptography, epoch } = await this.#checked(known, attempt, context)
      const pass = attempt.step.slice(`r${step}.`.length)
      demand(
        refreshStep(step, Number(pass)) === attempt.step && Number(pass) < passCount(plan),
        'refresh',
        'attempt.step',
        `a pass of step ${step}`,
        attempt.step,
        context
      )
      const expected = refreshedCount(plan, step, Number(pass))
      demand(count === expected, 'refresh', 'count', `${expected}`, `${count}`, context)
      const whole = isWhole(epoch)
      demand(blobs.length === (whole ? 2 : 1) * count, 'refresh', 'blobs', `${(whole ? 2 : 1) * count}`, `${blobs.length}`, context)
      const assisted = { assist: 'refresh', ...computedOf(known.query), step, instance, c1: await hashOf(blobs) } as const
      await checkStatement(known.query.epoch, context.peer, { kind: 'request', ...assisted }, signature, this.#options.signer, 'refresh')
      await this.#demandEndorsed(epoch, assisted, endorsements, context)
      await this.#options.books.refresh(known.query, instance, count)
      const common = { attempt, instance, step, level, scale, magnitude, c1: blobs.slice(0, count) }
      const shares = whole
        ? await cryptography.refreshWhole({ ...common, masked: blobs.slice(count) })
        : await cryptography.refreshShare(common)
      const reply = { head: { signature: await this.#sign(known, assisted, shares) }, blobs: shares }
      this.#given(known, 'refresh', attempt, count, since)
      return reply
    })
    responder.on(SWITCH, anybody, async ({ head, blobs }, context) => {
      const since = performance.now()
      const { query, attempt, instance, signature, endorsements, level, noise } = head
      const known = this.#known(query, context.peer)
      const { plan, cryptography, epoch } = await this.#checked(known, attempt, context)
      demand(attempt.step === RESULT_STEP, 'switch', 'attempt.step', RESULT_STEP, attempt.step, context)
      demand(blobs.length === outputCount(plan), 'switch', 'blobs', `${outputCount(plan)}`, `${blobs.length}`, context)
      const { epoch: epochName } = known.query
      const assisted = { assist: 'switch', ...computedOf(known.query), step: switchStep(plan), instance, c1: await hashOf(blobs) } as const
      await checkStatement(epochName, context.peer, { kind: 'request', ...assisted }, signature, this.#options.signer, 'switch')
      await this.#demandEndorsed(epoch, assisted, endorsements, context)
      await this.#options.books.decrypt(known.query, known.grant, instance, blobs.length)
      const request = { attempt, instance, level, noise, c1: [...blobs], targetKey: known.resultKey }
      const shares = isWhole(epoch) ? await cryptography.switchWhole(request) : await cryptography.switchShare(request)
      const reply = { head: { signature: await this.#sign(known, assisted, shares) }, blobs: shares }
      this.#given(known, 'switch', attempt, blobs.length, since)
      return reply
    })
  }

  /** Closes the releases that are open. */
  async dispose(): Promise<void> {
    for (const release of this.#releases.values())
      await release.then(async ({ cryptography }) => await cryptography.dispose()).catch(() => undefined)
    this.#releases.clear()
    this.#queries.clear()
  }

  /** @returns what this holder wants to see endorsed of the query; undefined when the release has to be sent along */
  async #announce(
    [queryBytes, grantBytes, resultKey, releaseBytes]: readonly Uint8Array[],
    peer: string
  ): Promise<EndorsementDemand | undefined> {
    const { signer, epochs, documents, books, onEvent, policy = {} } = this.#options
    if (queryBytes === undefined || grantBytes === undefined || resultKey === undefined) {
      throw new MalformedMessageError({ peer, kind: 'query/announce', field: 'blobs', expected: 'query, grant and key', actual: 'fewer' })
    }
    const query = decodeSigned(QUERY, queryBytes, peer)
    const grant = decodeSigned(GRANT, grantBytes, peer)
    const { record } = await epochs.epoch(query.document.epoch)
    const { evaluator } = record.proposal
    if (peer !== evaluator)
      throw new NotPermittedError({ peer, kind: 'query/announce', field: 'sender', expected: evaluator, actual: peer })
    if ((await documents.get(RELEASE, query.document.release)) === undefined) {
      if (releaseBytes === undefined) return undefined
      const release = decodeSigned(RELEASE, releaseBytes, peer)
      const name = await checkSigned(RELEASE, release, signer, peer)
      demand(name === query.document.release, 'query/announce', 'release', query.document.release, name, { peer })
      checkRelease(release.document, record, peer, policy, release.document.owner === signer.self)
      if (release.document.moved !== undefined) await this.#checkMoved(release.document, peer)
      await documents.put(RELEASE, release)
    }
    const { document, plan } = await this.#release(query.document.release)
    await checkQuery({ query, grant, release: document, releaseName: query.document.release, plan, resultKey }, signer, peer)
    await books.admit(query.document, grant.document, document)
    const name = query.document.query
    if (!this.#queries.has(name)) {
      const { epoch, release, grant: given, sender, querier, samples } = query.document
      onEvent?.({ event: 'admitted', query: name, epoch, release, grant: given, sender, querier, samples })
    }
    this.#queries.delete(name)
    this.#queries.set(name, { query: query.document, grant: grant.document, resultKey: resultKey.slice(), evaluator })
    for (const oldest of [...this.#queries.keys()].slice(0, Math.max(0, this.#queries.size - REMEMBERED))) this.#queries.delete(oldest)
    return demandIn(record.proposal, this.#policyIn(record))
  }

  #policyIn({ proposal }: EpochRecord): Pick<ReleasePolicy, 'assist'> {
    const { policy = {}, witness = () => true } = this.#options
    return policyIn(proposal, policy, witness)
  }

  /** @throws NotEndorsedError unless as many witnesses of the epoch as this holder's policy demands have come to the very same */
  async #demandEndorsed(
    { record }: OpenEpoch,
    assisted: Assisted,
    endorsements: readonly { readonly peer: string; readonly signature: string }[],
    { peer }: CallContext
  ): Promise<void> {
    const { signer } = this.#options
    const kind = assisted.assist
    const check = { roster: witnessRoster(record.proposal.witnesses), policy: this.#policyIn(record), peer, kind }
    await demandEndorsements(endorsements, check, async (entry, field) => {
      const statement = { kind: 'endorsement', ...assisted } as const
      await checkStatement(record.sharing.epoch, entry.peer, statement, entry.signature, signer, `${kind} ${field}`)
    })
  }

  async #checkMoved(release: Release, peer: string): Promise<void> {
    const { checkMoved } = this.#options
    if (checkMoved !== undefined) return await checkMoved(release, peer)
    const remedy = 'Publish it anew.'
    throw new ReleaseRefusedError({ peer, kind: 'query/announce', field: 'moved', expected: 'none', actual: 'a moved release', remedy })
  }

  #known(query: string, peer: string): Known {
    const known = this.#queries.get(query)
    if (known === undefined) {
      throw new OutOfOrderMessageError({
        peer,
        kind: 'query',
        field: 'query',
        actual: query,
        reason: 'this holder was not told of it',
        remedy: 'Announce the query first.'
      })
    }
    if (known.evaluator !== peer)
      throw new NotPermittedError({ peer, kind: 'query', field: 'sender', expected: known.evaluator, actual: peer })
    this.#queries.delete(query)
    this.#queries.set(query, known)
    return known
  }

  /** Whatever holds of every request. @throws StaleSharingError, MalformedMessageError, QuotaExceededError */
  async #checked(
    { query }: Known,
    attempt: AttemptName,
    context: Pick<CallContext, 'peer'>
  ): Promise<KnownRelease & { readonly epoch: OpenEpoch }> {
    const { epochs, signer } = this.#options
    const epoch = await epochs.epoch(query.epoch)
    checkInForce(attempt, epoch.sharing(), signer.self, 'query', context.peer)
    demand(attempt.query === attemptQuery(query), 'query', 'attempt.query', attemptQuery(query), attempt.query, context)
    if (attempt.number >= ATTEMPTS) {
      throw new QuotaExceededError({
        peer: context.peer,
        kind: 'query',
        field: 'attempt.number',
        expected: `below ${ATTEMPTS}`,
        actual: `${attempt.number}`,
        remedy: 'Ask the query again.'
      })
    }
    const known = await this.#release(query.release)
    const { threshold } = epoch.sharing()
    if (known.plan.threshold < threshold) {
      throw new ReleaseRefusedError({
        peer: context.peer,
        kind: 'query',
        field: 'plan.threshold',
        expected: `${threshold} at least, of the present sharing`,
        actual: `${known.plan.threshold}`,
        reason: 'it is planned for fewer shares than are summed now, and has no room for their flooding',
        remedy: 'Publish the model anew, or reshare with the threshold that it is planned for.'
      })
    }
    return { ...known, epoch }
  }

  async #release(identifier: string): Promise<KnownRelease> {
    let known = this.#releases.get(identifier)
    this.#releases.delete(identifier)
    known ??= this.#open(identifier)
    known.catch(() => this.#releases.delete(identifier))
    this.#releases.set(identifier, known)
    if (this.#releases.size > RELEASES) {
      const [oldest] = this.#releases as unknown as Iterable<[string, Promise<KnownRelease>]>
      this.#releases.delete(oldest![0])
      void oldest![1].then(async ({ cryptography }) => await cryptography.dispose()).catch(() => undefined)
    }
    return await known
  }

  async #open(identifier: string): Promise<KnownRelease> {
    const { documents, epochs, policy = {}, signer } = this.#options
    const signed = await documents.get(RELEASE, identifier)
    if (signed === undefined)
      throw new OutOfOrderMessageError({ kind: 'query', field: 'release', actual: identifier, reason: 'not known here' })
    const { document } = signed
    const { record, releases } = await epochs.epoch(document.epoch)
    const plan = checkRelease(document, record, document.owner, policy, document.owner === signer.self)
    const { nonce, owner, parts } = document
    return { document, plan, cryptography: await releases.openRelease({ nonce, owner, plan, parts }) }
  }

  #given({ query }: Known, protocol: 'refresh' | 'switch', { step, number }: AttemptName, ciphertexts: number, since: number): void {
    const { query: name, epoch, grant, querier } = query
    const seconds = (performance.now() - since) / 1000
    this.#options.onEvent?.({
      event: 'shares',
      query: name,
      protocol,
      epoch,
      grant,
      querier,
      step,
      attempt: number,
      ciphertexts,
      seconds
    })
  }

  async #sign(
    { query }: Known,
    assisted: Omit<Parameters<typeof signStatement>[1] & { kind: 'request' }, 'kind'>,
    shares: readonly Uint8Array[]
  ): Promise<string> {
    return await signStatement(query.epoch, { kind: 'shares', ...assisted, shares: await hashOf(shares) }, this.#options.signer)
  }
}

const isWhole = ({ record }: OpenEpoch): boolean => record.proposal.holders.length === 1

function demand(holds: boolean, kind: string, field: string, expected: string, actual: string, { peer }: { readonly peer: string }): void {
  if (!holds) throw new MalformedMessageError({ peer, kind, field, expected, actual })
}
