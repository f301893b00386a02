import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import {
  type Domain,
  findNttPrimes,
  InvalidArgumentError,
  type Kernel,
  KernelThreadError,
  type KernelVariant,
  loadKernel,
  type Polynomial,
  ResidueRangeError,
  Ring
} from '@slytherin/ring'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXTREMES, extremeRow, seedOf, wordsOf } from './reference.js'

const LOG_N = 12
const MODULI = [...findNttPrimes(LOG_N, 49, 6), ...findNttPrimes(LOG_N, 48.2, 1), ...findNttPrimes(LOG_N, 30, 2)]
const ALL = MODULI.map((_, i) => i)
const CHAIN = [0, 1, 2, 3, 4, 5, 6]
const SPECIAL = [7, 8]
const DIGITS = [
  [0, 1, 2],
  [3, 4],
  [5, 6]
]

/** Deep copies of residues and values, to be compared bit for bit. */
type Results = Record<string, unknown>

const hashOf = (row: Float64Array): string =>
  createHash('sha256')
    .update(Buffer.from(new Uint8Array(row.buffer, row.byteOffset, row.byteLength)))
    .digest('hex')
const residues = (...polynomials: Polynomial[]): unknown => polynomials.map(p => [p.domain, p.indices.map((_, k) => hashOf(p.row(k)))])

