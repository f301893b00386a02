import { readFileSync } from 'node:fs'
import {
  findNttPrimes,
  InvalidArgumentError,
  type Kernel,
  KernelSelfTestError,
  KernelUnavailableError,
  loadKernel,
  type Polynomial,
  Ring
} from '@slytherin/ring'
import { describe, expect, it, vi } from 'vitest'
import { fromRows, randomRow, rowsOf, VARIANTS } from './reference.js'

/** A key switch and a product on fixed inputs, as bytes. */
function outputsOf(kernel: Kernel): Uint8Array[] {
  const moduli = findNttPrimes(10, 49, 4)
  using ring = new Ring(kernel, { logN: 10, moduli })
  const all = [0, 1, 2, 3]
  const inputs = Array.from({ length: 6 }, (_, k) => ring.uniform(ring.allocate(all, 'ntt'), new Uint8Array(32).fill(k)))
  const [a, b, c] = inputs as [Polynomial, Polynomial, Polynomial]
  const blank = (indices = all) => ring.allocate(indices, 'ntt')
  const coefficients = ring.inverseNtt(a.clone())
  const [u, v] = [blank(), blank()]
  const key = [
    { b, a: c },
    { b: inputs[3]!, a: inputs[4]! }
  ]
  ring.decomposeInnerProduct([[u, v]], a, [[0, 1], [2]], [key])
  const tensor = [blank(), blank(), blank()]
  ring.multiplyAccumulate(tensor, [{ a: [a, b], b: [c, u] }])
  const low = ring.divideAndRound(blank([0, 1]), u, [2, 3])
  const rotated = ring.automorphism(blank(), v, 5)
  return [coefficients, u, v, ...tensor, low, rotated].map(polynomial => ring.encodeWords(polynomial))
}

/** `loadKernel` of a process that has compiled and tried nothing yet. */
async function untried(): Promise<typeof loadKernel> {
  vi.resetModules()
  return (await import('../src/index.js')).loadKernel as unknown as typeof loadKernel
}

describe('loadKernel', () => {
  it('picks a working variant by itself', async () => {
    const kernel = await loadKernel()
    expect([...VARIANTS, 'revectorised']).toContain(kernel.variant)
    const x = 1 + 2 ** -30
    if (kernel.variant !== 'fallback') expect(kernel.exports.probeFusedMultiplyAdd(x, x, -1 - 2 ** -29)).toBe(2 ** -60)
  })

  it('computes the same things with every variant', async () => {
    const [reference, ...others] = await Promise.all(
      ([...VARIANTS, 'revectorised'] as const).map(async variant => outputsOf(await loadKernel({ variant })))
    )
    expect(reference!.length).toBe(8)
    for (const outputs of others) expect(outputs).toEqual(reference)
  })

  it('takes simd when the revectorised kernel computes something else', async () => {
    const compile = WebAssembly.compile
    const files = ['simd', 'revectorised'].map(variant => readFileSync(new URL(`../build/kernel-${variant}.wasm`, import.meta.url)))
    const spy = vi.spyOn(WebAssembly, 'compile')
    try {
      // a kernel that adds where it should subtract, in the second place where the code does
      spy.mockImplementation(async bytes => {
        const copy = Uint8Array.from(bytes as Uint8Array)
        if (!files[1]!.equals(copy)) return compile(bytes)
        const subtract = [0xfd, 0xf1, 0x01]
        const at = [...copy.keys()].filter(k => subtract.every((byte, j) => copy[k + j] === byte))
        copy[at[1]! + 1] = 0xf0
        return compile(copy)
      })
      const load = await untried()
      for (let again = 0; again < 2; again++) {
        await expect(load({ variant: 'revectorised' })).rejects.toMatchObject({ name: KernelSelfTestError.name })
        expect((await load()).variant).toBe('simd')
      }
    } finally {
      spy.mockRestore()
    }
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
      expect((await (await untried())()).variant).toBe('fallback')
      spy.mockReset().mockResolvedValueOnce(unfused).mockImplementation(compile)
      expect((await (await untried())()).variant).toBe('fallback')
      spy.mockReset().mockResolvedValueOnce(unfused)
      await expect((await untried())({ variant: 'simd' })).rejects.toMatchObject({ name: KernelUnavailableError.name })
      spy.mockReset().mockRejectedValue(new WebAssembly.CompileError('no SIMD'))
      const none = await untried()
      await expect(none()).rejects.toMatchObject({ variant: 'fallback', reason: 'no SIMD' })
      // What did not compile once is tried again.
      spy.mockReset().mockImplementation(compile)
      expect([...VARIANTS, 'revectorised']).toContain((await none()).variant)
    } finally {
      spy.mockRestore()
    }
  })

  it.each(['auto', 'revectorised'] as const)('compiles %s once in a process, and computes the same with every kernel', async variant => {
    const load = await untried()
    const [first, second] = [await load({ variant }), await load({ variant })]
    expect(second.variant).toBe(first.variant)
    expect(second.module).toBe(first.module)
    expect(second.memory).not.toBe(first.memory)
    expect(outputsOf(second)).toEqual(outputsOf(first))
    expect((await load({ variant, shared: true })).module).not.toBe(first.module)
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
