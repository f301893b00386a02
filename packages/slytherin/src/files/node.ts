/** Node: models are files. */
import { readFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { externalDataFiles } from '@slytherin/engine'
import type { ReadModel } from './source.js'

export const readModel: ReadModel = async source => {
  const path = await realpath(source instanceof URL || source.startsWith('file:') ? fileURLToPath(source) : source)
  const onnx = await readFile(path)
  const beside = new Map<string, Uint8Array>()
  // Names have no steps to other folders (engine), and a link leads to none: what is missing is named by the importer.
  for (const name of externalDataFiles(onnx)) {
    const file = await realpath(join(dirname(path), name)).catch(() => undefined)
    if (file !== undefined && dirname(file) === dirname(path)) beside.set(name, await readFile(file))
  }
  return { onnx, externalData: name => beside.get(name) }
}