/** Every operation of a ring on these inputs. */
function everything(ring: Ring, source: (n: number, indices: readonly number[], domain: Domain) => Polynomial): Results {
  const results: Results = {}
  const temporary: Polynomial[] = []
  const used = (p: Polynomial): Polynomial => {
    temporary.push(p)
    return p
  }
  const blank = (indices: readonly number[] = ALL, domain: Domain = 'ntt'): Polynomial => ring.allocate(indices, domain)
  const [a, b] = [source(1, ALL, 'ntt'), source(2, ALL, 'ntt')]
  const c = source(3, ALL, 'coefficient')
  const c0 = source(6, CHAIN, 'ntt')
  const note = (name: string, ...polynomials: Polynomial[]): void => {
    results[name] = residues(...polynomials)
    for (const p of polynomials) p.dispose()
  }
  note('copy', ring.copy(blank(), a))
  note('clone', a.clone())
  note('add', ring.add(blank(), a, b))
  note('subtract', ring.subtract(blank(CHAIN), a, b))
  note('negate', ring.negate(blank(), a))
  note('multiply', ring.multiply(blank(), a, b))
  note('multiplyAdd', ring.multiplyAdd(b.clone(), a, b))
  note('multiplyScalar', ring.multiplyScalar(blank(), a, -(3n ** 200n)))
  note('ntt', ring.ntt(c.clone()))
  note('inverseNtt', ring.inverseNtt(a.clone()))
  note('automorphism of values', ring.automorphism(blank(), a, 5))
  note('automorphism of coefficients', ring.automorphism(blank(), c, 2 * ring.N - 1))
  note('addAutomorphism', ring.addAutomorphism(b.clone(), a, 25))
  note('automorphismOfSum', ring.automorphismOfSum(blank(), a, b, 125))
  const sums = [blank(ALL, 'coefficient'), blank(ALL, 'coefficient')]
  ring.monomialCombinations(
    sums,
    [c, ring.inverseNtt(used(a.clone()))],
    [
      [5, ring.N + 7],
      [2 * ring.N - 1, 0]
    ]
  )
  note('monomialCombinations', ...sums)
  note('uniform', ring.uniform(blank(), seedOf(4)))
  note('uniform coefficients', ring.uniform(blank(ALL, 'coefficient'), seedOf(4)))
  note('ternary', ring.ternary(blank(), seedOf(5)))
  note('gaussian', ring.gaussian(blank(), seedOf(6)))
  note('wideGaussian', ring.wideGaussian(blank(), seedOf(7), 2 ** 130))
  note('uniformBits', ring.uniformBits(blank(), seedOf(8), 200))
  const integers = Float64Array.from({ length: ring.N }, (_, i) => (i - 1000) * 2 ** (i % 40))
  note(
    'fromIntegers',
    ring.fromIntegers(blank(), integers),
    ring.fromIntegers(
      blank(),
      integers.map(x => x * 2 ** 20)
    )
  )
  results['toDoubles'] = Array.from(ring.toDoubles(c)).map(x => [x, Object.is(x, -0)])
  note('extendBasis', ring.extendBasis(blank(), used(ring.copy(blank(CHAIN), c))))
  for (const [domain, from] of [
    ['ntt', a],
    ['coefficient', c]
  ] as const) {
    for (const drop of [[8], SPECIAL, [6, 7, 8]]) {
      const rows = ALL.filter(index => !drop.includes(index))
      const addend = ring.copy(blank(rows), from)
      note(`divideAndRound ${domain} ${drop}`, ring.divideAndRound(blank(rows), used(from.clone()), drop))
      note(`divideAndRound onto its addend ${domain} ${drop}`, ring.divideAndRound(addend.clone(), used(from.clone()), drop, addend))
      const outs = [blank(rows), addend]
      ring.divideAndRoundAll(outs, [used(from.clone()), used(from.clone())], drop, [undefined, addend])
      note(`divideAndRoundAll ${domain} ${drop}`, ...outs)
    }
  }
  const coefficients = ring.inverseNtt(a.clone())
  note('decompose', ring.decompose(blank(), coefficients, a, [2, 3, 4, 5]))
  const keys = Array.from({ length: 5 }, (_, r) =>
    DIGITS.map((_digit, j) => ({ b: source(10 * r + j, ALL, 'ntt'), a: source(10 * r + 5 + j, ALL, 'ntt') }))
  )
  const flat = keys.flat()
  const [u, v] = [blank(), blank()]
  const digits = flat.map(key => key.b)
  ring.innerProduct(u, v, digits, flat)
  note('innerProduct', u, v)
  for (const some of [keys, keys.slice(0, 1)]) {
    for (const galoisElements of [undefined, [5, 1, 25, 2 * ring.N - 1, 5].slice(0, some.length)]) {
      for (const addends of [[], [b, a]]) {
        const name = `of ${some.length} keys, ${galoisElements}, ${addends.length} addends`
        const pairs = (indices: readonly number[]) => some.map(() => [blank(indices, 'coefficient'), blank(indices)] as const)
        const finish = { addends, ...(galoisElements ? { galoisElements } : {}) }
        const [sums, switched] = [pairs(ALL), pairs([0, 1, 2, 3])]
        ring.decomposeInnerProduct(sums, c0, DIGITS, some, finish)
        note(`decomposeInnerProduct ${name}`, ...sums.flat())
        ring.switchKeys(switched, c0, DIGITS, some, SPECIAL, finish)
        note(`switchKeys ${name}`, ...switched.flat())
      }
    }
  }
  for (const [left, right] of [
    [1, 1],
    [2, 1],
    [2, 2]
  ] as const) {
    const pairs = flat.map(key => ({ a: [key.b, key.a].slice(0, left), b: [a, b].slice(0, right) }))
    for (const add of [false, true]) {
      const outs = Array.from({ length: left + right - 1 }, (_, i) => source(30 + i, CHAIN, 'ntt'))
      ring.multiplyAccumulate(outs, pairs, add)
      note(`multiplyAccumulate ${left} ${right} ${add}`, ...outs)
    }
  }
  for (const p of [a, c]) {
    const [words, packed] = [ring.encodeWords(p), ring.encodePacked(p)]
    results[`encode ${p.domain}`] = [Buffer.from(words).toString('base64'), Buffer.from(packed).toString('base64')]
    note(`decode ${p.domain}`, ring.decodeWords(words, ALL, p.domain), ring.decodePacked(packed, ALL, p.domain))
    for (const [row, index] of [
      [8, 77],
      [3, 4095],
      [3, 12]
    ] as const)
      words.fill(255, 8 * (row * ring.N + index), 8 * (row * ring.N + index + 1))
    expect(() => ring.decodeWords(words, ALL, p.domain)).toThrow(
      expect.objectContaining({ name: ResidueRangeError.name, row: 3, index: 12 })
    )
  }
  for (const p of [...temporary, a, b, c, coefficients, c0, ...flat.flatMap(key => [key.a, key.b])]) p.dispose()
  return results
}

const random = (ring: Ring) => (n: number, indices: readonly number[], domain: Domain) =>
  ring.uniform(ring.allocate(indices, domain), seedOf(100 + n))
/** Extreme residues by pattern and rows: few different ones, of which every number of threads takes many. */
const extremes = new Map<string, Uint8Array>()
const extreme = (ring: Ring) => (n: number, indices: readonly number[], domain: Domain) => {
  const pattern = Object.keys(EXTREMES)[n % 4] as keyof typeof EXTREMES
  const key = `${pattern} ${indices}`
  const words = extremes.get(key) ?? wordsOf(indices.map(index => extremeRow(MODULI[index]!, ring.N, pattern)))
  extremes.set(key, words)
  return ring.decodeWords(words, indices, domain)
}

