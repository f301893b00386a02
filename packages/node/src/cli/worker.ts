/** `slytherin worker`: a further machine of an evaluator's fleet, until it is stopped. */
import { availableParallelism, totalmem } from 'node:os'
import { FleetWorker, openMailbox, type WorkerEvent } from '@slytherin/fleet'
import { plainText } from '@slytherin/protocol'
import { BlockWorkshop } from '@slytherin/protocol/service'
import { Command } from 'commander'
import type { Logger } from 'pino'
import { loadWorkerConfiguration } from '../configuration/load.js'
import type { WorkerConfiguration } from '../configuration/worker-schema.js'
import { createLogger } from '../logging.js'
import { RotatingFile } from '../monitoring/rotating-file.js'
import { ContentsThread } from '../service/contents-thread.js'
import { VERSION } from '../version.js'
import type { Streams } from './console.js'
import { EXIT_FAILURE } from './exit-codes.js'
import { countBuffersWithHeap } from './external-memory.js'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Share of the machine's memory that parts may take. */
const MEMORY_SHARE = 0.8
/** Of a log file, and how many of them. */
const LOG = { bytes: 10_000_000, files: 5 }

export function workerCommand(streams: Streams): Command {
  return new Command('worker')
    .description(
      "Evaluate with an evaluator on another machine of the same operator: parts come over its fleet's queue, keys and encrypted models from its store."
    )
    .requiredOption('-c, --config <path>', 'worker.yaml')
    .addHelpText('after', HELP)
    .action(async ({ config }: { config: string }) => {
      countBuffersWithHeap()
      await work(await loadWorkerConfiguration(config), streams)
    })
}

/** Until SIGINT or SIGTERM; the second of them does not wait. @throws WorkerRefusedError */
async function work(configuration: WorkerConfiguration, streams: Streams): Promise<void> {
  const { level, file } = configuration.log
  const onFailure = (error: Error): void => streams.err(`the log cannot be written: ${plainText(error.message)}\n`)
  const destination = file === undefined ? undefined : new RotatingFile({ path: file, ...LOG, onFailure })
  const readable = destination === undefined && process.stderr.isTTY
  const logger = createLogger(configuration.name, { level, readable, ...(destination === undefined ? {} : { destination }) })
  const tell = (text: string): void => streams.out(`${new Date().toISOString().slice(0, 19)}Z  ${plainText(text)}\n`)
  let worker: FleetWorker | undefined
  let interrupted = false
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interrupted) process.exit(EXIT_FAILURE)
    interrupted = true
    tell(`stops: ${signal}`)
    void worker?.stop()
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  try {
    const { fleet, cache, threads = 'auto', weightBytes, memoryBytes = Math.floor(MEMORY_SHARE * totalmem()) } = configuration
    const contents = ContentsThread.start(
      { fleet: { store: fleet.store }, cache },
      {
        mismatch: (store, space, hash) =>
          logger.warn({ store, space, hash }, 'the store gave something else than was asked for; it is asked again')
      }
    )
    const lost = contents.whenLost().then(error => Promise.reject(error))
    lost.catch(() => void worker?.stop())
    // Loaded, and connected, while the kernel is.
    const [workshop, mailbox] = await Promise.all([
      BlockWorkshop.create({
        contents,
        threads,
        warmUp: true,
        weightBytes,
        onRelease: (release, state) =>
          logger.info({ release }, state === 'open' ? 'keys are in memory: evaluation begins' : 'all of a release is here and verified')
      }),
      openMailbox(fleet, error => logger.warn({ error }, 'the queue complains'))
    ])
    try {
      worker = await FleetWorker.start({
        mailbox,
        workshop,
        software: VERSION,
        threads: threads === 'auto' ? availableParallelism() : threads,
        memory: memoryBytes,
        onEvent: event => show(event, tell, logger)
      })
      tell(`worker ${worker.id} (kernel ${workshop.variant}) waits for an evaluator at ${mailbox.name}`)
      if (interrupted) await worker.stop()
      await Promise.race([worker.run(), lost])
    } finally {
      await workshop.dispose()
      await contents.close()
    }
    tell('stopped')
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
    await destination?.close()
  }
}

function show(event: WorkerEvent, tell: (text: string) => void, logger: Logger): void {
  switch (event.event) {
    case 'admitted':
      tell(`admitted by coordinator ${event.coordinator}`)
      break
    case 'connection':
      tell(`${event.name} ${event.connected ? 'is connected' : 'cannot be reached: waiting'}`)
      break
    case 'given':
      logger.info({ part: event.part, query: event.query }, 'given')
      break
    case 'done':
      logger.info({ part: event.part, query: event.query, seconds: Number(event.seconds.toFixed(3)) }, 'done')
      break
    case 'failed':
      logger.error({ part: event.part, query: event.query, error: event.error }, 'a part has failed')
      break
    case 'fault':
      logger.warn({ error: event.error }, 'fault')
      break
  }
}

const HELP = `
A worker holds no secret and no state: it may be killed at any time, and started again anywhere. worker.yaml:

  fleet:
    redis: redis://10.0.0.5:6379
    store: { directory: /mnt/fleet }     # or s3: { bucket: …, endpoint: … }
  cache: { directory: /var/cache/slytherin }

Examples:
  slytherin worker --config worker.yaml`
