/** The epochs that one party knows, opened when they are needed: for releases and queries, whoever the party is. */
import { fromHex, hash, toHex } from '../../base/digest.js'
import { EpochRefusedError } from '../../errors/errors.js'
import type { Message } from '../calls/call.js'
import { callUntilThere, PAUSE } from '../calls/persistent.js'
import type { Responder } from '../calls/responder.js'
import type { EpochKeys, OpenEpoch, OpenEpochs } from '../cryptography/open-epoch.js'
import type { ReleasesCryptography } from '../cryptography/release.js'
import type { EpochCryptography, EvaluationKeyName, OpenEpochTerms } from '../cryptography/service.js'
import type { EpochProposal, EpochRecord, SharingRecord } from '../objects/epoch.js'
import type { Signed } from '../objects/signed.js'
import { keyShareSpace } from '../store/content-store.js'
import * as calls from './calls.js'
import { createEpoch, putEpochInForce } from './creation.js'
import { FollowedKeys } from './followed-keys.js'
import { EpochHolder } from './holder.js'
import { keyName, type MadeKey, makeKey } from './key-making.js'
import { KeyShares } from './key-shares.js'
import type { EpochsOptions } from './options.js'
import { demandInForce, eraseOver } from './over.js'
import { type SharedEpoch, Sharings } from './sharings.js'

interface Known extends SharedEpoch {
  readonly releases: ReleasesCryptography
  /** Keys that are in use here, by name. */
  readonly keys: Map<string, EvaluationKeyName>
  /** At a witness. */
  readonly followed: FollowedKeys | undefined
  making: Promise<unknown>
}

const KEY = 'epoch-key'
/** How long an evaluator that is not there is asked for the public key, milliseconds. */
const PUBLIC_KEY_PATIENCE = 60_000

interface KeyRecord extends Omit<MadeKey, 'hash'> {
  readonly key: EvaluationKeyName
  readonly hash: string
}

/**
 * The key epochs of a party that holds shares, computes or witnesses: takes part in ceremonies, opens epochs on demand, makes their keys, renews and reshares.
 */
export class Epochs implements OpenEpochs {
  readonly #options: EpochsOptions
  readonly #holder: EpochHolder
  readonly #sharings: Sharings
  readonly #open = new Map<string, Promise<Known>>()
  readonly #closing = new AbortController()
  /** Of epochs that are being made, until their records come. */
  readonly #fresh = new Map<string, EpochCryptography>()

