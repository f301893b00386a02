import {
  chunkDiagonals,
  chunkedLayout,
  DiagonalsPacking,
  type Layout,
  locate,
  rowPeriod,
  SparseMatrix,
  sequentialLayout,
  TapsPacking
} from '@slytherin/engine'
import {
  diagonalsWeight,
  featuresByPosition,
  fullDiagonals,
  isSound,
  type MapOrder,
  orderAfter,
  orderedLayout,
  periodicLayout,
  presentDiagonals,
  tapsWeight
} from '@slytherin/engine/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { largestDifference } from './data.ts'

/** Small deterministic numbers. */
const value = (seed: number, index: number): number => Math.sin(seed * 12.9898 + index * 78.233) * 2

const randomMatrix = (rows: number, columns: number, seed: number, density = 1): SparseMatrix =>
  SparseMatrix.build(rows, columns, (row, put) => {
    for (let column = 0; column < columns; column++) {
      if (density === 1 || Math.abs(value(seed + 1, row * columns + column)) < 2 * density) put(column, value(seed, row * columns + column))
    }
  })

const turn = (x: Float64Array, steps: number): Float64Array => x.map((_, index) => x[(index + steps) % x.length]!)

/** The evaluation that the packing stands for, on one sample in the clear. */
function evaluatePacked(packing: DiagonalsPacking, matrix: SparseMatrix, x: ArrayLike<number>, garbage: number): Float64Array[] {
  const inputs = packing.input.blocks.map(features => Float64Array.from(features, feature => (feature < 0 ? garbage : x[feature]!)))
  const outputs: Float64Array[] = []
  let sum: Float64Array = new Float64Array(packing.width)
  let current = packing.giantSteps - 1
  for (const item of packing.items) {
    const target = item.kind === 'bias' ? 0 : item.giant
    const distance = packing.leaps ? current - target : 1
    // leaps are taken by what has been summed: before the first product there is nothing to turn
    if (item.kind === 'diagonal' && sum.every(s => s === 0)) current = target
    for (; current > target; current -= distance) {
      if (packing.leaps) expect(packing.distances).toContain(distance)
      sum = turn(sum, distance * packing.babySteps)
    }
    if (item.kind === 'bias') {
      for (const { rotation, times } of packing.foldings) {
        const before = sum
        for (let time = 0; time < times; time++) {
          const turned = turn(sum, rotation)
          sum = before.map((s, index) => s + turned[index]!)
        }
      }
      outputs.push(sum)
      sum = new Float64Array(packing.width)
      current = packing.giantSteps - 1
    } else {
      const weight = diagonalsWeight(packing, item, { matrix, bias: new Float64Array(matrix.rows) })
      const turned = turn(inputs[item.inputBlock]!, item.baby)
      sum = sum.map((s, index) => s + weight[index]! * turned[index]!)
    }
  }
  return outputs
}

/** Every position of the output layout holds what A·x says. */
function expectProduct(packing: DiagonalsPacking, matrix: SparseMatrix, x: Float64Array, garbage: number): void {
  const expected = matrix.apply(x)
  const outputs = evaluatePacked(packing, matrix, x, garbage)
  expect(outputs.length).toBe(packing.output.blocks.length)
  packing.output.blocks.forEach((features, block) => {
    const wanted = Float64Array.from(features, feature => (feature < 0 ? 0 : expected[feature]!))
    const given = Float64Array.from(features, (feature, position) => (feature < 0 ? 0 : outputs[block]![position]!))
    expect(largestDifference(given, wanted)).toBeLessThan(1e-9)
  })
}

