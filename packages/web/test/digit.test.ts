import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asDigit, type Picture, SIDE } from '../src/page/digit.js'

/** A bar from (x, y) of this size. */
function bar(side: number, x: number, y: number, width: number, height: number): Picture {
  const pixels = new Uint8Array(side * side)
  for (let row = y; row < y + height; row++) pixels.fill(255, row * side + x, row * side + x + width)
  return { width: side, height: side, pixels }
}

const lit = (digit: Uint8Array): { x: number; y: number; value: number }[] =>
  [...digit.entries()].filter(([, value]) => value > 0).map(([k, value]) => ({ x: k % SIDE, y: Math.floor(k / SIDE), value }))

describe('a drawing as MNIST has its digits', () => {
  it('nothing stays nothing', () => {
    expect(asDigit(bar(100, 0, 0, 0, 0))).toEqual(new Uint8Array(SIDE * SIDE))
  })

  it('the longer side fills 20 pixels, and the shorter keeps its proportion', () => {
    const points = lit(asDigit(bar(280, 130, 20, 35, 140)))
    const rows = new Set(points.map(({ y }) => y))
    const columns = new Set(points.map(({ x }) => x))
    expect([rows.size, columns.size]).toEqual([20, 5])
    expect(points.every(({ value }) => value === 255)).toBe(true)
  })

  it('the centre of mass is in the middle, wherever it was drawn, and the box is 20 by 20', () => {
    const side = fc.integer({ min: 40, max: 120 })
    const rectangle = side.chain(size =>
      fc.record({
        size: fc.constant(size),
        x: fc.integer({ min: 0, max: size - 12 }),
        y: fc.integer({ min: 0, max: size - 12 }),
        width: fc.integer({ min: 1, max: 12 }),
        height: fc.integer({ min: 1, max: 12 })
      })
    )
    fc.assert(
      fc.property(rectangle, ({ size, x, y, width, height }) => {
        const points = lit(asDigit(bar(size, x, y, width, height)))
        const mass = points.reduce((sum, { value }) => sum + value, 0)
        const mean = (of: 'x' | 'y'): number => points.reduce((sum, point) => sum + point.value * (point[of] + 0.5), 0) / mass
        expect(Math.abs(mean('x') - SIDE / 2)).toBeLessThanOrEqual(0.5)
        expect(Math.abs(mean('y') - SIDE / 2)).toBeLessThanOrEqual(0.5)
        for (const of of ['x', 'y'] as const) {
          const places = points.map(point => point[of])
          expect(Math.max(...places) - Math.min(...places)).toBeLessThan(20)
        }
      }),
      { seed: 1, numRuns: 60 }
    )
  })

  it('brightness is the mean over what a pixel covers', () => {
    // One dark row in two, ten of them to a pixel.
    const pixels = Uint8Array.from({ length: 200 * 200 }, (_, k) => (Math.floor(k / 200) % 2 === 0 ? 200 : 0))
    const digit = asDigit({ width: 200, height: 200, pixels })
    expect(lit(digit)).toHaveLength(20 * 20)
    expect(lit(digit).every(({ value }) => Math.abs(value - 100) <= 1)).toBe(true)
  })
})
