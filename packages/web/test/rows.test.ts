import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RowsError, readRows } from '../src/page/rows.js'

it('reads numbers whatever separates them, and passes over a line of names', () => {
  expect(readRows('a,b\r\n1,2\n\n3;-4e2\n5\t6\n 7  8 \n', 2, 9).map(row => [...row])).toEqual([
    [1, 2],
    [3, -400],
    [5, 6],
    [7, 8]
  ])
})

it('names the line that is none', () => {
  expect(() => readRows('1,2\n3,x', 2, 9)).toThrow(/line 2: "x" is no number/)
  expect(() => readRows('1,2\n3', 2, 9)).toThrow(/line 2: 2 numbers are asked for, 1/)
  expect(() => readRows('1,2\n3,4', 2, 1)).toThrow(/line 2: a query takes 1 rows/)
  expect(() => readRows('a,b\n', 2, 9)).toThrow(RowsError)
  expect(() => readRows('1,Infinity', 2, 9)).toThrow(RowsError)
})

it('gives back what was written, and throws nothing but its own error', () => {
  const row = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), rows => {
      expect(readRows(rows.map(cells => cells.join(',')).join('\n'), 3, 5).map(cells => [...cells])).toEqual(
        rows.map(cells => cells.map(x => x + 0))
      )
    }),
    { seed: 1 }
  )
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        expect(readRows(text, 2, 4).every(cells => cells.length === 2)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(RowsError)
      }
    }),
    { seed: 2 }
  )
})
