/** A short run of `npm run fuzz`, always the same: every parser meets a few hundred mutated messages. */
import { type Kernel, loadKernel } from '@slytherin/ring'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allTargets } from '../src/fuzz/list.js'
import { apportion, fuzz, messageOf } from '../src/fuzz/run.js'
import type { Target, TargetGroup } from '../src/fuzz/target.js'

const MESSAGES = 8000
const SEED = 'suite'

let kernel: Kernel
let group: TargetGroup

beforeAll(async () => {
  kernel = await loadKernel()
  group = await allTargets(kernel)
})

afterAll(async () => await group[Symbol.asyncDispose]())

describe('mutated messages', () => {
  it('end in typed errors, keep no memory, and are not taken for what was signed or proved', async () => {
    const counts = apportion(group.targets, MESSAGES)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(MESSAGES)
    for (const [index, target] of group.targets.entries()) {
      const report = await fuzz(target, { seed: SEED, messages: counts[index]!, kernel, heap: false })
      expect(report, target.name).toMatchObject({ messages: counts[index], failures: [], grown: [] })
      expect(report.refused + report.unchanged + report.accepted, target.name).toBe(counts[index])
      if (target.refusals.length > 0) expect(report.refused, target.name).toBeGreaterThan(0)
    }
  })

  it('follow from the seed and their number alone', () => {
    const target = group.targets.find(({ name }) => name === 'proof')!
    expect(messageOf(target, 'a', 7).bytes).toEqual(messageOf(target, 'a', 7).bytes)
    expect(messageOf(target, 'a', 7).bytes).not.toEqual(messageOf(target, 'b', 7).bytes)
  })
})

describe('the run finds a parser that', () => {
  const flawed = (flaw: Partial<Target>): Target => ({
    name: 'flawed',
    contract: 'one form',
    structure: 'bytes',
    weight: 1,
    corpus: [Uint8Array.of(1, 2, 3, 4)],
    refusals: [],
    parse: bytes => bytes,
    ...flaw
  })
  const kinds = async (target: Target): Promise<Set<string>> => {
    const { failures } = await fuzz(target, { seed: SEED, messages: 200, kernel, heap: false })
    return new Set(failures.map(({ kind }) => kind))
  }

  it('throws what has no class of its own', async () => {
    const parse = (bytes: Uint8Array): Uint8Array => {
      if (bytes.length !== 4) throw new RangeError('offset is out of bounds')
      return bytes
    }
    expect(await kinds(flawed({ parse }))).toEqual(new Set(['untyped error']))
  })

  it('does not look at the last byte', async () => {
    expect(await kinds(flawed({ parse: bytes => bytes.slice(0, 3) }))).toContain('accepted')
    expect(await kinds(flawed({ contract: 'authenticated' }))).toEqual(new Set(['accepted']))
  })

  it('reads JSON that means something else when written again', async () => {
    const text = new TextEncoder()
    const target = flawed({
      contract: 'same value',
      structure: 'json',
      corpus: [text.encode('{"a":1}')],
      refusals: [SyntaxError, TypeError]
    })
    const parse = (bytes: Uint8Array): Uint8Array => text.encode(JSON.stringify({ a: JSON.parse(new TextDecoder().decode(bytes)).a }))
    expect(await kinds({ ...target, parse })).toEqual(new Set(['accepted']))
  })

  it('keeps polynomials', async () => {
    const { refusals, corpus } = group.targets.find(({ name }) => name === 'ciphertext')!
    const kept: number[] = []
    const parse = (bytes: Uint8Array): Uint8Array => {
      kept.push(kernel.arena.allocate(64))
      return bytes
    }
    const { grown } = await fuzz(flawed({ refusals, corpus, parse }), { seed: SEED, messages: 200, kernel, heap: false })
    for (const address of kept) kernel.arena.release(address)
    expect(grown).toContain('arenaBytes')
  })
})
