/**
 * What a page keeps, in IndexedDB: its identity, signed documents that it has checked, queries that it has asked, and the seeds that their results are read with.
 * Whatever runs under the page's origin can read it, and so can who reads the browser's profile on disk: there is no passphrase.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'

interface PageSchema extends DBSchema {
  identity: { key: string; value: Uint8Array }
  documents: { key: string; value: { kind: string; identifier: string; epoch: string; name: string; bytes: Uint8Array; order: number } }
  records: { key: [string, string]; value: { kind: string; key: string; value: unknown } }
  secrets: { key: string; value: Uint8Array }
}

export type PageDatabase = IDBPDatabase<PageSchema>

const VERSION = 1

export async function openPageDatabase(name = 'slytherin'): Promise<PageDatabase> {
  return await openDB<PageSchema>(name, VERSION, {
    upgrade: database => {
      database.createObjectStore('identity')
      database.createObjectStore('documents')
      database.createObjectStore('records', { keyPath: ['kind', 'key'] })
      database.createObjectStore('secrets')
    }
  })
}
