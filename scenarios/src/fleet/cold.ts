/**
 * A worker that has nothing, and a query of a large release: how much later it is answered than the next one, which finds everything in place, beside what a plain transfer
 * of the same bytes over the same link takes.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { isInputSpace } from './dealt-service.js'
import { digestOf, type Measuring, secondsOf } from './measuring.js'
import { loadNow, type ReportFiles, report } from './reporting.js'

const DOWNLOAD = fileURLToPath(new URL('./download-process.js', import.meta.url))
/** How long the link is measured. */
const LINK_SECONDS = 4
/** 7.3 GB of encrypted weights. */
const MODEL = { name: 'nn20-square', batch: 8 } as const

export interface ColdOptions {
  /** Of the link, as tc writes it. */
  readonly rate: string
  readonly model?: string
  readonly batch?: number
  readonly signal: AbortSignal
  readonly files: ReportFiles
}

/** @returns true: what is measured are seconds */
export async function measureCold(
  measuring: Measuring,
  { rate, model = MODEL.name, batch = MODEL.batch, signal, files }: ColdOptions
): Promise<boolean> {
  const loadBefore = loadNow()
  const { service, samples } = await measuring.service({ name: model, batch, refreshing: true })
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
    let start = 0
    const first = await secondsOf(async () => {
      start = (await secondsOf(async () => await measuring.workers(1, fleet, signal))).seconds
      return digestOf(await evaluate(queries[0]!))
    })
    say(
      `from the start of the worker to the first answer: ${first.seconds.toFixed(1)} s, ${start.toFixed(1)} s of them until it was admitted`
    )
    const coresOfFirst = await measuring.coreSeconds()
    const second = await secondsOf(async () => digestOf(await evaluate(queries[1]!)))
    say(`the second answer: ${second.seconds.toFixed(1)} s`)
    const coresOfSecond = (await measuring.coreSeconds()) - coresOfFirst
    await dispose()
    const later = first.seconds - second.seconds
    const values = {
      bytes,
      rate,
      megabitsMeasured: (8 * link.bytes) / link.seconds / 1e6,
      seconds: { transfer, start, first: first.seconds, second: second.seconds, later },
      workerCoreSeconds: { first: coresOfFirst, second: coresOfSecond },
      ratio: later / transfer,
      model,
      batch,
      transport: measuring.transportName,
      loadBefore
    }
    const bars = [
      { name: 'transfer of the same bytes', seconds: transfer, colour: 1 },
      { name: 'first answer of a worker that has nothing', seconds: first.seconds, colour: 2 },
      { name: 'the next one', seconds: second.seconds, colour: 2 }
    ]
    await report(values, files, { title: `A worker that has nothing, a release of ${(bytes / 1e9).toFixed(1)} GB, ${rate}`, bars })
    return true
  } finally {
    await measuring.stopWorkers()
    await fleet.close()
  }
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