describe.each(['simd', 'fallback', 'revectorised'] as const)('threads (%s)', variant => {
  const start = async (threads: number, parallelThreshold = 0): Promise<Ring> =>
    new Ring(await loadKernel({ variant, threads, parallelThreshold }), { logN: LOG_N, moduli: MODULI })

  it('any number of threads computes the same as one, bit for bit, on random and extreme residues', async () => {
    const inputs = [random, extreme]
    const one = await start(1)
    const expected = inputs.map(source => everything(one, source(one)))
    expect(one.kernel.threads).toBe(1)
    // Eight are more than most machines have cores: some wait while others work.
    for (const threads of variant === 'simd' ? [2, 3, 4, 8] : [2, 3]) {
      const ring = await start(threads)
      await using kernel = ring.kernel
      expect(kernel.threads).toBe(threads)
      everything(ring, random(ring))
      const inUse = kernel.bytesInUse
      inputs.forEach((source, i) => {
        const results = everything(ring, source(ring))
        for (const [name, value] of Object.entries(expected[i]!)) expect(results[name], name).toEqual(value)
      })
      // The tables of automorphisms stay; all else has been released.
      expect(kernel.bytesInUse).toBe(inUse)
    }
  })
})

describe('threads', () => {
  let kernel: Kernel
  let ring: Ring
  beforeAll(async () => {
    kernel = await loadKernel({ threads: 3, parallelThreshold: 0 })
    ring = new Ring(kernel, { logN: LOG_N, moduli: MODULI })
  })
  afterAll(() => kernel.dispose())

  it('one thread shares no memory', async () => {
    const plain = await loadKernel({ threads: 1 })
    expect(plain.memory.buffer).toBeInstanceOf(ArrayBuffer)
    expect(plain.threads).toBe(1)
    expect(kernel.memory.buffer).toBeInstanceOf(SharedArrayBuffer)
  })

  it('automatic threads are as many as processors, and one where memory cannot be shared', async () => {
    await using automatic = await loadKernel({ threads: 'auto' })
    expect(automatic.threads).toBeGreaterThanOrEqual(1)
    const Shared = globalThis.SharedArrayBuffer
    try {
      Reflect.deleteProperty(globalThis, 'SharedArrayBuffer')
      const plain = await loadKernel({ threads: 4 })
      expect(plain.threads).toBe(1)
      expect(plain.memory.buffer).toBeInstanceOf(ArrayBuffer)
    } finally {
      globalThis.SharedArrayBuffer = Shared
    }
  })

  it.each([0, 65, 1.5, Number.NaN])('refuses %s threads', async threads => {
    await expect(loadKernel({ threads })).rejects.toThrow(InvalidArgumentError)
  })

  it('many short operations in a row, with pauses in which the threads fall asleep', async () => {
    const a = random(ring)(1, ALL, 'coefficient')
    const expected = residues(a)
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 20; i++) ring.inverseNtt(ring.ntt(a))
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    expect(residues(a)).toEqual(expected)
    a.dispose()
  })

  it('memory that grows between operations', async () => {
    await using small = await loadKernel({ threads: 2, parallelThreshold: 0, initialBytes: 2 ** 20 })
    const own = new Ring(small, { logN: LOG_N, moduli: MODULI })
    const kept: Polynomial[] = []
    for (let i = 0; i < 40; i++) {
      const [a] = [own.allocate(ALL, 'ntt'), own.uniform(own.allocate(ALL, 'ntt'), seedOf(1))]
      kept.push(own.copy(a!, own.uniform(own.allocate(ALL, 'ntt'), seedOf(i))))
    }
    expect(small.memory.buffer.byteLength).toBeGreaterThan(2 ** 24)
    const again = ring.allocate(ALL, 'ntt')
    for (const i of [0, 20, 39]) expect(residues(kept[i]!)).toEqual(residues(ring.uniform(again, seedOf(i))))
    again.dispose()
  })

  it('an operation that throws before it begins leaves nothing behind', () => {
    const [a, gone] = [random(ring)(1, ALL, 'ntt'), ring.allocate(ALL, 'ntt')]
    gone.dispose()
    expect(() => ring.add(a, a, gone)).toThrow()
    const expected = residues(ring.subtract(ring.allocate(ALL, 'ntt'), a, a))
    expect(residues(ring.allocate(ALL, 'ntt'))).toEqual(expected)
    a.dispose()
  })
})

