import { DisposedError, findNttPrimes, loadKernel, OutOfMemoryError, type Polynomial, Ring, touchMemory } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { seedOf } from './reference.js'

describe('memory', () => {
  it('does not leak over 10,000 allocations and disposals', async () => {
    const kernel = await loadKernel({ initialBytes: 2 ** 20 })
    const ring = new Ring(kernel, { logN: 10, moduli: findNttPrimes(10, 40, 4) })
    const inUse = kernel.bytesInUse
    const seed = seedOf(1)
    let size = 0
    for (let i = 0; i < 10_000; i++) {
      const a = ring.allocate(i % 3 === 0 ? [0, 1, 2, 3] : i % 3 === 1 ? [1] : [0, 2], 'coefficient')
      if (i % 50 === 0) ring.ternary(a, seed)
      a.dispose()
      a.dispose()
      if (i === 100) size = kernel.memory.buffer.byteLength
    }
    expect(kernel.bytesInUse).toBe(inUse)
    expect(kernel.memory.buffer.byteLength).toBe(size)
    ring.dispose()
    expect(kernel.bytesInUse).toBe(0)
  })

  it('is grown and written to in advance, in steps, while others go on allocating; as much is free afterwards', async () => {
    const kernel = await loadKernel({ initialBytes: 2 ** 20 })
    const bytes = 20 * 2 ** 20
    const inUse = kernel.bytesInUse
    const steps = touchMemory(kernel, bytes)
    steps.next()
    const grown = kernel.memory.buffer.byteLength
    expect(grown).toBeGreaterThan(bytes)
    expect(kernel.bytesInUse).toBe(inUse + bytes)
    const ring = new Ring(kernel, { logN: 10, moduli: findNttPrimes(10, 40, 4) })
    const others = Array.from({ length: 300 }, () => ring.allocate([0, 1, 2, 3], 'coefficient'))
    expect([...steps]).toHaveLength(2)
    for (const other of others) expect(other.row(3).every(value => value === 0)).toBe(true)
    for (const other of others) other.dispose()
    ring.dispose()
    expect(kernel.bytesInUse).toBe(inUse)
    const before = kernel.memory.buffer.byteLength
    kernel.arena.release(kernel.arena.allocate(bytes))
    expect(kernel.memory.buffer.byteLength).toBe(before)
  })

  it('is let go where nobody goes on with it, and where there is not so much', async () => {
    const kernel = await loadKernel({ initialBytes: 2 ** 20, maximumBytes: 2 ** 26 })
    const inUse = kernel.bytesInUse
    for (const _ of touchMemory(kernel, 20 * 2 ** 20)) break
    expect(kernel.bytesInUse).toBe(inUse)
    expect([...touchMemory(kernel, 2 ** 27)]).toEqual([])
    expect([...touchMemory(kernel, 0)]).toEqual([])
    expect(kernel.bytesInUse).toBe(inUse)
  })

  it('every operation releases its scratch, also when it throws', async () => {
    const kernel = await loadKernel()
    const ring = new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 4) })
    const indices = [0, 1, 2, 3]
    const a = ring.uniform(ring.allocate(indices, 'coefficient'), seedOf(1))
    const b = ring.allocate([0, 1], 'coefficient')
    const everything = (): void => {
      ring.toDoubles(a)
      ring.extendBasis(a, b)
      ring.divideAndRound(b, a, [2, 3])
      ring.decodePacked(ring.encodePacked(a), indices, 'ntt').dispose()
      ring.decodeWords(ring.encodeWords(a), indices, 'coefficient').dispose()
      for (const sampled of [ring.gaussian(a, seedOf(2)), ring.uniformBits(a, seedOf(2), 100), ring.wideGaussian(a, seedOf(2), 2 ** 70)]) {
        ring.automorphism(ring.ntt(sampled).clone(), a, 3).dispose()
        ring.inverseNtt(a)
      }
      expect(() => ring.decodePacked(ring.encodePacked(a).fill(255), indices, 'ntt')).toThrow()
      expect(() => ring.fromIntegers(a, new Float64Array(64).fill(0.5))).toThrow()
    }
    everything()
    const inUse = kernel.bytesInUse
    everything()
    everything()
    expect(kernel.bytesInUse).toBe(inUse)
  })

  it('never hands out overlapping or unaligned memory, and joins what is released', async () => {
    const kernel = await loadKernel({ initialBytes: 2 ** 20, maximumBytes: 2 ** 27 })
    const { arena } = kernel
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(200_000), fc.nat(20)), { minLength: 1, maxLength: 200 }), steps => {
        const live = new Map<number, number>()
        let total = 0
        const round = (size: number): number => Math.max(64, Math.ceil(size / 64) * 64)
        for (const [size, choice] of steps) {
          if (choice < 8 && live.size > 0) {
            const [address, length] = [...live][choice % live.size]!
            arena.release(address)
            live.delete(address)
            total -= round(length)
          } else {
            const address = arena.allocate(size)
            expect(address % 64).toBe(0)
            expect(address + size).toBeLessThanOrEqual(kernel.memory.buffer.byteLength)
            for (const [other, length] of live) expect(address + round(size) <= other || other + round(length) <= address).toBe(true)
            live.set(address, size)
            total += round(size)
          }
          expect(arena.bytesInUse).toBe(total)
        }
        for (const address of live.keys()) arena.release(address)
        // Everything joined again: one allocation of nearly all memory needs no growth.
        const size = kernel.memory.buffer.byteLength
        const whole = arena.allocate(size - 65536)
        expect(kernel.memory.buffer.byteLength).toBe(size)
        arena.release(whole)
      }),
      { numRuns: runs(30) }
    )
  })

  it('grows, keeps contents, and says when it cannot', async () => {
    const kernel = await loadKernel({ initialBytes: 2 ** 20, maximumBytes: 2 ** 24 })
    const ring = new Ring(kernel, { logN: 12, moduli: findNttPrimes(12, 40, 2) })
    const first = ring.uniform(ring.allocate([0, 1], 'ntt'), seedOf(1))
    const bytes = ring.encodeWords(first)
    const all: Polynomial[] = []
    expect(() => {
      for (;;) all.push(ring.allocate([0, 1], 'ntt'))
    }).toThrow(OutOfMemoryError)
    expect(all.length).toBeGreaterThan(150)
    for (const p of all) p.dispose()
    expect(ring.encodeWords(first)).toEqual(bytes)
    expect(() => kernel.arena.release(first.address + 64)).toThrow(RangeError)
  })

  it('uses addresses above 2 GiB', async () => {
    const kernel = await loadKernel()
    const ring = new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 2) })
    const large = kernel.arena.allocate(2 ** 31)
    const a = ring.uniform(ring.allocate([0, 1], 'coefficient'), seedOf(1))
    expect(a.address).toBeGreaterThan(2 ** 31)
    const bytes = ring.encodePacked(a)
    expect(ring.encodePacked(ring.inverseNtt(ring.ntt(a)))).toEqual(bytes)
    const high = new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 2) })
    expect(high.block(0)).toBeGreaterThan(2 ** 31)
    kernel.arena.release(large)
  })

  it('a fresh polynomial is zero even where memory was used', async () => {
    const kernel = await loadKernel()
    const ring = new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 1) })
    const a = ring.uniform(ring.allocate([0], 'ntt'), seedOf(1))
    const address = a.address
    a.dispose()
    const b = ring.allocate([0], 'ntt')
    expect(b.address).toBe(address)
    expect(b.row(0).every(x => x === 0)).toBe(true)
  })

  it('disposed things say so', async () => {
    const kernel = await loadKernel()
    const ring = new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 1) })
    const a = ring.allocate([0], 'ntt')
    const b = ring.allocate([0], 'ntt')
    {
      using c = ring.allocate([0], 'ntt')
      expect(c.isDisposed).toBe(false)
    }
    a.dispose()
    expect(a.isDisposed).toBe(true)
    expect(() => a.row(0)).toThrow(DisposedError)
    expect(() => ring.add(b, a, b)).toThrow(DisposedError)
    expect(() => ring.add(a, b, b)).toThrow(DisposedError)
    expect(() => ring.encodeWords(a)).toThrow(DisposedError)
    expect(() => a.clone()).toThrow(DisposedError)
    b.dispose()
    ring.dispose()
    expect(() => ring.allocate([0], 'ntt')).toThrow(DisposedError)
  })
})
