/** Room on a disk. */
import { statfs } from 'node:fs/promises'

/** What this user may still write where a path is, in bytes; undefined where the system does not say. */
export async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}
