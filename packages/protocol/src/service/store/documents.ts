/** Where signed documents are kept. What is put has been checked (admission.ts); the store knows how documents are filed, and nothing of what they mean. */
import { type Filing, filingOf, type ServiceDocument } from '../objects/filing.js'
import { type DocumentKind, decodeSigned, encodeSigned, identify, type Signed } from '../objects/signed.js'

/** A document in the store, by kind, identifier and filing. */
export interface StoredName extends Filing {
  /** Of the document, as in its field `kind`. */
  readonly kind: string
  /** Of the document (`identify`), hexadecimal. */
  readonly identifier: string
}

/** What `list` looks for; everything that is not given matches. */
export interface DocumentFilter extends Partial<Filing> {
  readonly kind?: string
}

/** Keeps signed documents by kind and identifier. */
export interface DocumentStore {
  /**
   * Durable before it resolves. A document that is there stays as it is, signatures included.
   * @throws StorageFullError; what is there stays
   */
  put<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>): Promise<'new' | 'known'>
  /** Undefined for what is not there. */
  get<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined>
  /** By kind, then in the order in which they were put. */
  list(filter: DocumentFilter): Promise<StoredName[]>
  /** Takes what is not there. */
  remove(kind: string, identifier: string): Promise<void>
}

/** Keeps documents in memory: for tests. */
export class MemoryDocumentStore implements DocumentStore {
  readonly #documents = new Map<string, { name: StoredName; bytes: Uint8Array }>()

  async put<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>): Promise<'new' | 'known'> {
    const identifier = identify(kind, signed.document)
    const key = `${kind.kind} ${identifier}`
    if (this.#documents.has(key)) return 'known'
    this.#documents.set(key, { name: { kind: kind.kind, identifier, ...filingOf(signed.document) }, bytes: encodeSigned(signed) })
    return 'new'
  }

  async get<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined> {
    const found = this.#documents.get(`${kind.kind} ${identifier}`)
    return found === undefined ? undefined : decodeSigned(kind, found.bytes, 'store')
  }

  async list({ kind, epoch, name }: DocumentFilter): Promise<StoredName[]> {
    return [...this.#documents.values()]
      .map(entry => entry.name)
      .filter(
        entry =>
          (kind === undefined || entry.kind === kind) &&
          (epoch === undefined || entry.epoch === epoch) &&
          (name === undefined || entry.name === name)
      )
      .sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0))
  }

  async remove(kind: string, identifier: string): Promise<void> {
    this.#documents.delete(`${kind} ${identifier}`)
  }
}
