/**
 * The first convolution, laid out by kernel tap: because the architecture is public, the data owner sends for every tap the input value that each output position
 * reads (im2col), zero where the window falls on padding. The convolution is then, per output block,
 *
 *   y = Σ_tap w_tap ⊙ x_tap + c
 *
 * with no rotation and one relinearisation. Positions are arranged so that every block of a channel group sees the same channel at the same place: one ciphertext
 * w_tap serves all blocks. Positions that hold nothing stay zero.
 *
 * Arrangements: `blocks`, channel-major with ⌊width / channels⌋ spatial positions of every channel to a block; `chunks`, a single block in the order that the
 * following layer likes best (see `chunkedLayout`).
 */
import { type ConvolutionGeometry, outputSize, tapCount, tapSource } from '../graph/geometry.js'
import { chunkedLayout, type Layout } from './layout.js'

export type TapArrangement = { readonly kind: 'blocks' } | { readonly kind: 'chunks'; readonly rows: number; readonly diagonals: number }

export type TapItem =
  | { readonly kind: 'tap'; readonly group: number; readonly tap: number }
  /** of the blocks from..to-1 of the group: a last block with positions to spare has a bias of its own, zero there */
  | { readonly kind: 'bias'; readonly group: number; readonly from: number; readonly to: number }

/** A first convolution by kernel taps: the data owner lays the input out, and the layer has no rotations. */
export class TapsPacking {
  readonly kind = 'taps'
  readonly taps: number
  readonly channelsPerBlock: number
  readonly positionsPerBlock: number
  /** blocks of output channels, each with weights of its own */
  readonly channelGroups: number
  /** output blocks that share the weights of one channel group */
  readonly blocksPerGroup: number
  readonly output: Layout
  /** order in which weights are used: taps of a group, then its bias */
  readonly items: readonly TapItem[]

  constructor(
    readonly geometry: ConvolutionGeometry,
    readonly width: number,
    readonly arrangement: TapArrangement
  ) {
    const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
    const channels = geometry.outputChannels
    this.taps = tapCount(geometry)
    if (arrangement.kind === 'chunks') {
      this.channelsPerBlock = channels
      this.positionsPerBlock = positions
      this.channelGroups = 1
      this.blocksPerGroup = 1
      this.output = chunkedLayout(channels * positions, width, arrangement.rows, arrangement.diagonals)
    } else {
      this.channelsPerBlock = Math.min(channels, width)
      this.positionsPerBlock = Math.min(positions, Math.floor(width / this.channelsPerBlock))
      this.channelGroups = Math.ceil(channels / this.channelsPerBlock)
      this.blocksPerGroup = Math.ceil(positions / this.positionsPerBlock)
      const blocks: Int32Array[] = []
      for (let group = 0; group < this.channelGroups; group++) {
        for (let part = 0; part < this.blocksPerGroup; part++) {
          blocks.push(
            Int32Array.from({ length: width }, (_, place) => {
              const channel = this.channelAt(group, place)
              const position = part * this.positionsPerBlock + (place % this.positionsPerBlock)
              return channel >= 0 && position < positions ? channel * positions + position : -1
            })
          )
        }
      }
      this.output = { width, period: width, blocks }
    }
    this.items = Array.from({ length: this.channelGroups }, (_, group): TapItem[] => [
      ...Array.from({ length: this.taps }, (_, tap): TapItem => ({ kind: 'tap', group, tap })),
      ...this.biases(group, positions)
    ]).flat()
  }

  private biases(group: number, positions: number): TapItem[] {
    const last = this.blocksPerGroup
    if (last === 1 || positions % this.positionsPerBlock === 0) return [{ kind: 'bias', group, from: 0, to: last }]
    return [
      { kind: 'bias', group, from: 0, to: last - 1 },
      { kind: 'bias', group, from: last - 1, to: last }
    ]
  }

  /** Output blocks, each a ciphertext of a batch block. */
  get outputBlocks(): number {
    return this.output.blocks.length
  }

  /** Input ciphertexts of one batch block, in order of use: channel group, then tap, then block of the group. */
  get inputCount(): number {
    return this.channelGroups * this.taps * this.blocksPerGroup
  }

  /** Index of the input that block `part` of `group` multiplies with `tap`. */
  inputIndex(group: number, tap: number, part: number): number {
    return (group * this.taps + tap) * this.blocksPerGroup + part
  }

  /** Input feature at every position of input `index`, -1 for zero. */
  inputFeatures(index: number): Int32Array {
    const part = index % this.blocksPerGroup
    const tap = Math.floor(index / this.blocksPerGroup) % this.taps
    const group = Math.floor(index / (this.blocksPerGroup * this.taps))
    const positions = outputSize(this.geometry)[0] * outputSize(this.geometry)[1]
    return this.output.blocks[group * this.blocksPerGroup + part]!.map(feature =>
      feature < 0 ? -1 : tapSource(this.geometry, tap, Math.floor(feature / positions), feature % positions)
    )
  }

  /** Output channel at a position of the blocks of a channel group, -1 where there is none. */
  channelAt(group: number, place: number): number {
    if (this.arrangement.kind === 'chunks') {
      const feature = this.output.blocks[0]![place]!
      return feature < 0 ? -1 : Math.floor(feature / this.positionsPerBlock)
    }
    const inBlock = Math.floor(place / this.positionsPerBlock)
    const channel = group * this.channelsPerBlock + inBlock
    return inBlock < this.channelsPerBlock && channel < this.geometry.outputChannels ? channel : -1
  }
}
