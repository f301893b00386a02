import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MalformedShareError } from '@slytherin/mhe'
import { CryptographyWorker, type HostedCryptography, MissingFileError, WorkerClosedError, WorkerCrashedError } from '@slytherin/node'
import { type EvaluationCallbacks, PartyMissingError, type Plan, type QueryEvaluation, SessionStateError } from '@slytherin/protocol'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import {
  LARGE_BYTES,
  PART_CRASHES,
  PART_IS_A_VIEW,
  PART_IS_LARGE,
  PART_THREAD,
  PART_THROWS,
  PART_YOUNG_GENERATION
} from './support/fake-cryptography.js'
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
afterAll(async () => {
  await (await common)?.worker.dispose()
})

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => new Error('it worked'),
    (error: Error) => error
  )
}

interface Opened {
  readonly worker: CryptographyWorker
  readonly cryptography: HostedCryptography
  readonly plan: Plan
}

async function opened(): Promise<Opened> {
  return await openSession(await start())
}

let common: Promise<Opened> | undefined
/** For what ends neither its thread nor its session, and counts nothing that others leave to be collected: loading a thread takes longer than any of these. */
async function shared(): Promise<Opened> {
  common ??= CryptographyWorker.start(options, { module }).then(openSession)
  return await common
}

async function openSession(worker: CryptographyWorker): Promise<Opened> {
  const { cryptography } = worker
  const plan = await cryptography.plan(await cryptography.architecture(), {
    batch: 4,
    parties: 1,
    minimumRefreshes: 2,
    floodingBits: 30,
    data: 'encrypted',
    weights: 'encrypted'
  })
  await cryptography.open({
    sessionId: new Uint8Array(32),
    plan,
    parties: 1,
    floodingBits: 30,
    maximumDecryptions: 1,
    maximumRefreshes: 100,
    roles: ['evaluator']
  })
  await cryptography.setPublicKey([await cryptography.publicKeyShare()])
  return { worker, cryptography, plan }
}

/** A query with its input. */
async function waiting(cryptography: HostedCryptography): Promise<QueryEvaluation> {
  const inputs = await cryptography.openQuery([Float64Array.of(1)], 'q')
  const evaluation = await cryptography.openEvaluation('q', 'patient')
  await evaluation.storeInput(0, await inputs.encryptInput(0))
  return evaluation
}

/** Of a session in which one party holds the whole key. */
const CALLBACKS: EvaluationCallbacks = {
  refresh: async () => [],
  switchShares: async () => [],
  refreshWhole: async () => [],
  switchWhole: async () => [],
  querierHoldsKey: false,
  resultKey: async () => new Uint8Array(0),
  progress: () => {}
}

