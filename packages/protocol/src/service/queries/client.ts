/**
 * Asking: encrypts samples, sends them, follows the query, and reads its result, which stays encrypted at the evaluator until then. Whoever asks may lose its
 * connection, or be killed, once the query is submitted: what the result is read with is kept, sealed, as long as the query lives.
 */
import { delay } from '../../base/concurrency.js'
import { fromHex, hash, randomBytes, toHex } from '../../base/digest.js'
import { build } from '../../errors/build.js'
import { isErrorCode } from '../../errors/codes.js'
import { EpochRefusedError, OutOfOrderMessageError, type ProtocolError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import { componentsHash } from '../../terms/statements.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import { callUntilThere, PAUSE } from '../calls/persistent.js'
import type { AskingEpoch, AskingEpochs } from '../cryptography/asking.js'
import { readableByEvaluator } from '../objects/epoch.js'
import { GRANT, type Grant } from '../objects/grant.js'
import { QUERY, type Query } from '../objects/query.js'
import { RELEASE } from '../objects/release.js'
import type { ReleasePolicy } from '../objects/release-check.js'
import { resultKeyDigest } from '../objects/result-key.js'
import { encodeSigned, type Signed, sign, withSignatures } from '../objects/signed.js'
import type { RecordStore } from '../store/records.js'
import type { SecretStore } from '../store/secrets.js'
import type { DocumentShelf } from '../store/shelf.js'
import { AskedReleases } from './asked-releases.js'
import { CANCEL, FETCHED, OPEN, type QueryStatus, RESULT, STATUS, SUBMIT } from './calls.js'
import { checkDelivered } from './delivered.js'
import type { ServiceListener } from './events.js'
import { unknown } from './unknown.js'
import { type EvaluatorCall, sendInputs } from './upload.js'

const ASKED = 'asked'
/** Milliseconds that the evaluator may wait for news before it answers. */
const WAIT = 20_000
/** Milliseconds that an evaluator whose connection is gone is waited for before it counts as away: it is asked again, and whoever follows is told. */
const AWAY = 2_000
/** Milliseconds that a query lives unless its sender says otherwise. */
const LIFE = 7 * 86_400_000

/** What asking is given. */
export interface ServiceClientOptions {
  readonly caller: Caller
  readonly signer: Signer
  readonly epochs: AskingEpochs
  /** Releases and grants that queries name. */
  readonly documents: DocumentShelf
  /** Where queries are remembered until their results are read. */
  readonly records: RecordStore
  /** Where seeds of result keys are, one for each query. */
  readonly secrets: SecretStore
  /** What this party demands of a release before it asks it. */
  readonly policy?: ReleasePolicy
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
  /** Before an evaluator that was not there is asked again, milliseconds. */
  readonly pause?: number
  /** Milliseconds that the evaluator may wait for news before it answers. */
  readonly wait?: number
  /** Told when a query is sent, answered or given up. */
  readonly onEvent?: ServiceListener
}

/** A result key that a querier has offered to whoever sends inputs for it. */
export interface OfferedKey {
  /** Its peer id. */
  readonly querier: string
  /** Serialised. */
  readonly publicKey: Uint8Array
  /** The querier's, hexadecimal. */
  readonly signature: string
}

/** What becomes of a query: inputs sent, its status at the evaluator, or that the evaluator does not answer and is asked again. */
export type QueryEvent =
  | { readonly kind: 'inputs'; readonly query: string; readonly done: number; readonly total: number }
  | { readonly kind: 'status'; readonly status: QueryStatus }
  | { readonly kind: 'absent'; readonly query: string; readonly reason: string }

/** Under which grant and for whom a query is asked, and who is told what becomes of it. */
export interface AskOptions {
  /** Identifier of the grant that it is asked under. */
  readonly grant: string
  /** Milliseconds that the query, and then its result, may wait. */
  readonly life?: number
  /** Somebody else's key, who will read the result. */
  readonly resultKey?: OfferedKey
  /** Told of every change. */
  onEvent?(event: QueryEvent): void
  /** The answer, before the evaluator may erase it: whoever must not lose it keeps it here. */
  onAnswer?(query: string, logits: readonly Float64Array[]): void | Promise<void>
  /** Ends the waiting, not the query. */
  readonly signal?: AbortSignal
}

type FollowOptions = Pick<AskOptions, 'onEvent' | 'onAnswer' | 'signal'>

/** A query's answer. */
export interface Answered {
  /** Its name: 32 hexadecimal digits. */
  readonly query: string
  /** One array per sample, in the order in which they were asked. */
  readonly logits: Float64Array[]
}

interface Asked {
  readonly epoch: string
  readonly release: string
  readonly samples: number
  readonly expires: number
  /** Whether the result is under the whole key, which this party holds. */
  readonly holdsKey: boolean
}

/** Asks queries of releases and follows them, also those that an earlier process has asked. */
export class ServiceClient {
  readonly #options: ServiceClientOptions
  readonly #releases: AskedReleases

  constructor(options: ServiceClientOptions) {
    this.#options = options
    this.#releases = new AskedReleases(options)
  }

  /** Closes the releases that are open. */
  dispose(): void {
    this.#releases.dispose()
  }

  /** Asks and waits for the answer. @throws what the evaluator or the key holders refuse with; the signal's reason, and the query goes on: `answer` takes it up */
  async ask(release: string, samples: readonly Float64Array[], options: AskOptions): Promise<Answered> {
    const query = await this.submit(release, samples, options)
    return { query, logits: await this.answer(query, options) }
  }

  /** Opens a release, which the first query takes most of its time for otherwise. @throws ReleaseRefusedError, EpochRefusedError */
  async prepare(release: string): Promise<void> {
    await this.#releases.use(release, async () => undefined)
  }

  /** Encrypts, proves, sends and signs. @returns the query's name, once it is queued */
  async submit(release: string, samples: readonly Float64Array[], options: AskOptions): Promise<string> {
    const { documents, signer, now = Date.now } = this.#options
    const { onEvent, life = LIFE, resultKey: offered } = options
    const [{ document, plan }, grant] = await Promise.all([this.#releases.known(release), documents.get(GRANT, options.grant)])
    if (grant === undefined) throw unknown('grant', options.grant)
    const epoch = await this.#options.epochs.epoch(document.epoch)
    const { proposal } = epoch.record
    if (proposal.evaluator !== signer.self && readableByEvaluator(proposal)) {
      throw new EpochRefusedError({
        peer: proposal.evaluator,
        kind: 'query',
        field: 'holders',
        expected: `a key holder besides the evaluator ${proposal.evaluator}`,
        actual: 'the whole key at the evaluator: it could read the samples',
        remedy: 'Ask in an epoch whose key others hold, too.'
      })
    }
    const querier = offered?.querier ?? signer.self
    const query = toHex(randomBytes(16))
    const head = { epoch: document.epoch, release, grant: options.grant, query, querier, samples: samples.length }
    // Whether there is room is known before anything is encrypted.
    await this.#call(epoch, OPEN, head, [], query, options)
    return await this.#releases.use(release, async cryptography => {
      const inputs = await cryptography.openQuery([...samples], query)
      try {
        const proves = epoch.record.proposal.proofs && soleHolder(epoch) !== signer.self
        const call: EvaluatorCall = async (kind, body, blobs) => await this.#call(epoch, kind, body, blobs, query, options)
        const hashes = await sendInputs(call, { head, plan, inputs, proves }, options)
        const key = offered?.publicKey ?? (await this.#resultKey(epoch, query))
        const created = now()
        const asked: Query = {
          kind: 'query',
          version: 1,
          ...head,
          sender: signer.self,
          inputs: toHex(componentsHash(hashes.map(fromHex))),
          resultKey: toHex(await hash(key)),
          resultKeySignature: offered?.signature ?? '',
          created,
          expires: created + life
        }
        if (offered === undefined) await this.#remember(query, asked, epoch)
        const status = await this.#submit(epoch, asked, key, grant, options)
        this.#options.onEvent?.({ event: 'sent', query, epoch: head.epoch, release, samples: head.samples })
        onEvent?.({ kind: 'status', status })
        return query
      } catch (error) {
        await this.#forget(query)
        await this.#cancelQuietly(epoch, query)
        throw error
      } finally {
        await inputs.dispose()
      }
    })
  }

  /** Follows a query of this party's to its end and reads its result, after a restart too. */
  async answer(query: string, options: FollowOptions = {}): Promise<Float64Array[]> {
    const status = await this.follow(query, options)
    if (status.state !== 'done') {
      const { asked } = await this.#asked(query)
      await this.#forget(query)
      this.#over('given-up', query, asked)
      throw ended(status)
    }
    return await this.fetch(query, options)
  }

  /** Until it is over, or its result waits. */
  async follow(query: string, options: FollowOptions = {}): Promise<QueryStatus> {
    const { epoch } = await this.#asked(query)
    const { wait = WAIT, pause = PAUSE } = this.#options
    const { signal = new AbortController().signal } = options
    // None that there is: the first is answered at once.
    let version = 2 ** 40
    for (;;) {
      const { head: status } = await this.#call(epoch, STATUS, { query, version, wait }, [], query, options)
      if (status.version !== version) options.onEvent?.({ kind: 'status', status })
      if (status.state !== 'queued' && status.state !== 'running') return status
      // An evaluator that does not wait is not asked without pause.
      if (status.version === version) await delay(Math.min(pause, wait), signal)
      version = status.version
    }
  }

  /** Reads a result that waits, and lets the evaluator erase it. */
  async fetch(query: string, options: FollowOptions = {}): Promise<Float64Array[]> {
    const { epoch, asked } = await this.#asked(query)
    await this.#releases.known(asked.release)
    const { head, blobs } = await this.#call(epoch, RESULT, { query }, [], query, options)
    const results = blobs.slice(1)
    const delivered = { signed: blobs[0] ?? new Uint8Array(0), results, signature: head.signature }
    await checkDelivered(delivered, { query, release: asked.release }, epoch.record.proposal.evaluator, this.#options.signer)
    const seed = asked.holdsKey ? null : await this.#options.secrets.get(secretName(query))
    if (seed === undefined) {
      throw new OutOfOrderMessageError({
        kind: 'query/result',
        field: 'resultKey',
        actual: query,
        reason: 'the key of this result is lost',
        remedy: 'Ask the query again.'
      })
    }
    try {
      const logits = await this.#releases.use(asked.release, async cryptography => await cryptography.decryptResults([...results], seed))
      const answer = logits.slice(0, asked.samples)
      await options.onAnswer?.(query, answer)
      await this.acknowledge(query, options)
      return answer
    } finally {
      seed?.fill(0)
    }
  }

  /** The answer is kept where it was read: the evaluator may erase it, and nothing more is to be followed. May be repeated. */
  async acknowledge(query: string, options: FollowOptions = {}): Promise<void> {
    const { epoch, asked } = await this.#asked(query)
    await this.#call(epoch, FETCHED, { query }, [], query, options)
    await this.#forget(query)
    this.#over('answered', query, asked)
  }

  /** How the query stands now. @throws what the evaluator refuses with */
  async status(query: string, options: Pick<AskOptions, 'signal'> = {}): Promise<QueryStatus> {
    const { epoch } = await this.#asked(query)
    return (await this.#call(epoch, STATUS, { query, version: 0, wait: 0 }, [], query, options)).head
  }

  /** Gives the query up at the evaluator and forgets it here. */
  async cancel(query: string, options: Pick<AskOptions, 'signal'> = {}): Promise<QueryStatus> {
    const { epoch, asked } = await this.#asked(query)
    const { head } = await this.#call(epoch, CANCEL, { query }, [], query, options)
    await this.#forget(query)
    this.#over('given-up', query, asked)
    return head
  }

  /** Queries of this party's whose results it has not read. */
  async pending(): Promise<{ readonly query: string; readonly release: string; readonly samples: number; readonly expires: number }[]> {
    const { records, now = Date.now } = this.#options
    const pending = []
    for (const { key: query, value } of await records.list(ASKED)) {
      const { release, samples, expires } = value as Asked
      if (expires > now()) pending.push({ query, release, samples, expires })
      else await this.#forget(query)
    }
    return pending
  }

  /** A key for a result of a query that `sender` will ask for this party. `expect` says which query that was. */
  async offerResultKey(epoch: string, sender: string): Promise<OfferedKey> {
    const { signer, secrets, epochs } = this.#options
    const { seed, publicKey } = await (await epochs.epoch(epoch)).releases.resultKey()
    const key = toHex(await hash(publicKey))
    await secrets.put(secretName(key), seed)
    seed.fill(0)
    const signature = toHex(await signer.sign(resultKeyDigest(epoch, signer.self, sender, key)))
    return { querier: signer.self, publicKey, signature }
  }

  /** The query that somebody else has asked for this party under a key that it offered: from now on it is followed and read as its own. */
  async expect(
    query: string,
    { release, samples, expires }: Pick<Asked, 'release' | 'samples' | 'expires'>,
    { publicKey }: OfferedKey
  ): Promise<void> {
    const { documents, secrets, records, epochs, signer } = this.#options
    const signed = await documents.get(RELEASE, release)
    if (signed === undefined) throw unknown('release', release)
    const offered = secretName(toHex(await hash(publicKey)))
    const seed = await secrets.get(offered)
    if (seed === undefined) throw unknown('result key', query)
    await secrets.put(secretName(query), seed)
    seed.fill(0)
    const epoch = await epochs.epoch(signed.document.epoch)
    const asked: Asked = { epoch: signed.document.epoch, release, samples, expires, holdsKey: soleHolder(epoch) === signer.self }
    await records.put(ASKED, query, asked)
    await secrets.erase(offered)
  }

  async #submit(epoch: AskingEpoch, asked: Query, key: Uint8Array, grant: Signed<Grant>, options: AskOptions): Promise<QueryStatus> {
    const signed = withSignatures(asked, [await sign(QUERY, asked, this.#options.signer)])
    const blobs = [encodeSigned(signed), key, encodeSigned(grant)]
    return (await this.#call(epoch, SUBMIT, {}, blobs, asked.query, options)).head
  }

  /** A new key pair; the seed is durable, sealed, before the key leaves. */
  async #resultKey(epoch: AskingEpoch, query: string): Promise<Uint8Array> {
    const { seed, publicKey } = await epoch.releases.resultKey()
    await this.#options.secrets.put(secretName(query), seed)
    seed.fill(0)
    return publicKey
  }

  async #remember(query: string, { epoch, release, samples, expires }: Query, opened: AskingEpoch): Promise<void> {
    const asked: Asked = { epoch, release, samples, expires, holdsKey: soleHolder(opened) === this.#options.signer.self }
    await this.#options.records.put(ASKED, query, asked)
  }

  async #forget(query: string): Promise<void> {
    await this.#options.secrets.erase(secretName(query))
    await this.#options.records.delete(ASKED, query)
  }

  #over(event: 'answered' | 'given-up', query: string, { epoch, release, samples }: Asked): void {
    this.#options.onEvent?.({ event, query, epoch, release, samples })
  }

  async #asked(query: string): Promise<{ readonly asked: Asked; readonly epoch: AskingEpoch }> {
    const asked = (await this.#options.records.get(ASKED, query)) as Asked | undefined
    if (asked === undefined) throw unknown('query', query)
    return { asked, epoch: await this.#options.epochs.epoch(asked.epoch) }
  }

  async #cancelQuietly(epoch: AskingEpoch, query: string): Promise<void> {
    const { caller } = this.#options
    await caller.call(epoch.record.proposal.evaluator, CANCEL, { query }).catch(() => undefined)
  }

  async #call<Q, R>(
    epoch: AskingEpoch,
    kind: CallKind<Q, R>,
    head: Q,
    blobs: readonly Uint8Array[],
    query: string,
    { signal = new AbortController().signal, onEvent }: Pick<AskOptions, 'signal' | 'onEvent'>
  ): Promise<Message<R>> {
    const { caller, pause = PAUSE } = this.#options
    const peer = epoch.record.proposal.evaluator
    return await callUntilThere(caller, {
      peer,
      kind,
      head,
      blobs,
      signal,
      pause,
      absence: AWAY,
      onAbsent: error => onEvent?.({ kind: 'absent', query, reason: error.message })
    })
  }
}

const secretName = (name: string): string => `result-key-${name}`

function soleHolder({ record }: AskingEpoch): string | undefined {
  const { holders } = record.proposal
  return holders.length === 1 ? holders[0]!.peer : undefined
}

/** Why there is no result. */
function ended({ query, state, step, code }: QueryStatus): ProtocolError {
  if (state === 'failed' && isErrorCode(code) && code !== 'remote-failure')
    return build(code, { kind: 'query', field: 'query', actual: query, reason: step })
  const lost = { reason: 'it was never submitted: this party was ended before', remedy: 'Ask the query again.' }
  const why = state === 'open' ? lost : { reason: step }
  return new OutOfOrderMessageError({ kind: 'query', field: 'state', expected: 'done', actual: state, ...why })
}