describe('diagonals', () => {
  const shapes = fc.record({
    rows: fc.integer({ min: 1, max: 70 }),
    columns: fc.integer({ min: 1, max: 150 }),
    logWidth: fc.integer({ min: 2, max: 6 }),
    logBaby: fc.integer({ min: 0, max: 6 }),
    seed: fc.integer({ min: 1, max: 1000 })
  })

  test('a sequential layout of any shape gives the dense product, whatever stands in unused positions', () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns, logWidth, logBaby, seed }) => {
        const matrix = randomMatrix(rows, columns, seed)
        const input = sequentialLayout(columns, 2 ** logWidth)
        const diagonals = fullDiagonals(rows, input)
        const packing = new DiagonalsPacking({ outputs: rows, input, diagonals, babySteps: 2 ** logBaby, present: undefined })
        expectProduct(
          packing,
          matrix,
          Float64Array.from({ length: columns }, (_, index) => value(seed + 7, index)),
          123.5
        )
      }),
      { numRuns: runs(60) }
    )
  })

  test('a periodic layout (the output of another layer) needs no more diagonals than its period', () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns, logWidth, logBaby, seed }) => {
        const width = 2 ** logWidth
        const features = Math.min(columns, width)
        const matrix = randomMatrix(rows, features, seed)
        const input = periodicLayout(features, width, rowPeriod(features, width))
        const diagonals = fullDiagonals(rows, input)
        expect(diagonals).toBeLessThanOrEqual(input.period)
        const packing = new DiagonalsPacking({ outputs: rows, input, diagonals, babySteps: 2 ** logBaby, present: undefined })
        expectProduct(
          packing,
          matrix,
          Float64Array.from({ length: features }, (_, index) => value(seed + 7, index)),
          0
        )
      }),
      { numRuns: runs(60) }
    )
  })

  test('a chunked layout gives the same product with features·rows/width diagonals', () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns, logBaby, seed }) => {
        const width = 1024
        const period = rowPeriod(rows, width)
        const diagonals = chunkDiagonals(columns, width, period)!
        expect(diagonals * width).toBeGreaterThanOrEqual(columns * period)
        expect(diagonals * width).toBeLessThan(2 * Math.max(columns * period, width))
        const matrix = randomMatrix(rows, columns, seed)
        const input = chunkedLayout(columns, width, period, diagonals)
        const packing = new DiagonalsPacking({ outputs: rows, input, diagonals, babySteps: 2 ** logBaby, present: undefined })
        expectProduct(
          packing,
          matrix,
          Float64Array.from({ length: columns }, (_, index) => value(seed + 7, index)),
          -55
        )
      }),
      { numRuns: runs(40) }
    )
  })

  test('structurally zero diagonals are left out and the product stays', () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns, logWidth, logBaby, seed }) => {
        const matrix = randomMatrix(rows, columns, seed, 0.02)
        const input = sequentialLayout(columns, 2 ** logWidth)
        const diagonals = fullDiagonals(rows, input)
        const present = presentDiagonals(matrix, input, diagonals)
        const packing = new DiagonalsPacking({ outputs: rows, input, diagonals, babySteps: 2 ** logBaby, present })
        expect(packing.items.length).toBe(present.size + packing.outputBlocks)
        expectProduct(
          packing,
          matrix,
          Float64Array.from({ length: columns }, (_, index) => value(seed + 7, index)),
          9
        )
      }),
      { numRuns: runs(40) }
    )
  })

  test('giant steps that are leapt over give the same product with no more rotations', () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns, logWidth, logBaby, seed }) => {
        const matrix = randomMatrix(rows, columns, seed, 0.02)
        const input = sequentialLayout(columns, 2 ** logWidth)
        const diagonals = fullDiagonals(rows, input)
        const shape = { outputs: rows, input, diagonals, babySteps: 2 ** logBaby, present: presentDiagonals(matrix, input, diagonals) }
        const [stepping, leaping] = [new DiagonalsPacking(shape), new DiagonalsPacking({ ...shape, leaps: true })]
        const rotations = (packing: DiagonalsPacking): number[] =>
          Array.from({ length: packing.outputBlocks }, (_, block) => packing.descentCount(block))
        rotations(leaping).forEach((count, block) => {
          expect(count).toBeLessThanOrEqual(rotations(stepping)[block]!)
          expect(count).toBeLessThanOrEqual(leaping.giants(block).length)
        })
        expect(rotations(leaping).some((count, block) => count < rotations(stepping)[block]!)).toBe(stepping.gaps)
        expectProduct(
          leaping,
          matrix,
          Float64Array.from({ length: columns }, (_, index) => value(seed + 7, index)),
          99
        )
      }),
      { numRuns: runs(60) }
    )
  })

  test('folds by four give the same product; they and successive baby steps take fewer keys', () => {
    const matrix = randomMatrix(5, 200, 3)
    const input = sequentialLayout(200, 256)
    const usual = new DiagonalsPacking({ outputs: 5, input, diagonals: 8, babySteps: 8, present: undefined })
    const saving = usual.stepping({ successive: true, fourfold: true })
    expect(usual.rotations()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128])
    expect(saving.rotations()).toEqual([1, 8, 32, 128])
    expect(saving.turnsBetween(0)).toEqual([1, 1, 1, 1, 1, 1, 1])
    expectProduct(
      saving,
      matrix,
      Float64Array.from({ length: 200 }, (_, index) => value(9, index)),
      99
    )
  })

  test('rotations are baby steps, one giant step and folds', () => {
    const input = sequentialLayout(845, 128)
    const packing = new DiagonalsPacking({ outputs: 10, input, diagonals: 16, babySteps: 4, present: undefined })
    expect(packing.rotations()).toEqual([1, 2, 3, 4, 16, 32, 64])
    expect(packing.products).toBe(7 * 16)
  })
})

