/** Model files: ONNX, with the files beside it that hold its weights, as `torch.onnx.export` and others write them. */
import { lstat, readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { externalDataFiles, type ImportOptions, importOnnx, type NetworkGraph, type Replacements, type TaskChoice } from '@slytherin/engine'
import { DataFileError } from './errors.js'
import { readDataFile } from './read.js'

/** What a file leaves open, and the user says. */
export interface ModelChoice {
  /** Which of the file's outputs is computed. */
  readonly output?: string | undefined
  /** Shape of one sample, without the batch. */
  readonly inputShape?: readonly number[] | undefined
  /** What stands in the place of operators that nothing evaluates. */
  readonly replace?: Replacements | undefined
  /** What its outputs mean. */
  readonly task?: TaskChoice | undefined
}

/** A model as it was read, with what its import needs. */
export interface ModelFile {
  /** The file's bytes. */
  readonly onnx: Uint8Array
  /** What the file leaves open, and the files beside it that hold its weights. */
  readonly options: Omit<ImportOptions, 'name'>
}

/**
 * @param path ONNX file
 * @throws DataFileError when it cannot be read, or a file beside it is a link to another folder; the engine's errors when it is not ONNX
 */
export async function readModelFile(path: string, { output, inputShape, replace, task }: ModelChoice = {}): Promise<ModelFile> {
  const onnx = await readDataFile(path, 'a readable ONNX model')
  const files = new Map<string, Uint8Array>()
  for (const name of externalDataFiles(onnx)) {
    const bytes = await besideModel(path, name)
    if (bytes) files.set(name, bytes)
  }
  return {
    onnx,
    options: {
      ...(output === undefined ? {} : { output }),
      ...(inputShape === undefined ? {} : { inputShape }),
      ...(replace === undefined ? {} : { replace }),
      ...(task === undefined ? {} : { task }),
      externalData: name => files.get(name)
    }
  }
}

/** @throws as `readModelFile`, and the engine's import errors, which name the node and the remedy */
export async function importModelFile(path: string, choice: ModelChoice = {}): Promise<NetworkGraph> {
  const { onnx, options } = await readModelFile(path, choice)
  return importOnnx(onnx, options)
}

/** Undefined where there is none: the importer says which tensor misses it. The name has no path steps; a link must not have any either. */
async function besideModel(model: string, name: string): Promise<Uint8Array | undefined> {
  const file = join(dirname(model), name)
  const found = await lstat(file).catch(() => undefined)
  if (!found) return undefined
  const [folder, real] = await Promise.all([realpath(dirname(model)), realpath(file).catch(() => file)])
  if (dirname(real) !== folder)
    throw new DataFileError(file, 'weights of the model', 'a file in the folder of the model', 'a link to another folder')
  if (!(await lstat(real).catch(() => undefined))?.isFile())
    throw new DataFileError(file, 'weights of the model', 'a file in the folder of the model', 'something else')
  return await readFile(real)
}
