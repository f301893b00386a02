/** Errors as the page shows them. */
import { ProtocolError, RemoteFailureError } from '@slytherin/protocol'
import type { ErrorReport } from './messages.js'

/** @param nameOf what a peer is called; undefined for one that nobody knows */
export function reportOf(error: unknown, nameOf: (peer: string) => string | undefined): ErrorReport {
  if (error instanceof RemoteFailureError) {
    const { name, message, code, field, expected, actual, remedy } = describe(error.remote)
    const party = error.peer === undefined ? undefined : (nameOf(error.peer) ?? error.peer)
    return { ...defined({ code, field, expected, actual, remedy, party }), name, message }
  }
  return describe(error)
}

function describe(error: unknown): ErrorReport {
  if (error instanceof ProtocolError) {
    const { code, field, expected, actual, remedy } = error
    return { ...defined({ code, field, expected, actual, remedy }), name: error.name, message: error.message }
  }
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: 'Error', message: String(error) }
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
