import { inOrder } from '@slytherin/protocol/service'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const waiting = fc.uniqueArray(fc.record({ query: fc.uuid(), querier: fc.constantFrom('a', 'b', 'c', 'd'), queued: fc.nat(1000) }), {
  selector: ({ query }) => query,
  maxLength: 30
})
const served = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(100)).map(record => new Map(Object.entries(record)))

describe('the order of queries', () => {
  test('has everyone once, each querier’s own by age', () => {
    fc.assert(
      fc.property(waiting, served, (queries, last) => {
        const ordered = inOrder(queries, last)
        expect(ordered.map(({ query }) => query).sort()).toEqual(queries.map(({ query }) => query).sort())
        for (const querier of 'abcd') {
          const own = ordered.filter(one => one.querier === querier).map(({ queued }) => queued)
          expect(own).toEqual([...own].sort((a, b) => a - b))
        }
      })
    )
  })

  test('lets nobody wait for two of another while its own waits', () => {
    fc.assert(
      fc.property(waiting, served, (queries, last) => {
        const ordered = inOrder(queries, last).map(({ querier }) => querier)
        for (const querier of new Set(ordered)) {
          const first = ordered.indexOf(querier)
          const before = ordered.slice(0, first)
          expect(new Set(before).size).toBe(before.length)
        }
      })
    )
  })

  test('is what comes of beginning one after the other', () => {
    fc.assert(
      fc.property(waiting, served, (queries, last) => {
        const told = inOrder(queries, last).map(({ query }) => query)
        let left = [...queries]
        let turn = Math.max(0, ...last.values())
        const begun: string[] = []
        const now = new Map(last)
        while (left.length > 0) {
          const [next] = inOrder(left, now)
          now.set(next!.querier, ++turn)
          begun.push(next!.query)
          left = left.filter(({ query }) => query !== next!.query)
        }
        expect(begun).toEqual(told)
      })
    )
  })
})
