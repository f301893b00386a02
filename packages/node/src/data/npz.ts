/**
 * NumPy's .npz: a zip archive of .npy files, as `numpy.savez` and `savez_compressed` write it. What the archive says of its sizes is held against the file before anything is unpacked.
 */
import { type UnzipFileInfo, unzipSync } from 'fflate'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat } from './format.js'
import { LARGEST_DATA_BYTES } from './gzip.js'
import { readNpy } from './npy.js'

const SUFFIX = '.npy'
/** Deflate makes nothing smaller than by this factor. */
const DEFLATE_RATIO = 1032
/** A label array, a data array and a few more: an archive of more members than that is none of samples. */
const MOST_MEMBERS = 10_000

/** Names of the arrays of an archive. @throws DataFileError */
export function npzNames(bytes: Uint8Array, file: string): string[] {
  const names: string[] = []
  unzipped(bytes, file, ({ name }) => {
    if (name.endsWith(SUFFIX)) names.push(name.slice(0, -SUFFIX.length))
    return false
  })
  return names
}

/**
 * @param name of the array; may be absent where the archive has one
 * @throws DataFileError
 */
export function readNpz(bytes: Uint8Array, file: string, name?: string): SampleArray {
  const names = npzNames(bytes, file)
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined || !names.includes(chosen)) {
    const expected = name === undefined ? 'one array, or its name' : "one of the archive's arrays"
    const remedy = names.length === 0 ? undefined : `Name it: ${file}#${names[0]}, or "array: ${names[0]}" in a configuration.`
    const has = names.slice(0, 20).join(', ') || 'none'
    throw new DataFileError(file, 'array', expected, name === undefined ? has : `'${name}' (it has ${has})`, { remedy })
  }
  const member = `${chosen}${SUFFIX}`
  const content = unzipped(bytes, file, info => info.name === member && isPlausible(info, bytes.length, `${file}[${chosen}]`))[member]
  return readNpy(content!, `${file}[${chosen}]`)
}

/** @throws DataFileError for a member that is larger than what is read, or than its compressed bytes can become */
function isPlausible({ size, originalSize }: UnzipFileInfo, archive: number, member: string): true {
  if (originalSize > LARGEST_DATA_BYTES) {
    throw new DataFileError(member, 'size', `at most ${LARGEST_DATA_BYTES} bytes`, `${originalSize}`, {
      remedy: 'Save it in parts.'
    })
  }
  if (size > archive || originalSize > size * DEFLATE_RATIO + DEFLATE_RATIO) {
    throw new DataFileError(member, 'size', 'what its compressed bytes can become', `${originalSize} bytes of ${size}`, {
      remedy: 'The archive is damaged: save it again.'
    })
  }
  return true
}

function unzipped(bytes: Uint8Array, file: string, filter: (info: UnzipFileInfo) => boolean): Record<string, Uint8Array> {
  let members = 0
  try {
    return unzipSync(bytes, {
      filter: info => {
        if (++members > MOST_MEMBERS) throw new DataFileError(file, 'archive', `at most ${MOST_MEMBERS} members`, 'more')
        return filter(info)
      }
    })
  } catch (error) {
    if (error instanceof DataFileError) throw error
    throw new DataFileError(file, 'archive', 'a NumPy archive (.npz)', (error as Error).message, { cause: error })
  }
}

export const npz: DataFormat = {
  name: 'npz',
  title: 'NumPy archive (.npz)',
  endings: ['.npz'],
  selects: ['array'],
  // a local file's header, or the end of an archive without files
  recognises: head => head[0] === 0x50 && head[1] === 0x4b && (head[2] === 3 || head[2] === 5),
  read: (bytes, file, { array, part }) => readNpz(bytes, file, array ?? part)
}
