import { expect, test } from 'vitest'
import type { DiagonalsItem } from '../src/packing/diagonals.js'
import { ordersOf } from '../src/run/diagonal-order.js'

/** As a packing lists them: giant steps from the last, input blocks, baby steps; every third product is missing. */
function items(outputs: number, giants: number, inputs: number, babies: number): DiagonalsItem[] {
  const all: DiagonalsItem[] = []
  for (let outputBlock = 0; outputBlock < outputs; outputBlock++) {
    for (let giant = giants - 1; giant >= 0; giant--)
      for (let inputBlock = 0; inputBlock < inputs; inputBlock++)
        for (let baby = 0; baby < babies; baby++)
          if ((giant + inputBlock + baby + outputBlock) % 3 > 0) all.push({ kind: 'diagonal', outputBlock, giant, inputBlock, baby })
    all.push({ kind: 'bias', outputBlock })
  }
  return all
}

test('one giant step at a time, the order is that of the weights', () => {
  const all = items(2, 5, 3, 8)
  const order = ordersOf(all, 1, 8).flatMap(({ steps, bias }) => [...steps.flatMap(({ groups }) => groups.flat()), bias])
  expect(order.map(({ offset }) => offset)).toEqual(all.map((_, offset) => offset))
})

test.each([
  [4, 8],
  [3, 2],
  [100, 100]
])('every weight is used once, %i giant steps and %i baby steps at a time, giant steps from the last', (giantsAtOnce, babiesAtOnce) => {
  const all = items(2, 9, 3, 21)
  const orders = ordersOf(all, giantsAtOnce, babiesAtOnce)
  const used = orders.flatMap(({ steps, bias }) => [...steps.flatMap(({ groups }) => groups.flat()), bias])
  expect(used.map(({ offset }) => offset).sort((a, b) => a - b)).toEqual(all.map((_, offset) => offset))
  for (const { offset, item } of used) expect(item).toBe(all[offset])
  for (const { steps } of orders) {
    const giants = steps.flatMap(step => step.giants)
    expect(giants).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0])
    for (const { giants: together, groups } of steps) {
      expect(together.length).toBeLessThanOrEqual(giantsAtOnce)
      for (const group of groups) {
        expect(new Set(group.map(({ item }) => item.inputBlock)).size).toBe(1)
        expect(new Set(group.map(({ item }) => item.baby)).size).toBeLessThanOrEqual(babiesAtOnce)
        for (const { item } of group) expect(together).toContain(item.giant)
      }
    }
  }
})
