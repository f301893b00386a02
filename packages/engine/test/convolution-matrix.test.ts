/** A convolution kept as its kernel is the matrix that it is entry by entry. */
import type { ConvolutionGeometry } from '@slytherin/engine'
import { ConvolutionMatrix, LoopedSums, VectorSums } from '@slytherin/engine/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { largestDifference } from './data.ts'
import { random } from './random.ts'

const small = (least: number, most: number) => fc.integer({ min: least, max: most })
const pair = (least: number, most: number) => fc.tuple(small(least, most), small(least, most))

const geometries: fc.Arbitrary<ConvolutionGeometry> = fc
  .record({
    groups: small(1, 3),
    inputs: small(1, 3),
    outputs: small(1, 6),
    size: pair(1, 9),
    kernel: pair(1, 4),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads: fc.tuple(small(0, 3), small(0, 3), small(0, 3), small(0, 3))
  })
  .map(({ groups, inputs, outputs, size: [height, width], ...window }) => ({
    channels: groups * inputs,
    outputChannels: groups * outputs,
    height,
    width,
    groups,
    ...window
  }))
  .filter(({ height, width, kernel, pads, dilations }) => {
    const fits = (size: number, axis: 0 | 1): boolean => size + pads[axis] + pads[axis + 2]! > dilations[axis] * (kernel[axis] - 1)
    return fits(height, 0) && fits(width, 1)
  })

function values(length: number, seed: number): Float64Array {
  const next = random(seed)
  return Float64Array.from({ length }, () => 2 * next() - 1)
}

function example(geometry: ConvolutionGeometry): ConvolutionMatrix {
  const { channels, groups, outputChannels, kernel } = geometry
  return new ConvolutionMatrix(geometry, values(outputChannels * (channels / groups) * kernel[0] * kernel[1], 3))
}

/** Kernels as large as their image, with what is padded and without: one output to a channel. */
const whole: ConvolutionGeometry = {
  channels: 4,
  outputChannels: 6,
  height: 3,
  width: 4,
  groups: 2,
  kernel: [3, 4],
  strides: [1, 1],
  dilations: [1, 1],
  pads: [0, 0, 0, 0]
}
const padded: ConvolutionGeometry = { ...whole, height: 2, width: 3, pads: [1, 0, 0, 1] }

test('products, transposed products, norms and entries are those of the matrix', () => {
  fc.assert(
    fc.property(geometries, small(1, 5), (geometry, count) => {
      const convolution = example(geometry)
      const matrix = convolution.sparse()
      const [x, y] = [values(matrix.columns, 5), values(matrix.rows * count, 7)]
      expect(largestDifference(convolution.apply(x), matrix.apply(x))).toBeLessThan(1e-12)
      expect(largestDifference(convolution.applyTransposedTogether(y, count), matrix.applyTransposedTogether(y, count))).toBeLessThan(1e-12)
      expect(convolution.largestRowSquare()).toBeCloseTo(matrix.largestRowSquare(), 10)
      expect(convolution.largestRowSquare(x)).toBeCloseTo(matrix.largestRowSquare(x), 10)
      expect(convolution.largestWindowSquare(x)).toBeCloseTo(matrix.largestWindowSquare(x), 10)
      for (let row = 0; row < matrix.rows; row += 7) {
        const columns = Int32Array.from({ length: matrix.columns + 1 }, (_, column) => column - 1)
        const expected = [0, ...Array.from({ length: matrix.columns }, (_, column) => matrix.at(row, column))]
        expect([
          ...convolution.pick(
            columns.map(() => row),
            columns
          )
        ]).toEqual(expected)
        expect([
          ...matrix.pick(
            columns.map(() => row),
            columns
          )
        ]).toEqual(expected)
        expect(convolution.pick(Int32Array.of(-1), Int32Array.of(0))[0]).toBe(0)
      }
    }),
    {
      numRuns: 60,
      seed: 11,
      examples: [
        [whole, 3],
        [padded, 2]
      ]
    }
  )
})

test('factors of channels stay in the kernel, others do not fit it', () => {
  fc.assert(
    fc.property(geometries, fc.boolean(), (geometry, common) => {
      const convolution = example(geometry)
      const matrix = convolution.sparse()
      const { rows, columns } = matrix
      const factors = (length: number, channels: number): Float64Array => {
        const own = values(length, 13)
        return own.map((_, k) => 2 + own[common ? Math.floor((k * channels) / length) : k]!)
      }
      const [left, right] = [factors(rows, geometry.outputChannels), factors(columns, geometry.channels)]
      const scaled = convolution.scaleRows(left).scaleColumns(right)
      if (common) expect(scaled).toBeInstanceOf(ConvolutionMatrix)
      const x = values(columns, 5)
      expect(largestDifference(scaled.apply(x), matrix.scaleRows(left).scaleColumns(right).apply(x))).toBeLessThan(1e-11)
    }),
    { numRuns: 40, seed: 12 }
  )
})

test('sums by vectors are those of the plain loop to the last bit, of neighbours and of scattered places, and when their memory has grown', () => {
  const [looped, vectors] = [new LoopedSums(), new VectorSums()]
  for (const [places, step, length] of [
    [8, 1, 64],
    [12, 3, 100],
    [32, 1, 20_000]
  ] as const) {
    const x = values(length, 21)
    const bases = Int32Array.from({ length: places }, (_, e) => e * step)
    const offsets = Int32Array.from({ length: 9 }, (_, t) => Math.floor((t * (length - places * step)) / 9))
    const weights = values(4 * offsets.length, 22)
    for (const sums of [looped, vectors]) {
      sums.at(bases)
      sums.read(x, offsets)
    }
    expect(vectors.sum(weights)).toEqual(looped.sum(weights))
  }
})
