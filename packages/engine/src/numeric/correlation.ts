/**
 * Sums over shifted planes, the one loop of convolutions and of their transposes:
 *
 *   out[o][target_e] += Σ_i Σ_t w(o, i, t)·x[i][base_e + offset_t]
 *
 * Planes are padded with zeros, so that every shift stays inside. A loop over an entry of a sparse matrix reads an index and a value for each product; here four output planes
 * and two places share what is read, and sums stay in registers.
 */

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

/** Output planes that are summed at a time. */
const TILE = 4
/** Shifts that are summed at a time: what they read stays in the nearest cache. */
const SHIFTS = 192

/**
 * @param x `count` vectors side by side, channel by channel and place by place
 * @returns the same of the output channels
 */
export function correlate(planes: Planes, channels: Channels, x: ArrayLike<number>, count: number): Float64Array<ArrayBuffer> {
  const { inputs, outputs, groups } = channels
  const padded = pad(planes, inputs, x, count)
  const out = new Float64Array(outputs * planes.outputs * count)
  const [inputsOf, outputsOf] = [inputs / groups, outputs / groups]
  const size = planes.paddedHeight * planes.paddedWidth
  for (const phase of planes.phases) {
    const [bases, targets] = [repeated(phase.bases, count), repeated(phase.targets, count)]
    const taps = phase.offsets.length
    const atOnce = Math.max(1, Math.floor(SHIFTS / Math.max(1, taps)))
    for (let group = 0; group < groups; group++) {
      for (let first = 0; first < inputsOf; first += atOnce) {
        const channelsNow = Math.min(atOnce, inputsOf - first)
        const offsets = new Int32Array(channelsNow * taps)
        for (let channel = 0, k = 0; channel < channelsNow; channel++) {
          const plane = (group * inputsOf + first + channel) * size
          for (let t = 0; t < taps; t++) offsets[k++] = (plane + phase.offsets[t]!) * count
        }
        for (let tile = 0; tile < outputsOf; tile += TILE) {
          const weights = new Float64Array(TILE * offsets.length)
          const used = Math.min(TILE, outputsOf - tile)
          const output = group * outputsOf + tile
          for (let channel = 0, k = 0; channel < channelsNow; channel++) {
            for (let t = 0; t < taps; t++, k += TILE)
              for (let j = 0; j < used; j++) weights[k + j] = channels.weight(output + j, first + channel, phase.taps[t]!)
          }
          const stride = planes.outputs * count
          sumTile(padded, bases, targets, offsets, weights, out, output * stride, stride, used)
        }
      }
    }
  }
  return out
}

/** Four output planes, two places at a time. */
function sumTile(
  x: Float64Array,
  bases: Int32Array,
  targets: Int32Array,
  offsets: Int32Array,
  weights: Float64Array,
  out: Float64Array,
  first: number,
  stride: number,
  used: number
): void {
  const places = bases.length
  const shifts = offsets.length
  for (let e = 0; e < places; e += 2) {
    const a = bases[e]!
    // the last of an odd number is summed twice, and written once
    const pair = e + 1 < places
    const b = pair ? bases[e + 1]! : a
    // a pattern would be an array each time
    let a0 = 0
    let a1 = 0
    let a2 = 0
    let a3 = 0
    let b0 = 0
    let b1 = 0
    let b2 = 0
    let b3 = 0
    for (let t = 0, k = 0; t < shifts; t++, k += 4) {
      const offset = offsets[t]!
      const xa = x[a + offset]!
      const xb = x[b + offset]!
      const w0 = weights[k]!
      const w1 = weights[k + 1]!
      const w2 = weights[k + 2]!
      const w3 = weights[k + 3]!
      a0 += w0 * xa
      b0 += w0 * xb
      a1 += w1 * xa
      b1 += w1 * xb
      a2 += w2 * xa
      b2 += w2 * xb
      a3 += w3 * xa
      b3 += w3 * xb
    }
    const to = first + targets[e]!
    out[to]! += a0
    if (used > 1) out[to + stride]! += a1
    if (used > 2) out[to + 2 * stride]! += a2
    if (used > 3) out[to + 3 * stride]! += a3
    if (!pair) return
    const other = first + targets[e + 1]!
    out[other]! += b0
    if (used > 1) out[other + stride]! += b1
    if (used > 2) out[other + 2 * stride]! += b2
    if (used > 3) out[other + 3 * stride]! += b3
  }
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
