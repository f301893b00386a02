import { Worker } from 'node:worker_threads'
import {
  BasisMismatchError,
  DisposedError,
  findNttPrimes,
  type Kernel,
  loadKernel,
  OutOfMemoryError,
  type Polynomial,
  PolynomialVault,
  Ring,
  RingMismatchError,
  VaultFullError
} from '@slytherin/ring'
import { beforeAll, describe, expect, it } from 'vitest'

const LOG_N = 13
const MODULI = findNttPrimes(LOG_N, 49, 16)
const ALL = MODULI.map((_, i) => i)
const MEGABYTE = 2 ** 20

describe.each([1, 2])('a vault, %i threads', threads => {
  let kernel: Kernel
  let ring: Ring
  beforeAll(async () => {
    kernel = await loadKernel({ threads, maximumBytes: 64 * MEGABYTE })
    ring = new Ring(kernel, { logN: LOG_N, moduli: MODULI })
    return () => kernel.dispose()
  })
  const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n).fill(n >> 8, 1, 2)
  const make = (n: number, indices = ALL): Polynomial => ring.uniform(ring.allocate(indices, 'ntt'), seed(n))
  const bytes = (p: Polynomial): string => Buffer.from(ring.encodePacked(p)).toString('base64')
  const expected = (n: number, indices = ALL): string => {
    using p = make(n, indices)
    return bytes(p)
  }

  it('holds four times the memory of its kernel, and gives back what it took', () => {
    const inUse = kernel.bytesInUse
    const vault = new PolynomialVault(ring, { arenaBytes: 24 * MEGABYTE })
    const size = ring.N * 8 * ALL.length
    const tickets = Array.from({ length: (256 * MEGABYTE) / size }, (_, n) => vault.put(make(n)))
    expect(tickets.length).toBe(256)
    expect(vault.outsideBytes + vault.residentBytes).toBeGreaterThan(256 * MEGABYTE)
    expect(kernel.memory.buffer.byteLength).toBeLessThanOrEqual(64 * MEGABYTE)
    for (const n of [0, 255, 100, 7, 7, 200, 0]) {
      const polynomial = vault.acquire(tickets[n]!)
      expect(polynomial.domain).toBe('ntt')
      expect(bytes(polynomial)).toBe(expected(n))
      vault.release(tickets[n]!)
      expect(vault.residentBytes).toBeLessThanOrEqual(24 * MEGABYTE)
    }
    vault.dispose()
    vault.dispose()
    expect(kernel.bytesInUse).toBe(inUse)
    expect(() => vault.acquire(tickets[0]!)).toThrow(DisposedError)
    expect(() => vault.put(make(1))).toThrow(DisposedError)
  })

  it('copies nothing while all fits', () => {
    using vault = new PolynomialVault(ring, { arenaBytes: 10 * MEGABYTE })
    const tickets = [1, 2, 3].map(n => vault.put(make(n)))
    expect(vault.size).toBe(3)
    expect(vault.outsideBytes).toBe(0)
    const first = vault.acquire(tickets[0]!)
    expect(vault.acquire(tickets[0]!)).toBe(first)
    vault.release(tickets[0]!)
    vault.release(tickets[0]!)
    expect(() => vault.release(tickets[0]!)).toThrow(RangeError)
    vault.remove(tickets[0]!)
    expect(() => vault.acquire(tickets[0]!)).toThrow(DisposedError)
  })

  it('evicts what was used least recently, never what is in use', () => {
    // Room for three.
    using vault = new PolynomialVault(ring, { arenaBytes: 3.5 * MEGABYTE })
    const [a, b, c, d] = [1, 2, 3, 4].map(n => vault.put(make(n))) as [never, never, never, never]
    const resident = (p: Polynomial): boolean => !p.isDisposed
    const [pb, pc] = [vault.acquire(b), vault.acquire(c)]
    vault.release(b)
    // a has gone to make room for d; b, c and d are resident, and d was used before b and c.
    const pd = vault.acquire(d)
    vault.release(d)
    const pa = vault.acquire(a)
    expect([pa, pb, pc, pd].map(resident)).toEqual([true, false, true, true])
    expect(() => vault.remove(a)).toThrow(RangeError)
    const again = vault.acquire(b)
    expect(resident(pd)).toBe(false)
    expect(() => vault.acquire(d)).toThrow(VaultFullError)
    expect(() => vault.withAll([a, d], () => undefined)).toThrow(VaultFullError)
    vault.release(a)
    expect(vault.withAll([b, d], polynomials => polynomials.map(bytes))).toEqual([expected(2), expected(4)])
    expect(resident(pa)).toBe(false)
    expect(bytes(again)).toBe(expected(2))
    vault.release(b)
    vault.release(c)
  })

  it('a polynomial larger than the share of the memory goes out at once and cannot be used', () => {
    using vault = new PolynomialVault(ring, { arenaBytes: MEGABYTE / 2 })
    const ticket = vault.put(make(1))
    expect(vault.residentBytes).toBe(0)
    expect(() => vault.acquire(ticket)).toThrow(VaultFullError)
    const small = vault.put(make(2, [3, 5]))
    expect(bytes(vault.acquire(small))).toBe(expected(2, [3, 5]))
  })

  it('gives room back when the kernel has no more', () => {
    using vault = new PolynomialVault(ring, { arenaBytes: 1024 * MEGABYTE })
    const tickets = Array.from({ length: 20 }, (_, n) => vault.put(make(n)))
    const [first] = tickets
    vault.share(first!)
    const others: Polynomial[] = []
    expect(() => {
      for (;;) others.push(ring.allocate(ALL, 'ntt'))
    }).toThrow(OutOfMemoryError)
    using elsewhere = new PolynomialVault(ring, { arenaBytes: 4 * MEGABYTE })
    const adopted = elsewhere.adopt(vault.share(first!))
    // Another vault cannot take from this one; this one can take from itself.
    expect(() => elsewhere.acquire(adopted)).toThrow(OutOfMemoryError)
    const own = vault.adopt(vault.share(first!))
    const before = vault.residentBytes
    vault.acquire(own)
    expect(vault.residentBytes).toBeLessThanOrEqual(before)
    for (const p of others) p.dispose()
    expect(bytes(vault.acquire(own))).toBe(expected(0))
  })

  it('shares one copy with other workers', async () => {
    using vault = new PolynomialVault(ring, { arenaBytes: 8 * MEGABYTE })
    const ticket = vault.put(make(9, [1, 4]))
    const shared = vault.share(ticket)
    expect(vault.share(ticket).buffer).toBe(shared.buffer)
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       import('@slytherin/ring').then(async ({ loadKernel, Ring, PolynomialVault }) => {
         const ring = new Ring(await loadKernel(), { logN: ${LOG_N}, moduli: workerData.moduli })
         const vault = new PolynomialVault(ring, { arenaBytes: 2 ** 23 })
         parentPort.postMessage(ring.encodePacked(vault.acquire(vault.adopt(workerData.shared))))
       })`,
      { eval: true, workerData: { shared, moduli: MODULI } }
    )
    const received = await new Promise<Uint8Array>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    expect(Buffer.from(received).toString('base64')).toBe(expected(9, [1, 4]))
  })

  it('refuses what is not of its ring', async () => {
    using vault = new PolynomialVault(ring, { arenaBytes: 8 * MEGABYTE })
    const other = new Ring(kernel, { logN: 5, moduli: findNttPrimes(5, 40, 1) })
    const foreign = other.allocate([0], 'ntt')
    expect(() => vault.put(foreign)).toThrow(RingMismatchError)
    foreign.dispose()
    expect(() => vault.put(foreign)).toThrow(RingMismatchError)
    const gone = make(1)
    gone.dispose()
    expect(() => vault.put(gone)).toThrow(DisposedError)
    const buffer = new SharedArrayBuffer(ring.N * 8)
    expect(() => vault.adopt({ indices: [0, 1], domain: 'ntt', buffer })).toThrow(RingMismatchError)
    expect(() => vault.adopt({ indices: [1, 0], domain: 'ntt', buffer })).toThrow(BasisMismatchError)
    other.dispose()
  })
})
