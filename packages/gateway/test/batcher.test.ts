/** Micro-batching: who shares a query, in which order, and what becomes of it when somebody leaves or it fails. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SampleAnswer } from '../src/backend.js'
import { type Batched, Batcher } from '../src/batching/batcher.js'
import { MAXIMUM_WAITING_BATCHES } from '../src/constants.js'
import { Problem } from '../src/http/problem.js'

const never = new AbortController().signal
const rowsOf = (first: number, rows: number): Float64Array => Float64Array.from({ length: rows }, (_, k) => first + k)
const answers = (values: Float64Array): SampleAnswer[] =>
  [...values].map(value => ({ logits: [value], values: [value], prediction: value, nearTie: false }))
const said = ({ answers: given }: Batched): number[] => given.map(({ logits }) => logits[0]!)

/** A batcher whose queries are answered when the test lets them. */
function held(batch: number, delay = 5) {
  const sent: { rows: number; values: Float64Array; signal: AbortSignal; answer(): void; fail(error: Error): void }[] = []
  const batcher = new Batcher({
    size: 1,
    batch,
    delay,
    send: async (values, rows, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly SampleAnswer[]>()
      sent.push({ rows, values, signal, answer: () => resolve(answers(values)), fail: reject })
      return await promise
    }
  })
  const settle = async (): Promise<void> => await new Promise(resolve => setTimeout(resolve, delay + 5))
  return { batcher, sent, settle }
}

describe('a batcher', () => {
  it('gives everybody the answers to what it sent, however requests fall into queries', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }),
        async (batch, sizes) => {
          const queries: number[] = []
          const batcher = new Batcher({
            size: 1,
            batch,
            delay: 1,
            send: async values => {
              await Promise.resolve()
              return answers(values)
            },
            onSent: rows => queries.push(rows)
          })
          const wanted = sizes.map((rows, k) => ({ rows: Math.min(rows, MAXIMUM_WAITING_BATCHES * batch), first: 1000 * k }))
          const all = wanted.reduce((sum, { rows }) => sum + rows, 0)
          fc.pre(all <= MAXIMUM_WAITING_BATCHES * batch)
          const got = await Promise.all(wanted.map(async ({ rows, first }) => await batcher.submit(rowsOf(first, rows), rows, never)))
          got.forEach((given, k) => {
            expect(said(given)).toEqual([...rowsOf(wanted[k]!.first, wanted[k]!.rows)])
          })
          expect(Math.max(...queries)).toBeLessThanOrEqual(batch)
          expect(queries.length).toBe(Math.ceil(all / batch))
          expect(batcher).toMatchObject({ waitingRows: 0, isIdle: true })
        }
      ),
      { numRuns: 40 }
    )
  })

  it('fills the next query while one runs', async () => {
    const { batcher, sent, settle } = held(8)
    const first = batcher.submit(rowsOf(0, 1), 1, never)
    await settle()
    const others = [1, 2, 3].map(async k => await batcher.submit(rowsOf(k, 1), 1, never))
    await settle()
    expect(sent.map(({ rows }) => rows)).toEqual([1])
    sent[0]!.answer()
    await first
    await settle()
    expect(sent.map(({ rows }) => rows)).toEqual([1, 3])
    sent[1]!.answer()
    expect((await Promise.all(others)).map(said)).toEqual([[1], [2], [3]])
  })

  it('sends what is full at once, and lets a small request in beside a large one', async () => {
    const { batcher, sent } = held(4, 60_000)
    const large = batcher.submit(rowsOf(0, 14), 14, never)
    const small = batcher.submit(rowsOf(100, 3), 3, never)
    // Three full ones of the large request have left; the next is shared.
    expect(sent.map(({ values }) => [...values])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
      [12, 13, 100, 101]
    ])
    for (const query of sent.splice(0)) query.answer()
    expect(said(await large)).toHaveLength(14)
    batcher.stop(new Error('over'))
    await expect(small).rejects.toThrow('over')
  })

  it('forgets who leaves, and ends a query that nobody waits for', async () => {
    const { batcher, sent, settle } = held(2)
    const [one, two] = [new AbortController(), new AbortController()]
    const asked = [one, two].map(async ({ signal }, k) => await batcher.submit(rowsOf(k, 1), 1, signal))
    const third = new AbortController()
    const waiting = batcher.submit(rowsOf(2, 1), 1, third.signal)
    await settle()
    third.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    expect(batcher.waitingRows).toBe(0)
    one.abort(new Error('left'))
    await expect(asked[0]).rejects.toThrow('left')
    expect(sent[0]!.signal.aborted).toBe(false)
    two.abort(new Error('left, too'))
    await expect(asked[1]).rejects.toThrow('left, too')
    expect(sent[0]!.signal.aborted).toBe(true)
  })

  it('tells everybody of a query that it failed, and goes on', async () => {
    const { batcher, sent, settle } = held(2)
    const asked = [0, 1].map(async k => await batcher.submit(rowsOf(k, 1), 1, never))
    sent[0]!.fail(new Error('broken'))
    for (const one of asked) await expect(one).rejects.toThrow('broken')
    const again = batcher.submit(rowsOf(5, 1), 1, never)
    await settle()
    sent[1]!.answer()
    expect(said(await again)).toEqual([5])
  })

  it('refuses what it has no room for', async () => {
    const { batcher } = held(2, 60_000)
    const room = 2 * MAXIMUM_WAITING_BATCHES
    await expect(batcher.submit(rowsOf(0, room + 1), room + 1, never)).rejects.toMatchObject({ kind: 'too-large' })
    const full = [batcher.submit(rowsOf(0, room), room, never), batcher.submit(rowsOf(0, 8), 8, never)]
    await expect(batcher.submit(rowsOf(0, 1), 1, never)).rejects.toThrow(Problem)
    batcher.stop(new Error('over'))
    for (const one of full) await expect(one).rejects.toThrow('over')
  })
})
