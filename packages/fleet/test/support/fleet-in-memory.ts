/** A coordinator and workers over a queue in memory, with evaluations that take as long as a test wants. */
import {
  Fleet,
  FleetContents,
  type FleetEvent,
  type FleetOptions,
  FleetWorker,
  type MemoryMailbox,
  MemoryPost,
  MemoryStore,
  type Workshop
} from '@slytherin/fleet'
import type { BlockHooks, BlockJob, BlockResult, BlockStretch } from '@slytherin/protocol/service'
import { afterEach, beforeEach } from 'vitest'

const ANSWER = 'a'.repeat(64)
const MEANS = 'b'.repeat(64)
export const TIMING = { silence: 200, absence: 60, patience: 400, hedge: 60_000, retry: 50, tick: 20 }

export type Compute = (job: BlockJob, signal: AbortSignal) => Promise<BlockResult>

export interface Started {
  readonly worker: FleetWorker
  readonly jobs: BlockJob[]
}

/** Of one test, in which everything is closed at its end. */
export interface FleetInMemory {
  readonly post: MemoryPost
  readonly events: readonly FleetEvent[]
  coordinator(init?: Partial<FleetOptions>): Promise<Fleet>
  worker(compute?: Compute, init?: { software?: string; answer?: string; mailbox?: MemoryMailbox }): Promise<Started>
}

/** To be called once in a file: what it gives is new in every test. */
export function fleetInMemory(): FleetInMemory {
  let post: MemoryPost
  let events: FleetEvent[]
  const closing: (() => Promise<void>)[] = []

  beforeEach(() => {
    post = new MemoryPost()
    events = []
  })
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function coordinator(init: Partial<FleetOptions> = {}): Promise<Fleet> {
    const fleet = await Fleet.start({
      mailbox: post.mailbox(),
      contents: new FleetContents({ backend: new MemoryStore(), memoryBytes: 0 }),
      software: '1',
      answer: ANSWER,
      here: false,
      check: 0,
      partSeconds: 10,
      timing: TIMING,
      onEvent: event => events.push(event),
      ...init
    })
    closing.push(async () => await fleet.close())
    return fleet
  }

  async function worker(
    compute: Compute = async job => resultOf(job),
    init: { software?: string; answer?: string; mailbox?: MemoryMailbox } = {}
  ): Promise<Started> {
    const jobs: BlockJob[] = []
    const workshop: Workshop = {
      variant: 'fallback',
      ready: [],
      knownAnswer: () => init.answer ?? ANSWER,
      compute: async (job, signal) => {
        jobs.push(job)
        return await compute(job, signal)
      }
    }
    const common = { software: init.software ?? '1', threads: 1, memory: 8e9, heartbeat: 50 }
    const options = { mailbox: init.mailbox ?? post.mailbox(), workshop, ...common }
    const started = await FleetWorker.start(options)
    started.run().catch(() => undefined)
    closing.push(async () => await started.stop())
    return { worker: started, jobs }
  }

  return {
    get post() {
      return post
    },
    get events() {
      return events
    },
    coordinator,
    worker
  }
}

export const jobOf = (query: string): BlockJob => ({
  means: { space: 'release-a', hash: MEANS },
  query,
  blocks: [0, 1],
  after: -1,
  inputs: { space: `query-${query}`, hashes: [], proved: false },
  values: [],
  expected: { seconds: 0.01, bytes: 1e9 }
})

/** What an evaluation comes to: what it is asked for, in other words. */
export const resultOf = ({ query }: BlockJob, wrong = ''): BlockResult => {
  const hash = Buffer.from(`${wrong}${query}`).toString('hex').padEnd(64, '0').slice(0, 64)
  return { refresh: null, results: [[{ space: `query-${query}`, hash, level: 1, scale: 2, degree: 1 }]], values: [], steps: [] }
}

export const hooks = (job: BlockJob, init: Partial<BlockHooks> = {}): BlockHooks => ({
  signal: new AbortController().signal,
  onWaiting: () => undefined,
  local: async () => resultOf(job),
  ...init
})

/** A stretch of so many blocks of a query. */
export const stretchOf = (query: string, most = 1): BlockStretch => ({
  most,
  divide: parts =>
    Array.from({ length: parts }, (_, k) => {
      const blocks = [Math.ceil((k * most) / parts), Math.ceil(((k + 1) * most) / parts)] as const
      return { ...jobOf(query), blocks }
    })
})

export const ask = async (fleet: Fleet, query: string, init: Partial<BlockHooks> = {}, seconds = 1): Promise<BlockResult | undefined> =>
  (await fleet.run(stretchOf(query), { name: query, seconds }, hooks(jobOf(query), init)))[0]

/** How many blocks each part of a query had, in their order. */
export const askDivided = async (fleet: Fleet, query: string, most: number): Promise<readonly number[]> => {
  const results = await fleet.run(stretchOf(query, most), { name: query, seconds: 1 }, hooks(jobOf(query)))
  return results.map(({ refresh }) => refresh!)
}

/** Says as its result how many blocks it did, when it may. */
export const counting =
  (gate?: Promise<void>): Compute =>
  async job => {
    await gate
    return { ...resultOf(job), refresh: job.blocks[1] - job.blocks[0] }
  }

export const never: Compute = async (_job, signal) =>
  await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