describe('taps', () => {
  const geometry = (
    channels: number,
    size: number,
    kernel: number,
    stride: number,
    pad: number,
    outputChannels: number,
    groups: number
  ) => ({
    channels,
    height: size,
    width: size + 1,
    kernel: [kernel, kernel] as [number, number],
    strides: [stride, stride] as [number, number],
    pads: [pad, 0, 0, pad] as [number, number, number, number],
    dilations: [1, 1] as [number, number],
    outputChannels,
    groups
  })

  const cases: [string, Parameters<typeof geometry>, number][] = [
    ['one channel, several blocks', [1, 9, 3, 2, 0, 5, 1], 32],
    ['padding', [1, 8, 3, 1, 1, 2, 1], 64],
    ['several input channels', [3, 6, 2, 1, 0, 4, 1], 32],
    ['groups', [4, 6, 3, 1, 1, 6, 2], 64],
    ['more channels than positions in a block', [1, 5, 2, 1, 0, 11, 1], 8]
  ]

  test.each(cases)('%s: sums of tap products give the convolution', (_name, shape, width) => {
    const convolution = geometry(...shape)
    const packing = new TapsPacking(convolution, width, { kind: 'blocks' })
    checkTaps(packing, convolution.channels * convolution.height * convolution.width)
  })

  test('chunks: a single block in the order of the next layer', () => {
    const convolution = geometry(1, 9, 3, 2, 1, 3, 1)
    const features = 3 * 4 * 5
    const rows = 16
    const diagonals = chunkDiagonals(features, 256, rows)!
    const packing = new TapsPacking(convolution, 256, { kind: 'chunks', rows, diagonals })
    expect(packing.output).toEqual(chunkedLayout(features, 256, rows, diagonals))
    checkTaps(packing, convolution.channels * convolution.height * convolution.width)
  })

  test('cryptonet: 25 weights and one bias serve all seven blocks but for the bias of the last', () => {
    const convolution = { ...geometry(1, 28, 5, 2, 0, 5, 1), width: 28, pads: [0, 0, 1, 1] as [number, number, number, number] }
    const packing = new TapsPacking(convolution, 128, { kind: 'blocks' })
    expect(packing.outputBlocks).toBe(7)
    expect(packing.items.length).toBe(27)
    expect(packing.inputCount).toBe(175)
  })

  function checkTaps(packing: TapsPacking, inputs: number): void {
    const { geometry } = packing
    const taps = packing.taps
    const kernel = Float64Array.from({ length: geometry.outputChannels * taps }, (_, index) => value(3, index))
    const bias = Float64Array.from({ length: geometry.outputChannels }, (_, index) => value(5, index))
    const x = Float64Array.from({ length: inputs }, (_, index) => value(11, index))
    const convolution = { geometry, kernel, bias }
    const sums = packing.output.blocks.map(() => new Float64Array(packing.width))
    for (const item of packing.items) {
      const weight = tapsWeight(packing, item, convolution)
      const [from, to] = item.kind === 'bias' ? [item.from, item.to] : [0, packing.blocksPerGroup]
      for (let part = from; part < to; part++) {
        const sum = sums[item.group * packing.blocksPerGroup + part]!
        const features = item.kind === 'bias' ? undefined : packing.inputFeatures(packing.inputIndex(item.group, item.tap, part))
        for (let place = 0; place < packing.width; place++) {
          const feature = features?.[place]
          const input = feature === undefined ? 1 : feature < 0 ? 0 : x[feature]!
          sum[place]! += weight[place]! * input
        }
      }
    }
    // what holds nothing is zero
    packing.output.blocks.forEach((features, block) => {
      features.forEach((feature, place) => {
        if (feature < 0) expect(sums[block]![place]).toBe(0)
      })
    })
    const expected = directConvolution(convolution, x)
    const places = locate(packing.output as Layout, expected.length)
    expect(places.block.every(block => block >= 0)).toBe(true)
    const given = expected.map((_, feature) => sums[places.block[feature]!]![places.position[feature]!]!)
    expect(largestDifference(given, expected)).toBeLessThan(1e-12)
  }

  /** Plain loops over output channel, row, column and kernel, written from the definition. */
  function directConvolution(
    { geometry, kernel, bias }: { geometry: ReturnType<typeof geometryOf>; kernel: Float64Array; bias: Float64Array },
    x: Float64Array
  ): Float64Array {
    const {
      channels,
      height,
      width,
      kernel: [kh, kw],
      strides,
      pads,
      outputChannels,
      groups
    } = geometry
    const rows = Math.floor((height + pads[0] + pads[2] - kh) / strides[0]) + 1
    const columns = Math.floor((width + pads[1] + pads[3] - kw) / strides[1]) + 1
    const perGroup = channels / groups
    const out: number[] = []
    for (let o = 0; o < outputChannels; o++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          let sum = bias[o]!
          for (let i = 0; i < perGroup; i++) {
            for (let p = 0; p < kh; p++) {
              for (let q = 0; q < kw; q++) {
                const y = r * strides[0] + p - pads[0]
                const z = c * strides[1] + q - pads[1]
                if (y < 0 || y >= height || z < 0 || z >= width) continue
                const channel = Math.floor(o / (outputChannels / groups)) * perGroup + i
                sum += kernel[((o * perGroup + i) * kh + p) * kw + q]! * x[(channel * height + y) * width + z]!
              }
            }
          }
          out.push(sum)
        }
      }
    }
    return Float64Array.from(out)
  }

  const geometryOf = () => new TapsPacking(geometry(1, 4, 2, 1, 0, 1, 1), 16, { kind: 'blocks' }).geometry
})

