/**
 * What a party keeps of a session as it lives it. Everything that it is told is taken from messages that were answered, and so were checked; its own and the
 * others' statements come one by one (session/statements.ts).
 *
 * Whoever evaluates, the evaluator or a witness, keeps the byte strings, too, and so all that a replay needs; everybody else keeps what was signed.
 */
import { digest, hash, toHex } from '../base/digest.js'
import { sessionIdOf } from '../cohort/digests.js'
import type { CommittedProtocol } from '../keys/digests.js'
import type { Evidence } from '../session/evidence.js'
import { decodeDescriptor } from '../terms/descriptor.js'
import type { Role } from '../terms/roster.js'
import { componentsHash, type SignedStatement } from '../terms/statements.js'
import type { Bodies, ReplyOf, RequestKind } from '../wire/kinds.js'
import type { EvidenceRecord } from './records.js'
import { type EvidenceSink, type EvidenceStore, hashOf } from './source.js'

type Commitments = Bodies['publicKeyCommitments']['entries']

/** Byte strings with their places. */
export interface EvidenceList {
  /** @param expected how many will come, where that is known */
  put(index: number, bytes: Uint8Array, expected?: number): void
  /** All have come. */
  complete(): void
}

/**
 * Keeps the evidence of the session that a party is in: buffers records until the session has an id, then writes them to the store in the order in which they
 * came.
 */
export class Gathering implements Evidence {
  readonly #store: EvidenceStore
  readonly #self: string
  readonly #roles: readonly Role[]
  /** Records of a session that is not open yet. */
  #waiting: EvidenceRecord[] = []
  #proposal: Uint8Array | undefined
  #acceptances: Bodies['commitments']['entries'] = []
  #sink: EvidenceSink | undefined
  /** Records are written in the order in which they came, whatever is hashed in between. */
  #tail: Promise<void> = Promise.resolve()
  #seen = new Set<string>()
  #modelParts = 1

  constructor(store: EvidenceStore, party: { self: string; roles: readonly Role[] }) {
    this.#store = store
    this.#self = party.self
    this.#roles = party.roles
  }

  /** Encrypted parts of the model, as far as the plan is known. */
  get modelParts(): number {
    return this.#modelParts
  }

  /** Whether byte strings are kept, too. */
  get replayable(): boolean {
    return this.#store.blobs && this.#roles.some(role => role === 'evaluator' || role === 'witness')
  }

  /** A statement whose signature was made here, or was checked. */
  keep({ signer, statement, signature }: SignedStatement): void {
    this.#record({ record: 'statement', signer, statement, signature: toHex(signature) })
  }

  /** A message was answered. */
  handled<K extends RequestKind>(kind: K, body: Bodies[K], reply: Bodies[ReplyOf<K>]): void {
    this.#taken[kind]?.(body, reply)
  }

  /** A key holder's share of round one, and what it signed of it, as the evaluator has it. */
  revealed(protocol: CommittedProtocol, body: Bodies['publicKeyPart']): void {
    this.#later(async () => await this.#revealed(protocol, body))
  }

  /** Everybody's commitments, checked. */
  committed(protocol: CommittedProtocol, entries: Commitments): void {
    for (const { peer, commitment, signature } of entries) {
      this.#record({ record: 'commitment', protocol, peer, commitment: toHex(commitment), signature: toHex(signature) })
    }
  }

  /** A byte string of which a statement names the hash. */
  bytes(bytes: Uint8Array): void {
    if (!this.replayable) return
    this.#later(async () => this.#sink?.keep(await hashOf(bytes), bytes))
  }

