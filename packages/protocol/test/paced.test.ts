import fc from 'fast-check'
import { expect, test } from 'vitest'
import { paced } from '../src/local/paced.js'

test('the first and the last are told, whatever comes between, and never two within the pause but for the last', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 50 }), pauses => {
      let time = 0
      const told: { at: number; done: number }[] = []
      const tell = paced<{ done: number; total: number }>(
        news => told.push({ at: time, done: news.done }),
        100,
        () => time
      )
      pauses.forEach((pause, index) => {
        time += pause
        tell({ done: index + 1, total: pauses.length })
      })
      expect(told[0]!.done).toBe(1)
      expect(told.at(-1)!.done).toBe(pauses.length)
      for (const [index, news] of told.slice(1, -1).entries()) expect(news.at - told[index]!.at).toBeGreaterThanOrEqual(100)
    })
  )
})
