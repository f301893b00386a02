/**
 * Sums over shifted planes, the one loop of convolutions and of their transposes:
 *
 *   out[o][target_e] += Σ_i Σ_t w(o, i, t)·x[i][base_e + offset_t]
 *
 * Planes are padded with zeros, so that every shift stays inside. A loop over an entry of a sparse matrix reads an index and a value for each product; here four output planes
 * and four places share what is read, and sums stay in registers (`plane-sums`).
 */
import { LoopedSums, PLACES, type PlaneSums, TILE, VectorSums } from './plane-sums.js'

/** Places whose sums take the same shifts. */
export interface Phase {
  /** place in a padded plane, for every sum */
  readonly bases: Int32Array
  /** place in an output plane */
  readonly targets: Int32Array
  /** what is added to a base, and the tap of the kernel that goes with it */
  readonly offsets: Int32Array
  readonly taps: Int32Array
}

/** One channel, before and after padding, and what is summed. */
export interface Planes {
  readonly height: number
  readonly width: number
  /** rows above, columns to the left, and size with all padding */
  readonly top: number
  readonly left: number
  readonly paddedHeight: number
  readonly paddedWidth: number
  /** places of an output plane */
  readonly outputs: number
  readonly phases: readonly Phase[]
}

/** How channels are connected. */
export interface Channels {
  readonly inputs: number
  readonly outputs: number
  readonly groups: number
  /** weight of tap `tap` between output channel `output` and the `input`-th channel of its group */
  weight(output: number, input: number, tap: number): number
}

/** Shifts that are summed at a time: what they read stays in the nearest cache. */
const SHIFTS = 192

/** Made when first needed; nothing of it outlasts a call but its memory. */
let made: PlaneSums | undefined

/** By the channels that they connect: weights of every tile, in the order in which `correlate` takes them. Reading them one by one takes as long as small planes do. */
const tiled = new WeakMap<Channels, Float64Array[]>()

/**
 * @param channels weights are read once; always with the same planes
 * @param x `count` vectors side by side, channel by channel and place by place
 * @returns the same of the output channels
 */
export function correlate(planes: Planes, channels: Channels, x: ArrayLike<number>, count: number): Float64Array<ArrayBuffer> {
  const { inputs, outputs, groups } = channels
  const padded = pad(planes, inputs, x, count)
  const stride = planes.outputs * count
  const out = new Float64Array(outputs * stride)
  const [inputsOf, outputsOf] = [inputs / groups, outputs / groups]
  const size = planes.paddedHeight * planes.paddedWidth * count
  const tiles = tiled.get(channels) ?? []
  tiled.set(channels, tiles)
  made ??= makeSums()
  let next = 0
  for (const phase of planes.phases) {
    const targets = repeated(phase.targets, count)
    const taps = phase.offsets.length
    made.at(filled(repeated(phase.bases, count)))
    const atOnce = Math.max(1, Math.floor(SHIFTS / Math.max(1, taps)))
    for (let group = 0; group < groups; group++) {
      for (let first = 0; first < inputsOf; first += atOnce) {
        const channelsNow = Math.min(atOnce, inputsOf - first)
        const from = group * inputsOf + first
        made.read(padded.subarray(from * size, (from + channelsNow) * size), offsetsOf(phase, channelsNow, size, count))
        for (let tile = 0; tile < outputsOf; tile += TILE) {
          const used = Math.min(TILE, outputsOf - tile)
          const output = group * outputsOf + tile
          tiles[next] ??= weightsOf(channels, phase, output, used, first, channelsNow)
          scatter(made.sum(tiles[next++]!), targets, out, output * stride, stride, used)
        }
      }
    }
  }
  return out
}

/** Shifts of so many channels, channel by channel and tap by tap. */
function offsetsOf({ offsets }: Phase, channels: number, size: number, count: number): Int32Array {
  const out = new Int32Array(channels * offsets.length)
  for (let channel = 0, k = 0; channel < channels; channel++)
    for (let t = 0; t < offsets.length; t++) out[k++] = channel * size + offsets[t]! * count
  return out
}

/** Of every shift those of the output planes of a tile, beside each other. */
function weightsOf(channels: Channels, { taps }: Phase, output: number, used: number, first: number, count: number): Float64Array {
  const weights = new Float64Array(TILE * count * taps.length)
  for (let channel = 0, k = 0; channel < count; channel++)
    for (let t = 0; t < taps.length; t++, k += TILE)
      for (let j = 0; j < used; j++) weights[k + j] = channels.weight(output + j, first + channel, taps[t]!)
  return weights
}

/** Vectors where the host has them. */
function makeSums(): PlaneSums {
  try {
    return new VectorSums()
  } catch {
    return new LoopedSums()
  }
}

/** Adds what has been summed of a tile to the first `used` of its planes. */
function scatter(sums: Float64Array, targets: Int32Array, out: Float64Array, first: number, stride: number, used: number): void {
  const places = sums.length / TILE
  for (let j = 0; j < used; j++) {
    const [from, to] = [j * places, first + j * stride]
    for (let e = 0; e < targets.length; e++) out[to + targets[e]!]! += sums[from + e]!
  }
}

/** As many places as are summed at a time, or a multiple: the last one over and over. */
function filled(places: Int32Array): Int32Array {
  const out = new Int32Array(PLACES * Math.ceil(places.length / PLACES)).fill(places.at(-1)!)
  out.set(places)
  return out
}

function pad(planes: Planes, channels: number, x: ArrayLike<number>, count: number): Float64Array {
  const { height, width, top, left, paddedHeight, paddedWidth } = planes
  const out = new Float64Array(channels * paddedHeight * paddedWidth * count)
  const row = width * count
  for (let channel = 0, from = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const to = ((channel * paddedHeight + top + y) * paddedWidth + left) * count
      for (let k = 0; k < row; k++) out[to + k] = x[from++]!
    }
  }
  return out
}

/** Indices of `count` elements for each place. */
function repeated(places: Int32Array, count: number): Int32Array {
  const out = new Int32Array(places.length * count)
  for (let e = 0, k = 0; e < places.length; e++) for (let j = 0; j < count; j++) out[k++] = places[e]! * count + j
  return out
}