  constructor(options: EpochsOptions) {
    this.#options = options
    const { self, signer, policy, cryptography, onAbandoned } = options
    this.#holder = new EpochHolder({
      self,
      signer,
      policy,
      receiverKey: async () => await cryptography.receiverKey(),
      openNew: async (proposal, epoch) => {
        const opened = await cryptography.openEpoch(this.#terms(proposal, epoch))
        this.#fresh.set(epoch, opened)
        return opened
      },
      keep: async (record, opened) => {
        await options.epochs.put(record)
        const { epoch } = record.document.sharing
        this.#fresh.delete(epoch)
        this.#open.set(epoch, this.#known(record.document, opened))
        await this.#open.get(epoch)
      },
      known: async epoch => {
        const { record, sharing, cryptography: opened } = await this.#of(epoch)
        return { record, sharing, cryptography: opened }
      },
      abandoned: (culprit, reason) => onAbandoned?.(culprit, reason)
    })
    this.#sharings = new Sharings(options, async epoch => await this.#of(epoch))
  }

  /** Registers what evaluators, holders and witnesses of an epoch may ask. */
  register(responder: Responder): void {
    this.#holder.register(responder)
    this.#sharings.register(responder)
    responder.on(
      calls.PUBLIC_KEY,
      () => undefined,
      async ({ head }) => {
        const { cryptography } = await this.#of(head.epoch)
        return { head: {}, blobs: [await cryptography.publicKey()] }
      }
    )
    const shares = new KeyShares(this.#options.contents, async epoch => {
      const { record, keys } = await this.#of(epoch)
      const kept = await this.#kept(epoch)
      return { proposal: record.proposal, keys: kept.filter(({ key }) => keys.has(keyName(key))) }
    })
    shares.register(responder)
  }

  /** At the evaluator: makes an epoch with its holders, and the evaluation keys that the proposal names. */
  async create(proposal: EpochProposal, signal: AbortSignal): Promise<Signed<EpochRecord>> {
    const { signer, caller, epochs, onProgress, onRefused } = this.#options
    const record = await createEpoch(
      proposal,
      { signer, caller, progress: step => onProgress?.({ epoch: '', step, done: 0, total: 0 }) },
      signal
    )
    await epochs.put(record)
    await putEpochInForce(record, caller, signal, (error, peer) => onRefused?.(error, peer))
    const epoch = await this.epoch(record.document.sharing.epoch)
    const { relinearizationLevel, galois } = proposal
    await epoch.addKeys({ relinearizationLevel, galois }, signal)
    return record
  }

  /** Signed records of all epochs that are kept here, those that are over included. */
  async list(): Promise<Signed<EpochRecord>[]> {
    return await this.#options.epochs.list()
  }

  async epoch(identifier: string): Promise<OpenEpoch> {
    const known = await this.#of(identifier)
    const { record, cryptography, releases } = known
    return {
      record,
      releases,
      sharing: () => known.sharing,
      publicKey: async () => await cryptography.publicKey(),
      keys: async () => keysOf(known),
      addKeys: async (missing, signal) => {
        // One after the other: a key that two releases lack is made once.
        await this.#inTurn(known, async () => await this.#addKeys(known, missing, signal))
      },
      followKeys: async signal => await this.#inTurn(known, async () => (await known.followed?.update(signal)) ?? false)
    }
  }

  /** @see Sharings.renew */
  async renew(identifier: string, signal: AbortSignal): Promise<Signed<SharingRecord>> {
    return await this.#sharings.renew(await this.#of(identifier), signal)
  }

  /** @see Sharings.reshare */
  async reshare(
    identifier: string,
    peers: readonly string[],
    threshold: number,
    signal: AbortSignal,
    without: ReadonlySet<string> = new Set()
  ): Promise<Signed<SharingRecord>> {
    return await this.#sharings.reshare(await this.#of(identifier), peers, threshold, signal, without)
  }

  /** A sharing has come as a document: it is followed when it is the next one. */
  async refresh(identifier: string): Promise<void> {
    const known = this.#open.get(identifier)
    if (known !== undefined) await this.#sharings.follow(await known)
  }

  /** Whether this party holds a share of the sharing in force, where it should. @throws StaleSharingError saying what to do */
  async checkShare(identifier: string): Promise<void> {
    await this.#sharings.checkShare(await this.#of(identifier))
  }

  /** Erases this party's shares of epochs that have been over for a day. Done now and then; it may be repeated. */
  async eraseOver(): Promise<void> {
    await eraseOver(this.#options, async ({ sharing: { epoch }, proposal }) => {
      const known = await this.#open.get(epoch)?.catch(() => undefined)
      this.#open.delete(epoch)
      const cryptography = known?.cryptography ?? (await this.#options.cryptography.openEpoch(this.#terms(proposal, epoch)))
      try {
        await cryptography.erase()
      } finally {
        await cryptography.dispose()
      }
    })
  }

  /** Gives up what is under way and closes every epoch; what is kept stays. */
  async dispose(): Promise<void> {
    this.#closing.abort(new Error('closed'))
    await this.#holder.dispose()
    await this.#sharings.dispose()
    for (const known of this.#open.values())
      await known.then(async ({ cryptography }) => await cryptography.dispose()).catch(() => undefined)
    this.#open.clear()
    for (const opened of this.#fresh.values()) await opened.dispose()
    this.#fresh.clear()
  }

  async #of(identifier: string): Promise<Known> {
    let known = this.#open.get(identifier)
    if (known === undefined) {
      known = this.#load(identifier)
      known.catch(() => this.#open.delete(identifier))
      this.#open.set(identifier, known)
    }
    const found = await known
    this.#demandInForce(found.record.proposal)
    return found
  }

  async #load(identifier: string): Promise<Known> {
    const { epochs, cryptography, self } = this.#options
    const record = await epochs.get(identifier)
    if (record === undefined) {
      throw new EpochRefusedError({
        peer: self,
        kind: 'epoch',
        field: 'epoch',
        actual: identifier.slice(0, 64),
        reason: 'this party does not know the epoch',
        remedy: 'See which there are: slytherin cohort status.'
      })
    }
    // One that is over is not opened: its share may be erased.
    this.#demandInForce(record.document.proposal)
    return await this.#known(record.document, await cryptography.openEpoch(this.#terms(record.document.proposal, identifier)))
  }

  #demandInForce(proposal: EpochProposal): void {
    demandInForce(proposal, this.#options.self, (this.#options.now ?? Date.now)())
  }

  async #known(record: EpochRecord, cryptography: EpochCryptography): Promise<Known> {
    await this.#takePublicKey(record, cryptography)
    const { proposal } = record
    const keys = new Map<string, EvaluationKeyName>()
    const followed = proposal.witnesses.includes(this.#options.self)
      ? new FollowedKeys({ ...this.#options, record, cryptography, keys })
      : undefined
    const releases = await cryptography.releases()
    const known: Known = { record, sharing: record.sharing, cryptography, releases, keys, followed, making: Promise.resolve() }
    await this.#sharings.follow(known)
    await followed?.load()
    if (this.#options.self !== proposal.evaluator) return known
    for (const { key, hash: name } of await this.#kept(record.sharing.epoch)) {
      // One that is damaged is made anew when it is needed.
      if (await cryptography.loadKey(key, name)) keys.set(keyName(key), key)
    }
    return known
  }

  /** At the evaluator: keys that were made. By ascending level: of an element the highest is in use, as when it was made. */
  async #kept(epoch: string): Promise<KeyRecord[]> {
    const all = await this.#options.records.list(KEY)
    return all
      .filter(({ key }) => key.startsWith(`${epoch}/`))
      .map(({ value }) => value as KeyRecord)
      .sort((a, b) => a.key.level - b.key.level)
  }

  async #inTurn<T>(known: Known, work: () => Promise<T>): Promise<T> {
    const turn = known.making.then(work)
    known.making = turn.catch(() => undefined)
    return await turn
  }

  /** From what is kept, or from the evaluator; the record says which it is. */
  async #takePublicKey(record: EpochRecord, cryptography: EpochCryptography): Promise<void> {
    const { self } = this.#options
    const { evaluator } = record.proposal
    const held = await cryptography.publicKey().catch(() => undefined)
    if (held !== undefined && toHex(await hash(held)) === record.publicKey) return
    if (await cryptography.loadPublicKey(record.publicKey)) return
    const sources = [evaluator, ...record.proposal.holders.map(({ peer }) => peer)].filter(peer => peer !== self)
    let fault: unknown
    for (const source of sources) {
      try {
        const { blobs } = await this.#publicKeyFrom(source, record)
        await cryptography.takePublicKey(blobs[0] ?? fromHex(''), record.publicKey)
        return
      } catch (error) {
        fault = error
      }
      // Others than the evaluator are reached by it alone.
      if (self !== evaluator) break
    }
    throw fault
  }

  /** The evaluator may be starting: whoever asks is not refused for that. @throws what is answered; why nothing is, from the evaluator after a while */
  async #publicKeyFrom(source: string, { proposal, sharing: { epoch } }: EpochRecord): Promise<Message<unknown>> {
    const { caller } = this.#options
    if (source !== proposal.evaluator) return await caller.call(source, calls.PUBLIC_KEY, { epoch })
    let absent: Error | undefined
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(PUBLIC_KEY_PATIENCE)])
    try {
      return await callUntilThere(caller, {
        peer: source,
        kind: calls.PUBLIC_KEY,
        head: { epoch },
        signal,
        pause: PAUSE,
        onAbsent: error => {
          absent = error
        }
      })
    } catch (error) {
      throw signal.aborted ? (absent ?? error) : error
    }
  }

  async #addKeys(known: Known, missing: EpochKeys, signal: AbortSignal): Promise<void> {
    const { caller, records, signer, contents, up, onProgress, onRefused } = this.#options
    const { record, cryptography, followed } = known
    const { epoch } = record.sharing
    if (followed !== undefined) {
      await followed.update(signal)
      followed.demand(namesOf(missing).filter(name => !serves(known, name)))
      return
    }
    const names = namesOf(missing).filter(name => !serves(known, name))
    const witnessed = record.proposal.witnesses.length > 0
    for (const [done, key] of names.entries()) {
      const tell = (step: string): void => onProgress?.({ epoch, step, done, total: names.length })
      tell(keyName(key))
      const made = await makeKey(
        epoch,
        key,
        {
          caller,
          cryptography,
          records,
          signer,
          sharing: () => known.sharing,
          keep: async shares => {
            for (const share of witnessed ? shares : []) await contents.put(keyShareSpace(epoch), share)
          },
          up,
          progress: event => onProgress?.({ epoch, ...event }),
          onRefused: (error, peer) => onRefused?.(error, peer)
        },
        signal
      )
      await records.put(KEY, `${epoch}/${keyName(key)}`, { key, ...made } satisfies KeyRecord)
      known.keys.set(keyName(key), key)
    }
    if (names.length > 0) onProgress?.({ epoch, step: 'keys', done: names.length, total: names.length })
  }

  #computes({ evaluator, witnesses }: EpochProposal): boolean {
    return this.#options.self === evaluator || witnesses.includes(this.#options.self)
  }

  #terms(proposal: EpochProposal, epoch: string): OpenEpochTerms {
    const { parameters, holders, floodingBits, maximumDecryptions, maximumRefreshes, proofs, threshold } = proposal
    return {
      epoch,
      parameters,
      dealers: holders.length,
      floodingBits,
      maximumDecryptions,
      maximumRefreshes,
      proofs,
      threshold,
      evaluates: this.#computes(proposal),
      soleHolder: holders.length === 1 ? holders[0]!.peer : null
    }
  }
}

function namesOf({ relinearizationLevel, galois }: EpochKeys): EvaluationKeyName[] {
  const names: EvaluationKeyName[] = galois.map(({ element, level }) => ({ kind: 'galois', element, level }))
  return relinearizationLevel === null ? names : [{ kind: 'relinearization', level: relinearizationLevel }, ...names]
}

/** A key serves its level and those below. */
function serves({ keys }: Known, name: EvaluationKeyName): boolean {
  return [...keys.values()].some(
    key =>
      key.level >= name.level &&
      (name.kind === 'galois' ? key.kind === 'galois' && key.element === name.element : key.kind === 'relinearization')
  )
}

function keysOf({ keys }: Known): EpochKeys {
  let relinearizationLevel: number | null = null
  const galois = new Map<number, number>()
  for (const key of keys.values()) {
    if (key.kind === 'relinearization') relinearizationLevel = Math.max(relinearizationLevel ?? 0, key.level)
    else galois.set(key.element, Math.max(galois.get(key.element) ?? 0, key.level))
  }
  return {
    relinearizationLevel,
    galois: [...galois].sort(([a], [b]) => a - b).map(([element, level]) => ({ element, level }))
  }
}
