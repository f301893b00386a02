/** Trained networks, real samples and golden logits from the repository's `models` folder, for tests. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { fuse, importOnnx, type Network, type NetworkGraph } from '@slytherin/engine'

const models = new URL('../../../models/', import.meta.url)

export interface ManifestModel {
  name: string
  file: string
  normalisation: { scale?: number; mean: number | number[]; std: number | number[]; clip?: number; perFeature?: boolean }
  dataset: { name: string; test: { x?: string } }
  expected: { maxAbsLogit: number }
  activationRanges: { train: { layer: string; min: number; max: number }[] }
  golden?: string
}

export const manifest: ManifestModel[] = JSON.parse(readFileSync(new URL('manifest.json', models), 'utf8')).models

export function modelOf(name: string): ManifestModel {
  const model = manifest.find(candidate => candidate.name === name)
  if (!model) throw new Error(`no model '${name}' in the manifest`)
  return model
}

export const onnxBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(modelOf(name).file, models)))

const graphs = new Map<string, NetworkGraph>()
export function graphOf(name: string): NetworkGraph {
  const known = graphs.get(name)
  if (known) return known
  const graph = importOnnx(onnxBytes(name))
  graphs.set(name, graph)
  return graph
}

const networks = new Map<string, Network>()
export function networkOf(name: string): Network {
  const known = networks.get(name)
  if (known) return known
  const network = fuse(graphOf(name))
  networks.set(name, network)
  return network
}

export const goldenLogits = (name: string): number[][] => JSON.parse(readFileSync(new URL(modelOf(name).golden!, models), 'utf8')).logits

/** ubyte IDX container, gzip */
function readIdx(path: URL): { dimensions: number[]; data: Uint8Array } {
  const bytes = gunzipSync(readFileSync(path))
  const rank = bytes[3]!
  const dimensions = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis))
  return { dimensions, data: new Uint8Array(bytes.subarray(4 + 4 * rank)) }
}

/** .npy file of little-endian float32 or float64 */
function readNpy(path: URL): { shape: number[]; values: Float64Array } {
  const bytes = readFileSync(path)
  const headerLength = bytes.readUInt16LE(8)
  const header = bytes.subarray(10, 10 + headerLength).toString('latin1')
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(',')
    .filter(part => part.trim() !== '')
    .map(Number)
  const size = header.includes("'<f4'") ? 4 : 8
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  const offset = 10 + headerLength
  const values = Float64Array.from({ length: count }, (_, index) =>
    size === 4 ? bytes.readFloatLE(offset + 4 * index) : bytes.readDoubleLE(offset + 8 * index)
  )
  return { shape, values }
}

let images: Uint8Array | undefined

/** The first `count` test samples as the model expects them (normalised, float32 like the training data). */
export function testSamples(name: string, count: number, first = 0): Float64Array[] {
  const { normalisation, dataset } = modelOf(name)
  if (normalisation.perFeature) {
    const { shape, values } = readNpy(new URL(dataset.test.x!, models))
    const width = shape[1]!
    return Array.from({ length: count }, (_, row) => values.slice((first + row) * width, (first + row + 1) * width))
  }
  images ??= readIdx(new URL('data/mnist-t10k-images-idx3-ubyte.gz', models)).data
  const { scale, mean, std } = normalisation as { scale: number; mean: number; std: number }
  return Array.from({ length: count }, (_, row) =>
    Float64Array.from(images!.subarray((first + row) * 784, (first + row + 1) * 784), pixel => Math.fround((pixel * scale - mean) / std))
  )
}

/** Digits of the first test images. */
export function labels(count: number, first = 0): number[] {
  const { data } = readIdx(new URL('data/mnist-t10k-labels-idx1-ubyte.gz', models))
  return [...data.subarray(first, first + count)]
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length} differ`)
  let largest = 0
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs(a[index]! - b[index]!)
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference)
  }
  return largest
}
