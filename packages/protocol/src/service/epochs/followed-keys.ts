/**
 * A witness makes the evaluation keys of an epoch for itself, from the shares that their holders have signed: it takes no sum from the evaluator, whose key might
 * lead it to second components of the evaluator's choice. It uses the very keys that the evaluator uses: the same shares, and so the same bytes.
 */
import { hash as sha256, toHex } from '../../base/digest.js'
import { OutOfOrderMessageError, SignatureError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { Caller } from '../calls/caller.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { EpochCryptography, EvaluationKeyName } from '../cryptography/service.js'
import { attemptOf } from '../objects/attempt-check.js'
import type { EpochRecord } from '../objects/epoch.js'
import type { RecordStore } from '../store/records.js'
import * as calls from './calls.js'
import { keyName } from './key-making.js'
import type { EpochRecords } from './options.js'
import { checkCommitments, madeInRoundTwo } from './share-commitments.js'

const KEY = 'witness-key'

interface Kept {
  readonly key: EvaluationKeyName
  readonly hash: string
}

export interface FollowedKeysOptions {
  readonly caller: Caller
  readonly signer: Pick<Signer, 'verify'>
  readonly records: RecordStore
  readonly epochs: Pick<EpochRecords, 'sharings'>
  readonly record: EpochRecord
  readonly cryptography: EpochCryptography
  /** Keys that are in use here, by name: kept up to date. */
  readonly keys: Map<string, EvaluationKeyName>
  onProgress?(event: { epoch: string; step: string; done: number; total: number }): void
}

export class FollowedKeys {
  readonly #options: FollowedKeysOptions
  readonly #epoch: string
  /** What is in use, by what it is for (not by level). */
  readonly #used = new Map<string, string>()

  constructor(options: FollowedKeysOptions) {
    this.#options = options
    this.#epoch = options.record.sharing.epoch
  }

  /** Keys that were taken before. */
  async load(): Promise<void> {
    const kept = (await this.#options.records.list(KEY)).filter(({ key }) => key.startsWith(`${this.#epoch}/`))
    for (const { key, hash } of byLevel(kept.map(({ value }) => value as Kept))) await this.#use(key, hash)
  }

  /** @returns whether any key is another than before @throws what the evaluator answers; SignatureError naming who signed something else */
  async update(signal: AbortSignal): Promise<boolean> {
    const { caller, record, records, onProgress } = this.#options
    const { evaluator } = record.proposal
    const { head } = await caller.call(evaluator, calls.KEYS_IN_USE, { epoch: this.#epoch }, [], { signal })
    // Of an element the highest one is used.
    const wanted = new Map(byLevel(head.keys as Kept[]).map(kept => [usedFor(kept.key), kept]))
    const lacking = [...wanted].filter(([use, { hash }]) => this.#used.get(use) !== hash)
    for (const [done, [, { key, hash }]] of lacking.entries()) {
      onProgress?.({ epoch: this.#epoch, step: keyName(key), done, total: lacking.length })
      const known = (await records.get(KEY, `${this.#epoch}/${keyName(key)}`)) as Kept | undefined
      if (known?.hash === hash && (await this.#use(key, hash))) continue
      await this.#take(key, hash, signal)
      await records.put(KEY, `${this.#epoch}/${keyName(key)}`, { key, hash } satisfies Kept)
      this.#inUse(key, hash)
    }
    return lacking.length > 0
  }

  /** @throws OutOfOrderMessageError where keys are missing: the evaluator does not have them yet */
  demand(missing: readonly EvaluationKeyName[]): void {
    const [first] = missing
    if (first === undefined) return
    const peer = this.#options.record.proposal.evaluator
    throw new OutOfOrderMessageError({ peer, kind: 'key/in-use', field: 'keys', actual: `no ${keyName(first)}`, reason: 'not made yet' })
  }

  async #use(key: EvaluationKeyName, hash: string): Promise<boolean> {
    if (!(await this.#options.cryptography.loadKey(key, hash))) return false
    this.#inUse(key, hash)
    return true
  }

  /** In place of the one at another level. */
  #inUse(key: EvaluationKeyName, hash: string): void {
    const { keys } = this.#options
    this.#used.set(usedFor(key), hash)
    for (const [name, other] of keys) if (usedFor(other) === usedFor(key)) keys.delete(name)
    keys.set(keyName(key), key)
  }

  /** Sums a key from its shares, each of them signed. */
  async #take(key: EvaluationKeyName, hash: string, signal: AbortSignal): Promise<void> {
    const { caller, signer, record, cryptography } = this.#options
    const peer = record.proposal.evaluator
    const { head } = await caller.call(peer, calls.KEY_SHARES, { epoch: this.#epoch, hash }, [], { signal })
    const { attempt, ones, shares } = head
    const peers = await this.#activeOf(attempt, key)
    const common = { epoch: this.#epoch, attempt, peers, signer, peer, kind: 'key/shares' }
    const { level } = key
    if (key.kind === 'galois') {
      await checkCommitments(shares, { ...common, protocol: 'galois', made: { element: key.element, level } })
    } else {
      await checkCommitments(ones, { ...common, protocol: 'relinearization-1', made: level })
      await checkCommitments(shares, { ...common, protocol: 'relinearization-2', made: madeInRoundTwo(level, ones) })
    }
    const fetched = async (commitments: typeof shares): Promise<Uint8Array[]> => {
      const blobs: Uint8Array[] = []
      for (const { document } of commitments) {
        const reply = await caller.call(peer, calls.KEY_SHARE, { epoch: this.#epoch, hash: document.share }, [], { signal })
        const share = reply.blobs[0] ?? new Uint8Array(0)
        const actual = toHex(await sha256(share))
        if (actual !== document.share) {
          const expected = `the share ${document.share} that ${document.holder} has signed`
          throw new SignatureError({ peer, kind: 'key/share', field: 'blob', expected, actual, culprit: peer })
        }
        blobs.push(share)
      }
      return blobs
    }
    const summed = [await fetched(shares), ...(key.kind === 'galois' ? [] : [await fetched(ones)])] as [Uint8Array[], Uint8Array[]?]
    const made = await cryptography.sumKey(key, attempt, ...summed)
    if (made === hash) return
    const expected = `${made}, the sum of the shares that holders have signed`
    throw new SignatureError({ peer, kind: 'key/in-use', field: 'hash', expected, actual: hash, culprit: peer })
  }

  /** The active holders of a key's attempt, in the order of their points. @throws StaleSharingError, MalformedMessageError */
  async #activeOf(attempt: AttemptName, key: EvaluationKeyName): Promise<string[]> {
    const { record, epochs } = this.#options
    const later = (await epochs.sharings(this.#epoch)).map(({ document }) => document)
    const place = { query: 'keys', step: keyName(key) }
    return attemptOf(attempt, place, [record.sharing, ...later], 'key/shares', record.proposal.evaluator)
  }
}

const usedFor = (key: EvaluationKeyName): string => (key.kind === 'galois' ? `galois-${key.element}` : key.kind)

const byLevel = <K extends Kept>(keys: readonly K[]): K[] => [...keys].sort((a, b) => a.key.level - b.key.level)