  /** Byte strings of which a statement names one hash for all. */
  components(list: readonly Uint8Array[]): void {
    if (!this.replayable) return
    this.#later(async () => {
      const hashes = await Promise.all(list.map(hash))
      list.forEach((bytes, k) => void this.#sink?.keep(toHex(hashes[k]!), bytes))
      this.#write({ record: 'components', hash: toHex(componentsHash(hashes)), hashes: hashes.map(toHex) })
    })
  }

  /** The proof of a batch of inputs, or of weights where no query is named. */
  proof(query: string, batch: number, bytes: Uint8Array): void {
    if (!this.replayable) return
    this.#later(async () => {
      const known = await hashOf(bytes)
      this.#sink?.keep(known, bytes)
      this.#write({ record: 'proof', query, batch, hash: known })
    })
  }

  /** Byte strings that come one by one, in whatever order, of which a statement names one hash for all: inputs of a query, parts of a model. */
  list(): EvidenceList {
    const hashes: Uint8Array[] = []
    let begun = false
    return {
      put: (index, bytes, expected = 1) => {
        if (!this.replayable) return
        if (!begun && expected > 1) this.#later(async () => this.#sink?.expect(expected * bytes.length))
        begun = true
        this.#later(async () => {
          const known = await hash(bytes)
          hashes[index] = known
          this.#sink?.keep(toHex(known), bytes)
        })
      },
      complete: () => {
        if (!this.replayable) return
        this.#later(async () => this.#write({ record: 'components', hash: toHex(componentsHash(hashes)), hashes: hashes.map(toHex) }))
      }
    }
  }

  /** Hashes of what the querier was given. */
  result(query: string, list: readonly Uint8Array[]): void {
    this.#later(async () => this.#write({ record: 'result', query, hashes: await Promise.all(list.map(hashOf)) }))
  }

  /** Resolves when more may be kept without filling the memory. */
  async room(): Promise<void> {
    await this.#sink?.room()
  }

  /** Resolves when everything told so far has been handed to the store. */
  async written(): Promise<void> {
    await this.#tail
  }

  /** The session is over. */
  ended(error: Error | undefined): void {
    this.#later(async () => {
      this.#write({ record: 'end', reason: error === undefined ? 'closed' : error.name })
      this.#sink?.end()
      this.#reset()
    })
  }

  readonly #taken: { [K in RequestKind]?: (body: Bodies[K], reply: Bodies[ReplyOf<K>]) => void } = {
    propose: ({ descriptor }) =>
      this.#later(async () => {
        this.#sink?.end()
        this.#reset()
        this.#proposal = await hash(descriptor)
        this.#write({ record: 'keeper', peer: this.#self, roles: [...this.#roles], blobs: this.replayable })
        this.#write({ record: 'descriptor', text: new TextDecoder().decode(descriptor) })
        this.#modelParts = decodeDescriptor(descriptor, this.#self).plan.weights.count
      }),

    commitments: ({ entries }) =>
      this.#later(async () => {
        this.#acceptances = entries
        for (const { peer, commitment, resultKeyHash, signature } of entries) {
          const hashes = { commitment: toHex(commitment), resultKeyHash: toHex(resultKeyHash) }
          this.#write({ record: 'acceptance', peer, ...hashes, signature: toHex(signature) })
        }
      }),

    open: ({ nonces }) =>
      this.#later(async () => {
        for (const { peer, nonce } of nonces) this.#write({ record: 'nonce', peer, nonce: toHex(nonce) })
        if (this.#proposal === undefined || this.#sink !== undefined) return
        const parties = nonces.map(({ peer, nonce }, k) => ({ peer, nonce, resultKeyHash: this.#acceptances[k]!.resultKeyHash }))
        this.#sink = this.#store.begin(toHex(sessionIdOf(this.#proposal, parties)))
        for (const record of this.#waiting) this.#sink.record(record)
        this.#waiting = []
      }),

    publicKeyCommitments: ({ entries }) => this.committed('public key', entries),
    relinearizationCommitments: ({ entries }) => this.committed('relinearization', entries),
    publicKeyPart: body => this.revealed('public key', body),
    relinearizationPart: body => this.revealed('relinearization', body),
    witnessShare: ({ protocol, peer, share, salt, signature }) => {
      if (protocol === 'relinearization-1') this.revealed('relinearization', { peer, share, salt, signature })
    },
    witnessRefreshed: ({ shares }) => this.components(shares),
    relinearizationOne: (_body, reply) => this.revealed('relinearization', { peer: this.#self, ...reply }),

    publicKeyConfirmed: ({ entries }) => {
      for (const { peer, hash: sum, signature } of entries) {
        this.#record({ record: 'confirmation', peer, hash: toHex(sum), signature: toHex(signature) })
      }
    }
  }

  async #revealed(protocol: CommittedProtocol, { peer, share, salt, signature }: Bodies['publicKeyPart']): Promise<void> {
    const shareHash = await hashOf(share)
    if (this.replayable) this.#sink?.keep(shareHash, share)
    this.#write({ record: 'revealed', protocol, peer, share: shareHash, salt: toHex(salt), signature: toHex(signature) })
  }

  #record(record: EvidenceRecord): void {
    this.#later(async () => this.#write(record))
  }

  #later(step: () => Promise<void>): void {
    this.#tail = this.#tail.then(step).catch(() => undefined)
  }

  /** What comes again, as repeated messages do, is kept once. */
  #write(record: EvidenceRecord): void {
    const key = toHex(digest('record', JSON.stringify(record)))
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    if (this.#sink === undefined) this.#waiting.push(record)
    else this.#sink.record(record)
  }

  #reset(): void {
    this.#sink = undefined
    this.#waiting = []
    this.#proposal = undefined
    this.#acceptances = []
    this.#seen = new Set()
  }
}
