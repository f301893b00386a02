/** What every part store must do, wherever it keeps its parts. */
import { afterEach, describe, expect, it } from 'vitest'
import { equalBytes } from '../base/digest.js'
import { MissingPartError, type PartStore } from '../local/part-store.js'

/** An implementation under test. */
export interface PartStoreHarness {
  /** A new, empty store. */
  create(): Promise<PartStore>
  /** After each test. */
  dispose?(): Promise<void>
}

const part = (value: number, length = 100_000): Uint8Array => new Uint8Array(length).fill(value)

/** Whether a part is what was put; element by element through `expect` takes seconds. */
const isPart = (bytes: Uint8Array, value: number, length = 100_000): boolean => equalBytes(bytes, part(value, length))

/** Registers the suite. */
export function partStoreCompliance(name: string, harness: PartStoreHarness): void {
  const missing = async (store: PartStore, key: string): Promise<void> => {
    const error = await store.get(key).then(
      () => undefined,
      (reason: unknown) => reason
    )
    expect(error).toBeInstanceOf(MissingPartError)
    expect(error).toMatchObject({ key })
  }

  describe(`${name}, as a part store`, () => {
    afterEach(async () => await harness.dispose?.())

    it('gives back what was put, as often as it is asked', async () => {
      const store = await harness.create()
      for (const length of [0, 1, 100_000]) await store.put(`part ${length}`, part(7, length))
      for (const length of [0, 1, 100_000, 1]) expect(isPart(await store.get(`part ${length}`), 7, length)).toBe(true)
      await missing(store, 'part 2')
    })

    it('keeps views of larger buffers as they are', async () => {
      const store = await harness.create()
      const buffer = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)
      await store.put('view', buffer.subarray(100, 200))
      expect(await store.get('view')).toEqual(buffer.slice(100, 200))
    })

    it('shares no memory with whoever puts or gets', async () => {
      const store = await harness.create()
      const mine = part(1)
      await store.put('a', mine)
      mine.fill(2)
      const got = await store.get('a')
      expect(isPart(got, 1)).toBe(true)
      got.fill(3)
      expect(isPart(await store.get('a'), 1)).toBe(true)
    })

    it('puts one part in place of another of its key', async () => {
      const store = await harness.create()
      for (const length of [100, 100, 200, 50]) {
        await store.put('a', part(length, length))
        await store.put('b', part(1))
        expect(isPart(await store.get('a'), length, length)).toBe(true)
      }
    })

    it('forgets what is deleted and nothing else, and takes deleting what is not there', async () => {
      const store = await harness.create()
      await store.put('a', part(1))
      await store.put('b', part(2))
      await store.delete('a')
      await store.delete('a')
      await store.delete('c')
      await missing(store, 'a')
      expect(isPart(await store.get('b'), 2)).toBe(true)
      await store.put('a', part(3))
      await store.put('c', part(4))
      const kept = await Promise.all(['a', 'b', 'c'].map(async key => await store.get(key)))
      expect(kept.map((bytes, i) => isPart(bytes, [3, 2, 4][i]!))).toEqual([true, true, true])
    })

    it('forgets everything when cleared, and is used again', async () => {
      const store = await harness.create()
      await store.put('a', part(1))
      await store.put('b', part(2))
      await store.clear()
      await missing(store, 'a')
      await missing(store, 'b')
      await store.put('b', part(3))
      expect(isPart(await store.get('b'), 3)).toBe(true)
    })

    it('keeps parts apart that are put, read, replaced and deleted at the same time', async () => {
      const store = await harness.create()
      const keys = Array.from({ length: 40 }, (_, i) => i)
      await Promise.all(keys.map(async i => await store.put(`${i}`, part(i))))
      await Promise.all(
        keys.map(async i => {
          if (i % 4 === 0) await store.delete(`${i}`)
          else if (i % 4 === 1) await store.put(`${i}`, part(i + 100))
          else if (i % 4 === 2) await store.put(`new ${i}`, part(i + 100))
          else expect(isPart(await store.get(`${i}`), i)).toBe(true)
        })
      )
      for (const i of keys) {
        if (i % 4 === 0) await missing(store, `${i}`)
        else expect(isPart(await store.get(`${i}`), i % 4 === 1 ? i + 100 : i)).toBe(true)
        if (i % 4 === 2) expect(isPart(await store.get(`new ${i}`), i + 100)).toBe(true)
      }
    })

    it('finishes reading a part that is deleted and whose room is taken meanwhile', async () => {
      const store = await harness.create()
      const length = 4_000_000
      for (let round = 0; round < 8; round++) {
        await store.put('old', part(1, length))
        const reading = store.get('old')
        await store.delete('old')
        await store.put('new', part(2, length))
        expect(isPart(await reading, 1, length)).toBe(true)
        await store.delete('new')
      }
    })

    it('forgets what was being put when it was cleared', async () => {
      const store = await harness.create()
      await store.put('first', part(1))
      const putting = store.put('late', part(2))
      await store.clear()
      await putting
      await missing(store, 'late')
      for (const key of ['a', 'b', 'c']) await store.put(key, part(key.charCodeAt(0)))
      for (const key of ['a', 'b', 'c']) expect(isPart(await store.get(key), key.charCodeAt(0))).toBe(true)
      await missing(store, 'late')
    })
  })
}
