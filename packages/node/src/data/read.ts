/** Files that a configuration or a command line names. */
import { access, readFile } from 'node:fs/promises'
import { DataFileError } from './errors.js'

/**
 * @param expected what the file should be, for the error
 * @throws DataFileError when there is none or it may not be read
 */
export async function readDataFile(file: string, expected: string): Promise<Uint8Array> {
  return await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code ?? error.message
    throw new DataFileError(file, 'file', expected, `${reason}: check the path, and that this user may read it`, { cause: error })
  })
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false
  )
}
