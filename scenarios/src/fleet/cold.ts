/**
 * A worker that has nothing, and a query of a large release: when, by its own log, it begins to evaluate and when all of keys and model has come and is verified, and how
 * much later the query is answered than the next one, which finds everything in place; beside what a plain transfer of the same bytes over the same link takes.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { until } from '../service/until.js'
import { isInputSpace } from './dealt-service.js'
import { type Measuring, secondsOf } from './measuring.js'
import { loadNow, type ReportFiles, report } from './reporting.js'

const DOWNLOAD = fileURLToPath(new URL('./download-process.js', import.meta.url))
/** How long the link is measured. */
const LINK_SECONDS = 4
/** Without refreshes 3.2 GB of encrypted weights and half a gigabyte of keys, all of which the only part of a query needs. */
const MODEL = { name: 'lenet-square', batch: 1 } as const
/** What a worker logs. */
const GIVEN = 'given'
const BEGINS = 'keys are in memory: evaluation begins'
const HERE = 'all of a release is here and verified'

export interface ColdOptions {
  /** Of the link, as tc writes it. */
  readonly rate: string
  readonly model?: string
  readonly batch?: number
  readonly refreshes: boolean
  readonly signal: AbortSignal
  readonly files: ReportFiles
}

/** @returns true: what is measured are seconds */
export async function measureCold(
  measuring: Measuring,
  { rate, model = MODEL.name, batch = MODEL.batch, refreshes: refreshing, signal, files }: ColdOptions
): Promise<boolean> {
  const loadBefore = loadNow()
  const { service, samples } = await measuring.service({ name: model, batch, refreshing })
  const of = Array.from({ length: batch }, (_, i) => samples[i % samples.length]!)
  const queries = [await service.prepare('cold', of), await service.prepare('warm', of)]
  const { directory, transport, say } = measuring
  const store = join(directory, 'store')
  const fleet = await measuring.fleet()
  try {
    const { evaluate, dispose } = await service.evaluator(fleet)
    const bytes = await bytesOf(store)
    const { endpoint } = (transport.store as { readonly s3: { readonly endpoint: string } }).s3
    const [file = process.execPath, ...rest] = [
      ...transport.through(0),
      process.execPath,
      DOWNLOAD,
      store,
      `${endpoint}/fleet`,
      `${LINK_SECONDS}`
    ]
    const link = JSON.parse((await execa(file, rest)).stdout) as { bytes: number; seconds: number }
    const transfer = (bytes * link.seconds) / link.bytes
    say(`${(bytes / 1e9).toFixed(2)} GB, ${transfer.toFixed(1)} s at ${((8 * link.bytes) / link.seconds / 1e6).toFixed(0)} Mbit/s`)
    const begun = Date.now()
    const sinceBegun = (time: number): number => (time - begun) / 1000
    const worker = await measuring.worker()
    await until(async () => fleet.status().workers.length === 1, signal)
    const start = sinceBegun(Date.now())
    await evaluate(queries[0]!)
    const first = sinceBegun(Date.now())
    const said = async (message: string): Promise<number> => {
      await until(async () => (await worker.saidAt(message)) !== undefined, signal)
      return sinceBegun((await worker.saidAt(message))!)
    }
    const [given, begins, here] = [await said(GIVEN), await said(BEGINS), await said(HERE)]
    say(
      `from the start of the worker to the first answer: ${first.toFixed(1)} s; admitted after ${start.toFixed(1)}, given the query after ${given.toFixed(1)}, ` +
        `evaluates after ${begins.toFixed(1)}, has everything after ${here.toFixed(1)}`
    )
    const coresOfFirst = await measuring.coreSeconds()
    const second = await secondsOf(async () => await evaluate(queries[1]!))
    say(`the second answer: ${second.seconds.toFixed(1)} s`)
    const coresOfSecond = (await measuring.coreSeconds()) - coresOfFirst
    await dispose()
    const later = first - second.seconds
    const secondsToFirstJob = here - given
    const nominal = (8 * bytes) / bitsOf(rate)
    const values = {
      bytes,
      rate,
      megabitsMeasured: (8 * link.bytes) / link.seconds / 1e6,
      transferSeconds: transfer,
      transferSecondsAtRate: nominal,
      secondsToFirstStep: begins - given,
      secondsToFirstJob,
      secondsFromStartToFirstJob: here,
      ratioToFirstJob: secondsToFirstJob / transfer,
      ratioToFirstJobAtRate: secondsToFirstJob / nominal,
      seconds: { transfer, start, given, begins, here, first, second: second.seconds, later },
      workerCoreSeconds: { first: coresOfFirst, second: coresOfSecond },
      ratio: later / transfer,
      model,
      batch,
      refreshes: service.plan.refreshes.length,
      transport: measuring.transportName,
      loadBefore
    }
    const bars = [
      { name: 'transfer of the same bytes', seconds: transfer, colour: 1 },
      { name: 'a worker that has nothing has all of it', seconds: secondsToFirstJob, colour: 2 },
      { name: 'its first answer, from its start', seconds: first, colour: 2 },
      { name: 'the next one', seconds: second.seconds, colour: 2 }
    ]
    await report(values, files, { title: `A worker that has nothing, a release of ${(bytes / 1e9).toFixed(1)} GB, ${rate}`, bars })
    return true
  } finally {
    await measuring.stopWorkers()
    await fleet.close()
  }
}

/** Bits a second, as tc writes them. @throws Error for what tc would not take */
export function bitsOf(rate: string): number {
  const [, count, unit] = /^([\d.]+)([kmgt]?)bit$/i.exec(rate) ?? []
  if (count === undefined) throw new Error(`no rate of bits a second: ${rate}`)
  return Number(count) * 1000 ** ' kmgt'.indexOf(unit === '' ? ' ' : unit!.toLowerCase())
}

/** Of keys and model: inputs come with every query, the later ones too. */
async function bytesOf(store: string): Promise<number> {
  let bytes = 0
  for (const space of await readdir(store)) {
    if (isInputSpace(space)) continue
    for (const hash of await readdir(join(store, space))) bytes += (await stat(join(store, space, hash))).size
  }
  return bytes
}