describe('threads that fail', () => {
  const start = async (options: object = {}): Promise<Ring> =>
    new Ring(await loadKernel({ threads: 2, parallelThreshold: 0, ...options }), { logN: LOG_N, moduli: MODULI })
  /** The pool's control area, at work. */
  const controlOf = (kernel: Kernel): SharedArrayBuffer => kernel.pool!.control

  it('a disposed kernel goes on with one thread', async () => {
    const ring = await start()
    const a = random(ring)(1, ALL, 'coefficient')
    const expected = residues(a)
    ring.ntt(a)
    await ring.kernel.dispose()
    await ring.kernel.dispose()
    expect(ring.kernel.threads).toBe(1)
    expect(residues(ring.inverseNtt(a))).toEqual(expected)
  })

  it('a thread that dies with work in hand: an error in time, and ever after', async () => {
    const ring = await start({ threadDeadline: 300 })
    await using kernel = ring.kernel
    const a = random(ring)(1, ALL, 'coefficient')
    // Claims one item as a kernel thread would, and is never heard of again.
    const thief = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const words = new Int32Array(workerData)
       parentPort.postMessage('ready')
       while (Atomics.load(words, 16) <= 1) {}
       while (Atomics.sub(words, 16, 1) <= 0) {}`,
      { eval: true, workerData: controlOf(kernel) }
    )
    await new Promise(resolve => thief.once('message', resolve))
    expect(() => {
      for (let i = 0; i < 100_000; i++) ring.inverseNtt(ring.ntt(a))
    }).toThrow(KernelThreadError)
    expect(() => ring.ntt(ring.allocate(ALL, 'coefficient'))).toThrow(expect.objectContaining({ name: 'KernelThreadError', thread: -1 }))
    await thief.terminate()
  })

  it('a thread that is kept from its work: the next operations are not divided, later ones are', async () => {
    const ring = await start({ parallelThreshold: 1 })
    await using kernel = ring.kernel
    const words = new Int32Array(controlOf(kernel))
    const a = ring.allocate(ALL, 'ntt')
    const stolen = new Int32Array(new SharedArrayBuffer(4))
    // Claims one item and reports it done after a while: zeros are as they were.
    const slow = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       const words = new Int32Array(workerData.control)
       parentPort.postMessage('ready')
       for (;;) {
         while (Atomics.load(words, 16) <= 1) {}
         if (Atomics.sub(words, 16, 1) > 0) break
       }
       Atomics.store(workerData.stolen, 0, 1)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
       Atomics.add(words, 32, 1)
       Atomics.notify(words, 32)`,
      { eval: true, workerData: { control: controlOf(kernel), stolen } }
    )
    await new Promise(resolve => slow.once('message', resolve))
    const ended = new Promise(resolve => slow.once('exit', resolve))
    const divided = (): boolean => {
      const before = Atomics.load(words, 0)
      ring.negate(a, a)
      return Atomics.load(words, 0) !== before
    }
    // Until the item has been stolen; the operation that it belonged to has waited for it.
    while (Atomics.load(stolen, 0) === 0) divided()
    expect(divided()).toBe(false)
    await ended
    // How long it lasts depends on what else goes on.
    const answers = Array.from({ length: 10_000 }, divided)
    expect(answers).toContain(true)
    expect(a.row(3).every(x => x === 0)).toBe(true)
  })

  it('a thread that ends by itself is noticed', async () => {
    const ring = await start()
    await using kernel = ring.kernel
    const words = new Int32Array(controlOf(kernel))
    Atomics.store(words, 96, 1)
    Atomics.add(words, 0, 1)
    Atomics.notify(words, 0)
    await expect
      .poll(() => {
        try {
          ring.allocate(ALL, 'ntt').dispose()
          ring.ntt(ring.allocate(ALL, 'coefficient'))
          return 'works'
        } catch (error) {
          return error instanceof KernelThreadError && error.thread
        }
      })
      .toBe(1)
  })

  it.each(['simd', 'fallback'] as KernelVariant[])('a call that traps on a thread (%s)', async variant => {
    const ring = await start({ variant })
    await using kernel = ring.kernel
    const outside = kernel.memory.buffer.byteLength + 2 ** 20
    expect(() => kernel.forEach(50, 1, (calls, item) => (item % 2 ? calls.zero(outside, 64) : calls.zero(1024, 8)))).toThrow(
      expect.objectContaining({ name: 'KernelThreadError', reason: expect.stringContaining('out of bounds') })
    )
  })
})
