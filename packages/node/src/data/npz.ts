/** NumPy's .npz: a zip archive of .npy files, as `numpy.savez` and `savez_compressed` write it. */
import { unzipSync } from 'fflate'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import { readNpy } from './npy.js'

const SUFFIX = '.npy'

/** Names of the arrays of an archive. @throws DataFileError */
export function npzNames(bytes: Uint8Array, file: string): string[] {
  const names: string[] = []
  try {
    unzipSync(bytes, {
      filter: ({ name }) => {
        if (name.endsWith(SUFFIX)) names.push(name.slice(0, -SUFFIX.length))
        return false
      }
    })
  } catch (error) {
    throw new DataFileError(file, 'archive', 'a NumPy archive (.npz)', (error as Error).message, { cause: error })
  }
  return names
}

/**
 * @param name of the array; may be absent where the archive has one
 * @throws DataFileError
 */
export function readNpz(bytes: Uint8Array, file: string, name?: string): SampleArray {
  const names: string[] = []
  let members: Record<string, Uint8Array>
  try {
    members = unzipSync(bytes, {
      filter: member => {
        if (!member.name.endsWith(SUFFIX)) return false
        const array = member.name.slice(0, -SUFFIX.length)
        names.push(array)
        return name === undefined || name === array
      }
    })
  } catch (error) {
    throw new DataFileError(file, 'archive', 'a NumPy archive (.npz)', (error as Error).message, { cause: error })
  }
  const found = Object.entries(members)
  if (found.length !== 1) {
    const expected = name === undefined ? 'one array, or its name in "array"' : `one of the archive's arrays`
    throw new DataFileError(
      file,
      'array',
      expected,
      name === undefined ? names.join(', ') || 'none' : `'${name}' (it has ${names.join(', ') || 'none'})`
    )
  }
  return readNpy(found[0]![1], `${file}[${found[0]![0].slice(0, -SUFFIX.length)}]`)
}
