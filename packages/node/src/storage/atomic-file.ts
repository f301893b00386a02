/**
 * Files that are either the old ones or the new ones, whatever happens: write beside, fsync, rename, fsync the directory.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Readable and writable by the owner alone. */
export const SECRET_MODE = 0o600

/** Replaces a file as a whole; it is on the platter when this resolves. @param mode permission bits of the new file */
export async function writeAtomically(path: string, contents: Uint8Array | string, mode = SECRET_MODE): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await withFile(await open(temporary, 'wx', mode), async file => {
      await file.writeFile(contents)
      await file.sync()
    })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await withFile(await open(dirname(path), 'r'), directory => directory.sync())
}

async function withFile(file: FileHandle, use: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await use(file)
  } finally {
    await file.close()
  }
}