describe('cryptography worker', () => {
  it('runs in another thread and leaves the caller its arguments', async () => {
    const { cryptography, plan } = await opened()
    expect((await cryptography.modelPart(PART_THREAD))[0]).toBeGreaterThan(0)
    const samples = [Float64Array.of(1, 2, 3)]
    const frame = new Uint8Array(1 << 20)
    frame.set(new TextEncoder().encode('masked it c1 of some'))
    await cryptography.openQuery(samples, 'q')
    expect(samples[0]).toEqual(Float64Array.of(1, 2, 3))
    const { step, level, scale, magnitude } = plan.refreshes[0]!
    const [masked, c1] = [frame.subarray(0, 9), frame.subarray(10, 20)]
    const refresh = { instance: 'i', step, level, scale, magnitude, masked: [masked, masked], c1: [c1, c1] }
    const [first, second] = await cryptography.refreshWhole(refresh)
    expect(first).toEqual(second)
    expect(frame.byteLength).toBe(1 << 20)
    expect(frame.buffer.byteLength).toBe(1 << 20)
  })

  it('gives back bytes in a buffer of their own, also those that were a view of shared memory', async () => {
    const { cryptography } = await shared()
    const part = await cryptography.modelPart(PART_IS_A_VIEW)
    expect(part).toEqual(new Uint8Array(50).fill(9))
    expect(part.buffer).toBeInstanceOf(ArrayBuffer)
    expect(part.buffer.byteLength).toBe(50)
  })

  it('throws what the cryptography throws, class and fields included', async () => {
    const { cryptography } = await start()
    const error = await failure(cryptography.modelPart(PART_THROWS))
    expect(error).toBeInstanceOf(MalformedShareError)
    expect(error).toMatchObject({ name: 'MalformedShareError', field: 'residue', expected: 'below its prime' })
    expect(error.stack).toContain('fake-cryptography')
    expect(await failure(cryptography.publicKeyShare())).toBeInstanceOf(SessionStateError)
  })

  it('hosts objects with methods of their own, and callbacks into this thread', async () => {
    const { cryptography } = await shared()
    const queries = await Promise.all([
      cryptography.openQuery([Float64Array.of(1, 2)], 'q'),
      cryptography.openQuery([Float64Array.of(-4, 1)], 'q')
    ])
    const evaluation = await cryptography.openEvaluation('q', 'patient')
    await evaluation.storeInput(0, await queries[1].encryptInput(0))
    const steps: string[] = []
    const targetKey = await cryptography.resultKey({} as never)
    const [result] = await evaluation.evaluate({
      ...CALLBACKS,
      refreshWhole: async request => await cryptography.refreshWhole(request),
      switchWhole: async request => await cryptography.switchWhole({ ...request, targetKey }),
      resultKey: async () => targetKey,
      progress: ({ step }) => steps.push(step)
    })
    expect(steps).toEqual(['layer 0', 'layer 1', 'done'])
    // What a callback returns stays its owner's.
    expect(targetKey.byteLength).toBeGreaterThan(0)
    expect((await cryptography.decryptResults([result!]))[0]).toEqual(Float64Array.of(-3, 3))
    await queries[1].dispose()
    expect(await failure(queries[1].encryptInput(0))).toBeInstanceOf(SessionStateError)
    expect((await queries[0].encryptInput(0)).byteLength).toBeGreaterThan(0)
  })

  it('stops when a signal says so, for the very reason', async () => {
    const { cryptography } = await opened()
    const evaluation = await waiting(cryptography)
    const controller = new AbortController()
    const reason = new PartyMissingError({ peer: '12D3', phase: 'refresh', reason: 'connection lost' })
    const callbacks = {
      ...CALLBACKS,
      refreshWhole: () => {
        controller.abort(reason)
        return new Promise<never>(() => {})
      }
    }
    expect(await failure(evaluation.evaluate(callbacks, controller.signal))).toBe(reason)
    expect(await failure(evaluation.evaluate(callbacks, controller.signal))).toBe(reason)
    expect(await failure(evaluation.evaluate(callbacks, AbortSignal.timeout(1)))).toMatchObject({ name: 'TimeoutError' })
  })

  it('carries an error of a callback through the evaluation and back, still the same class', async () => {
    const { cryptography } = await opened()
    const open = await waiting(cryptography)
    const error = await failure(
      open.evaluate({
        ...CALLBACKS,
        refreshWhole: async () => {
          throw new PartyMissingError({ peer: '12D3', phase: 'refresh', reason: 'connection lost' })
        }
      })
    )
    expect(error).toBeInstanceOf(PartyMissingError)
    expect(error).toMatchObject({ peer: '12D3', phase: 'refresh', code: 'party-missing' })
  })

  it('keeps nothing of what it has answered', async () => {
    const { cryptography } = await shared()
    for (let i = 0; i < 40; i++) expect((await cryptography.modelPart(PART_IS_LARGE)).byteLength).toBe(LARGE_BYTES)
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

  it('lets go of what was disposed of, although whoever had it still holds it', async () => {
    const { cryptography } = await opened()
    const ports = (): number => process.getActiveResourcesInfo().filter(resource => resource === 'MessagePort').length
    const before = ports()
    const queries = await Promise.all(Array.from({ length: 20 }, async () => await cryptography.openQuery([Float64Array.of(1)], 'q')))
    expect(ports()).toBeGreaterThanOrEqual(before + 20)
    for (const query of queries) await query.dispose()
    await until(() => ports() <= before, 10_000, 'ports are closed')
    for (const query of queries) {
      expect(await failure(query.encryptInput(0))).toBeInstanceOf(SessionStateError)
      await query.dispose()
    }
  })

  it('leaves nothing of a call to the garbage collector that keeps a port', async () => {
    const { cryptography } = await opened()
    const registered = vi.spyOn(FinalizationRegistry.prototype, 'register')
    const unregistered = vi.spyOn(FinalizationRegistry.prototype, 'unregister')
    try {
      for (let k = 0; k < 20; k++) expect((await cryptography.modelPart(PART_THREAD)).byteLength).toBe(1)
      expect(registered).not.toHaveBeenCalled()
      for (let k = 0; k < 20; k++) {
        const query = await cryptography.openQuery([Float64Array.of(1)], 'q')
        await query.encryptInput(0)
        await query.dispose()
      }
      const tokens = registered.mock.calls.map(([, , token]) => token)
      expect(tokens.length).toBeGreaterThanOrEqual(20)
      expect(new Set(unregistered.mock.calls.map(([token]) => token))).toEqual(new Set(tokens))
    } finally {
      vi.restoreAllMocks()
    }
  })

  it('has a bound on the part of its heap that is for new objects, which would grow for hundreds of queries', async () => {
    const { cryptography } = await shared()
    const [young] = await cryptography.modelPart(PART_YOUNG_GENERATION)
    expect(young).toBeGreaterThanOrEqual(8)
    expect(young).toBeLessThanOrEqual(32)
  })

  it('still answers what was asked before it was disposed of', async () => {
    const { cryptography } = await opened()
    const query = await cryptography.openQuery([Float64Array.of(1)], 'q')
    const [input] = await Promise.all([query.encryptInput(0), query.dispose()])
    expect(input.byteLength).toBeGreaterThan(0)
  })

  it('that crashes fails every call in flight and to come with one typed error', async () => {
    const { worker, cryptography } = await opened()
    const [a, b] = await Promise.all([failure(cryptography.modelPart(PART_CRASHES)), failure(cryptography.modelPart(PART_CRASHES))])
    expect(a).toBeInstanceOf(WorkerCrashedError)
    expect(a.cause).toMatchObject({ message: 'out of memory, say' })
    expect(b).toBe(a)
    expect(await failure(cryptography.publicKeyShare())).toBe(a)
    expect(await worker.whenEnded()).toBe(a)
  })

  it('that is closed while it works fails what is in flight', async () => {
    const { worker, cryptography } = await opened()
    const open = await waiting(cryptography)
    const evaluation = failure(
      open.evaluate({
        ...CALLBACKS,
        refreshWhole: () => new Promise(() => {})
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
