/** Signed documents as releases and queries read and keep them; where they are filed and how they come from others is the members' concern. */
import type { ServiceDocument } from '../objects/filing.js'
import type { DocumentKind, Signed } from '../objects/signed.js'

/** Reads and keeps signed documents. */
export interface DocumentShelf {
  /** Durable before it resolves. */
  // biome-ignore lint/suspicious/noExplicitAny: a shelf takes every kind
  put(kind: DocumentKind<any>, signed: Signed<any>): Promise<unknown>
  /** Undefined for what is not there. */
  get<T extends ServiceDocument>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined>
}
