/** Browsers: models are fetched. */
import { externalDataFiles } from '@slytherin/engine'
import type { ReadModel } from './source.js'

export const readModel: ReadModel = async source => {
  const address = new URL(source, globalThis.location?.href)
  const onnx = await fetched(address)
  const beside = new Map<string, Uint8Array>()
  for (const name of externalDataFiles(onnx)) beside.set(name, await fetched(new URL(encodeURIComponent(name), address)))
  return { onnx, externalData: name => beside.get(name) }
}

async function fetched(address: URL): Promise<Uint8Array> {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`${address.href}: HTTP status ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