describe('orders of maps', () => {
  const orders = fc
    .record({
      channels: fc.integer({ min: 1, max: 9 }),
      height: fc.integer({ min: 1, max: 6 }),
      width: fc.integer({ min: 1, max: 6 }),
      gap: fc.integer({ min: 1, max: 3 }),
      origin: fc.integer({ min: 0, max: 9 }),
      spareColumns: fc.integer({ min: 0, max: 3 }),
      sparePlaces: fc.integer({ min: 0, max: 9 })
    })
    .map(({ spareColumns, sparePlaces, ...order }): MapOrder => {
      const row = order.width * order.gap + spareColumns
      return { ...order, row, plane: order.origin + order.height * order.gap * row + sparePlaces }
    })

  test('give every value one place', () => {
    fc.assert(
      fc.property(orders, order => {
        expect(isSound(order)).toBe(true)
        const features = [...featuresByPosition(order)].filter(feature => feature >= 0)
        const { channels, height, width } = order
        expect(features.sort((a, b) => a - b)).toEqual(Array.from({ length: channels * height * width }, (_, feature) => feature))
      }),
      { numRuns: runs(100) }
    )
  })

  test('are refused when values would share a place', () => {
    const order: MapOrder = { channels: 5, height: 4, width: 4, row: 8, plane: 64, gap: 2, origin: 0 }
    expect(isSound(order)).toBe(true)
    expect(isSound({ ...order, row: 7 })).toBe(false)
    expect(isSound({ ...order, plane: 63 })).toBe(false)
    expect(isSound({ ...order, origin: 1 })).toBe(false)
    expect(isSound({ ...order, plane: 2 ** 23 })).toBe(false)
    // within what so many values may take, and still too many to list
    expect(isSound({ channels: 64, height: 256, width: 256, row: 256, plane: 2 ** 16, gap: 1, origin: 0 })).toBe(true)
    expect(isSound({ channels: 64, height: 256, width: 256, row: 256, plane: 2 ** 17, gap: 1, origin: 0 })).toBe(false)
  })

  test('of input and result change nothing in the product', () => {
    fc.assert(
      fc.property(
        orders,
        orders,
        fc.integer({ min: 2, max: 7 }),
        fc.integer({ min: 0, max: 7 }),
        fc.integer(),
        (from, to, log, logBaby, seed) => {
          const [columns, rows] = [from, to].map(({ channels, height, width }) => channels * height * width) as [number, number]
          const input = orderedLayout(featuresByPosition(from), 2 ** log)
          const order = featuresByPosition(to)
          const matrix = randomMatrix(rows, columns, seed % 1000, 0.1)
          const diagonals = fullDiagonals(order.length, input)
          const present = presentDiagonals(matrix, input, diagonals, order)
          const packing = new DiagonalsPacking({ outputs: order.length, order, input, diagonals, babySteps: 2 ** logBaby, present })
          expectProduct(
            packing,
            matrix,
            Float64Array.from({ length: columns }, (_, k) => value(seed % 997, k)),
            0
          )
        }
      ),
      { numRuns: runs(60) }
    )
  })

  test('leave a strided convolution no more diagonals than its kernel and the gap make', () => {
    // 5×5 with a stride of 2 over 28×28, padded by one: five channels, four of them in one plane
    const window = { channels: 1, height: 28, width: 28, kernel: [5, 5], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] } as const
    const geometry = { ...window, outputChannels: 5, groups: 1 }
    const before: MapOrder = { channels: 1, height: 28, width: 28, row: 32, plane: 1024, gap: 1, origin: 66 }
    const layer = { operations: [{ kind: 'convolution', geometry }], inputs: 784, outputs: 845 }
    const after = orderAfter(layer as unknown as Parameters<typeof orderAfter>[0], before)!
    expect(after).toEqual({ channels: 5, height: 13, width: 13, row: 32, plane: 1024, gap: 2, origin: 0 })
    const pattern = SparseMatrix.build(845, 784, (row, put) => {
      const [channel, y, x] = [Math.floor(row / 169), Math.floor(row / 13) % 13, row % 13]
      for (let u = 0; u < 5; u++) {
        for (let v = 0; v < 5; v++) {
          const [inY, inX] = [2 * y + u - 1, 2 * x + v - 1]
          if (inY >= 0 && inY < 28 && inX >= 0 && inX < 28) put(inY * 28 + inX, 1 + channel)
        }
      }
    })
    const input = orderedLayout(featuresByPosition(before), 8192)
    const present = presentDiagonals(pattern, input, 1024, featuresByPosition(after))
    // (kernel + gap - 1)² for both planes at once: the input is there twice
    expect(present.size).toBe(36)
  })
})
