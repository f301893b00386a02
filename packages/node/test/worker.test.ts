import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MalformedShareError } from '@slytherin/mhe'
import { CryptographyWorker, MissingFileError, WorkerClosedError, WorkerCrashedError } from '@slytherin/node'
import { PartyMissingError } from '@slytherin/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { LARGE_BYTES, PART_CRASHES, PART_IS_A_VIEW, PART_IS_LARGE, PART_THREAD, PART_THROWS } from './support/fake-cryptography.js'
import { until } from './support/network.js'

const module = new URL('./support/fake-cryptography.ts', import.meta.url).href
const options = {
  evaluator: 'seal',
  costs: 'reference',
  threads: 1,
  state: 'some/alice',
  keySource: { kind: 'environment', name: 'X' },
  keepParts: false
} as const

const workers: CryptographyWorker[] = []
async function start(): Promise<CryptographyWorker> {
  const worker = await CryptographyWorker.start(options, { module })
  workers.push(worker)
  return worker
}
afterEach(async () => {
  await Promise.all(workers.splice(0).map(worker => worker.dispose()))
})

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => new Error('it worked'),
    (error: Error) => error
  )
}

async function opened(refreshes = 2): Promise<CryptographyWorker> {
  const worker = await start()
  const plan = await worker.plan(await worker.architecture(), {
    batch: 4,
    parties: 1,
    minimumRefreshes: refreshes,
    floodingBits: 30,
    data: 'encrypted',
    weights: 'encrypted'
  })
  await worker.open({ sessionId: new Uint8Array(32), plan, parties: 1, floodingBits: 30, maximumDecryptions: 1, roles: ['evaluator'] })
  await worker.setPublicKey([await worker.publicKeyShare()])
  return worker
}

describe('cryptography worker', () => {
  it('runs in another thread and leaves the caller its arguments', async () => {
    const worker = await opened()
    expect((await worker.modelPart(PART_THREAD))[0]).toBeGreaterThan(0)
    const samples = [Float64Array.of(1, 2, 3)]
    const frame = new Uint8Array(1 << 20).fill(65)
    await worker.setSamples(samples)
    expect(samples[0]).toEqual(Float64Array.of(1, 2, 3))
    const refresh = { instance: 'i', level: 0, scale: 1, magnitude: 1, c1: [frame.subarray(10, 20), frame.subarray(10, 20)] }
    const [first, second] = await worker.refreshShare(refresh)
    expect(first).toEqual(second)
    expect(frame.byteLength).toBe(1 << 20)
    expect(frame.buffer.byteLength).toBe(1 << 20)
  })

  it('gives back bytes in a buffer of their own, also those that were a view of shared memory', async () => {
    const worker = await opened()
    const part = await worker.modelPart(PART_IS_A_VIEW)
    expect(part).toEqual(new Uint8Array(50).fill(9))
    expect(part.buffer).toBeInstanceOf(ArrayBuffer)
    expect(part.buffer.byteLength).toBe(50)
  })

  it('throws what the cryptography throws, class and fields included', async () => {
    const worker = await start()
    const error = await failure(worker.modelPart(PART_THROWS))
    expect(error).toBeInstanceOf(MalformedShareError)
    expect(error).toMatchObject({ name: 'MalformedShareError', field: 'residue', expected: 'below its prime' })
    expect(error.stack).toContain('fake-cryptography')
    expect(await failure(worker.publicKeyShare())).toMatchObject({ message: 'no session is open' })
  })

  it('evaluates with callbacks into this thread', async () => {
    const worker = await opened()
    await worker.setSamples([Float64Array.of(1, 2), Float64Array.of(-4, 1)])
    for (const index of [0, 1]) await worker.storeInput('q', index, await worker.encryptInput(index))
    const steps: string[] = []
    let refreshes = 0
    const [result] = await worker.evaluate('q', {
      refresh: async request => {
        refreshes++
        return [await worker.refreshShare(request)]
      },
      switchShares: async request => [await worker.switchShare({ ...request, targetKey: await worker.resultKey({} as never) })],
      resultKey: async () => new Uint8Array(0),
      progress: ({ step }) => steps.push(step)
    })
    expect(refreshes).toBe(2)
    expect(steps).toEqual(['layer 0', 'layer 1'])
    const logits = await worker.decryptResults([result!])
    expect(logits.map(row => Array.from(row)).slice(0, 2)).toEqual([
      [3, -3],
      [-3, 3]
    ])
  })

  it('carries an error of a callback through the evaluation and back, still the same class', async () => {
    const worker = await opened()
    await worker.setSamples([Float64Array.of(1)])
    await worker.storeInput('q', 0, await worker.encryptInput(0))
    const error = await failure(
      worker.evaluate('q', {
        refresh: async () => {
          throw new PartyMissingError({ peer: '12D3', phase: 'refresh', reason: 'connection lost' })
        },
        switchShares: async () => [],
        resultKey: async () => new Uint8Array(0),
        progress: () => {}
      })
    )
    expect(error).toBeInstanceOf(PartyMissingError)
    expect(error).toMatchObject({ peer: '12D3', phase: 'refresh', code: 'party-missing' })
  })

  it('keeps nothing of what it has answered', async () => {
    const worker = await opened()
    for (let i = 0; i < 40; i++) expect((await worker.modelPart(PART_IS_LARGE)).byteLength).toBe(LARGE_BYTES)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    // Answers are freed in another turn than the one that collects them.
    await until(
      () => {
        collect()
        return process.memoryUsage().external < 8 * LARGE_BYTES
      },
      10_000,
      'answers are freed'
    )
  })

  it('that crashes fails every call in flight and to come with one typed error', async () => {
    const worker = await opened()
    const [a, b] = await Promise.all([failure(worker.modelPart(PART_CRASHES)), failure(worker.modelPart(PART_CRASHES))])
    expect(a).toBeInstanceOf(WorkerCrashedError)
    expect(a.cause).toMatchObject({ message: 'out of memory, say' })
    expect(b).toBe(a)
    expect(await failure(worker.publicKeyShare())).toBe(a)
    expect(await worker.whenEnded()).toBe(a)
  })

  it('that is closed while it works fails what is in flight', async () => {
    const worker = await opened()
    await worker.setSamples([Float64Array.of(1)])
    await worker.storeInput('q', 0, await worker.encryptInput(0))
    const evaluation = failure(
      worker.evaluate('q', {
        refresh: () => new Promise(() => {}),
        switchShares: async () => [],
        resultKey: async () => new Uint8Array(0),
        progress: () => {}
      })
    )
    await worker.dispose()
    expect(await evaluation).toBeInstanceOf(WorkerClosedError)
    await worker.dispose()
  })

  it('does not start when its module cannot, and says why', async () => {
    const error = await failure(
      CryptographyWorker.start({ ...options, model: { path: 'unreadable.onnx', calibration: { manifest: 'x' } } }, { module })
    )
    expect(error).toBeInstanceOf(MalformedShareError)
    const missing = await failure(CryptographyWorker.start({ ...options, keySource: { kind: 'key-file', path: '/no/such/key' } }))
    expect(missing).toBeInstanceOf(MissingFileError)
  })
})
