/** Folders of cases: `NAME.onnx`, samples in `NAME-x.npy`, right outputs in `NAME-right.npy` (of the only output) or `NAME-right.npz` (by the outputs' names). */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataFileError, npzNames, readNpy, readNpz, type SampleArray } from '@slytherin/node'
import * as z from 'zod'

export interface CaseFile {
  readonly name: string
  readonly model: string
  readonly samples: SampleArray | undefined
  readonly right: readonly RightOutput[]
}

export interface RightOutput {
  /** undefined for the only output of a file */
  readonly output: string | undefined
  readonly values: SampleArray
}

/** What a folder says of its cases in `expected.json`: a refusal that is right, by the pattern of its reason. */
const expectationsSchema = z.record(z.string(), z.strictObject({ refused: z.string().min(1) }))
export type Expectations = z.infer<typeof expectationsSchema>

/** Undefined where the folder says nothing. @throws DataFileError */
export async function readExpectations(folder: string): Promise<Expectations | undefined> {
  const file = join(folder, 'expected.json')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    return expectationsSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new DataFileError(file, 'file', 'a refusal for each name: { "name": { "refused": "pattern" } }', (error as Error).message, {
      cause: error
    })
  }
}

/** @throws DataFileError when the folder or one of its arrays cannot be read */
export async function readCases(folder: string): Promise<CaseFile[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new DataFileError(folder, 'folder', 'a readable folder of ONNX files', error.code ?? error.message, { cause: error })
  })
  const present = new Set(files)
  const names = files.filter(file => file.endsWith('.onnx')).map(file => file.slice(0, -'.onnx'.length))
  return await Promise.all(
    names.sort().map(async (name): Promise<CaseFile> => {
      const bytes = async (suffix: string): Promise<Uint8Array | undefined> =>
        present.has(`${name}${suffix}`) ? await readFile(join(folder, `${name}${suffix}`)) : undefined
      const [x, npy, npz] = await Promise.all([bytes('-x.npy'), bytes('-right.npy'), bytes('-right.npz')])
      return {
        name,
        model: join(folder, `${name}.onnx`),
        samples: x && readNpy(x, `${name}-x.npy`),
        right: [
          ...(npy ? [{ output: undefined, values: readNpy(npy, `${name}-right.npy`) }] : []),
          ...(npz ? arraysOf(npz, `${name}-right.npz`) : [])
        ]
      }
    })
  )
}

/** The arrays of numbers; labels that are text are not compared. */
function arraysOf(archive: Uint8Array, file: string): RightOutput[] {
  return npzNames(archive, file).flatMap((output): RightOutput[] => {
    try {
      return [{ output, values: readNpz(archive, file, output) }]
    } catch (error) {
      if (error instanceof DataFileError && error.field === 'type') return []
      throw error
    }
  })
}
