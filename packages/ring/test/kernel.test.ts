import { findNttPrimes, InvalidArgumentError, KernelSelfTestError, KernelUnavailableError, loadKernel, Ring } from '@slytherin/ring'
import { describe, expect, it, vi } from 'vitest'
import { fromRows, randomRow, rowsOf, VARIANTS } from './reference.js'

describe('loadKernel', () => {
  it('picks a working variant by itself, never the experimental one unasked', async () => {
    const kernel = await loadKernel()
    expect(VARIANTS).toContain(kernel.variant)
    const x = 1 + 2 ** -30
    if (kernel.variant === 'simd') expect(kernel.exports.probeFusedMultiplyAdd(x, x, -1 - 2 ** -29)).toBe(2 ** -60)
  })

  it.each([...VARIANTS, 'revectorised'] as const)('starts %s, with ordinary and with shared memory', async variant => {
    for (const shared of [false, true]) {
      const kernel = await loadKernel({ variant, shared, initialBytes: 2 ** 20 })
      expect(kernel.variant).toBe(variant)
      expect(kernel.memory.buffer instanceof SharedArrayBuffer).toBe(shared)
      const [q] = findNttPrimes(13, 49, 1)
      const ring = new Ring(kernel, { logN: 13, moduli: [q!] })
      const x = randomRow(q!, ring.N, 1)
      const a = fromRows(ring, [x], [0], 'coefficient')
      // Growth in the middle of use
      const more = kernel.arena.allocate(2 ** 24)
      expect(rowsOf(ring.inverseNtt(ring.ntt(a)))[0]).toEqual(x)
      expect(ring.encodePacked(a).buffer instanceof ArrayBuffer).toBe(true)
      kernel.arena.release(more)
    }
  })

  it('falls back where relaxed SIMD does not compile, or its multiply-add is not fused', async () => {
    const compile = WebAssembly.compile
    const unfused = (await loadKernel({ variant: 'fallback' })).module
    const spy = vi.spyOn(WebAssembly, 'compile')
    try {
      spy.mockRejectedValueOnce(new WebAssembly.CompileError('invalid opcode')).mockImplementation(compile)
      expect((await loadKernel()).variant).toBe('fallback')
      spy.mockReset().mockResolvedValueOnce(unfused).mockImplementation(compile)
      expect((await loadKernel()).variant).toBe('fallback')
      spy.mockReset().mockResolvedValueOnce(unfused)
      await expect(loadKernel({ variant: 'simd' })).rejects.toThrow(KernelUnavailableError)
      spy.mockReset().mockRejectedValue(new WebAssembly.CompileError('no SIMD'))
      await expect(loadKernel()).rejects.toThrow(expect.objectContaining({ variant: 'fallback', reason: 'no SIMD' }))
    } finally {
      spy.mockRestore()
    }
  })

  it('checks its options', async () => {
    for (const options of [
      { maximumBytes: 100 },
      { maximumBytes: 2 ** 33 },
      { initialBytes: 2 ** 30, maximumBytes: 2 ** 20 },
      { initialBytes: -1 }
    ]) {
      await expect(loadKernel(options)).rejects.toThrow(InvalidArgumentError)
    }
  })

  it('kernels have separate memories', async () => {
    const [a, b] = await Promise.all([loadKernel(), loadKernel()])
    expect(a.memory).not.toBe(b.memory)
  })

  it('a kernel that computes wrongly is found out before a ring is handed over', async () => {
    for (const broken of ['forward', 'backward'] as const) {
      const kernel = await loadKernel({ variant: 'simd' })
      const right = kernel.exports[broken]
      const exports = {
        ...kernel.exports,
        [broken]: (to: number, from: number, block: number) => {
          right(to, from, block)
          kernel.doubles(to, 64)[17]! += 1
        }
      }
      Object.defineProperty(kernel, 'exports', { value: exports })
      const inUse = kernel.bytesInUse
      expect(() => new Ring(kernel, { logN: 6, moduli: findNttPrimes(6, 40, 1) })).toThrow(KernelSelfTestError)
      expect(kernel.bytesInUse).toBe(inUse)
    }
  })
})
