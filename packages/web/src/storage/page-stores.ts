/** The protocol's stores over a page's database. A transaction that is complete is as durable as a browser makes it. */
import {
  type DocumentFilter,
  type DocumentKind,
  type DocumentStore,
  decodeSigned,
  encodeSigned,
  filingOf,
  identify,
  type RecordStore,
  type SecretStore,
  type ServiceDocument,
  type Signed,
  type StoredName
} from '@slytherin/protocol/service'
import type { PageDatabase } from './page-database.js'

export class PageDocuments implements DocumentStore {
  readonly #database: PageDatabase

  constructor(database: PageDatabase) {
    this.#database = database
  }

  async put<T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>): Promise<'new' | 'known'> {
    const identifier = identify(kind, signed.document)
    const { epoch, name } = filingOf(signed.document)
    const transaction = this.#database.transaction('documents', 'readwrite')
    const key = `${kind.kind} ${identifier}`
    if ((await transaction.store.getKey(key)) !== undefined) return 'known'
    const order = await transaction.store.count()
    await transaction.store.put({ kind: kind.kind, identifier, epoch, name, bytes: encodeSigned(signed), order }, key)
    await transaction.done
    return 'new'
  }

  async get<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined> {
    const found = await this.#database.get('documents', `${kind.kind} ${identifier}`)
    return found === undefined ? undefined : decodeSigned(kind, found.bytes, 'store')
  }

  async list({ kind, epoch, name }: DocumentFilter): Promise<StoredName[]> {
    const all = await this.#database.getAll('documents')
    return all
      .filter(
        entry =>
          (kind === undefined || entry.kind === kind) &&
          (epoch === undefined || entry.epoch === epoch) &&
          (name === undefined || entry.name === name)
      )
      .sort((a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.order - b.order))
      .map(entry => ({ kind: entry.kind, identifier: entry.identifier, epoch: entry.epoch, name: entry.name }))
  }

  async remove(kind: string, identifier: string): Promise<void> {
    await this.#database.delete('documents', `${kind} ${identifier}`)
  }
}

export class PageRecords implements RecordStore {
  readonly #database: PageDatabase

  constructor(database: PageDatabase) {
    this.#database = database
  }

  async put(kind: string, key: string, value: unknown): Promise<void> {
    await this.#database.put('records', { kind, key, value })
  }

  async get(kind: string, key: string): Promise<unknown> {
    return (await this.#database.get('records', [kind, key]))?.value
  }

  async list(kind: string): Promise<{ readonly key: string; readonly value: unknown }[]> {
    const all = await this.#database.getAll('records', IDBKeyRange.bound([kind], [kind, []]))
    return all.map(({ key, value }) => ({ key, value }))
  }

  async count(kind: string): Promise<number> {
    return await this.#database.count('records', IDBKeyRange.bound([kind], [kind, []]))
  }

  async delete(kind: string, key: string): Promise<void> {
    await this.#database.delete('records', [kind, key])
  }
}

export class PageSecrets implements SecretStore {
  readonly #database: PageDatabase

  constructor(database: PageDatabase) {
    this.#database = database
  }

  async put(name: string, secret: Uint8Array): Promise<void> {
    await this.#database.put('secrets', secret.slice(), name)
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return await this.#database.get('secrets', name)
  }

  async erase(name: string): Promise<void> {
    await this.#database.delete('secrets', name)
  }
}
