/** What a full disk is called between parties. */
import { StorageFullError } from '@slytherin/protocol'

/** SQLITE_FULL. */
const SQLITE_FULL = 13

/** The error itself, unless it says that there is no room. */
export function storageFull(error: unknown, place: string): unknown {
  const { code, errcode } = error as { readonly code?: string; readonly errcode?: number }
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && errcode !== SQLITE_FULL) return error
  return new StorageFullError(
    { field: place, remedy: 'Make room on the disk: what is stored stays, and what waits goes on.' },
    { cause: error }
  )
}
