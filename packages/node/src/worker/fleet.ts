/** The evaluator's end of its fleet, in the thread that evaluates: keys and encrypted parts go from its disk to the store without crossing threads. */
import { Fleet, type FleetConfiguration, FleetContents, type FleetEvent, openMailbox, openStore } from '@slytherin/fleet'
import { knownAnswer } from '@slytherin/protocol/service'
import { loadKernel } from '@slytherin/ring'
import { VERSION } from '../version.js'
import type { FleetListener } from './service-module.js'

/** Of what has been put into the store or fetched from it. */
const MEMORY_BYTES = 2 ** 28
/** Events that nobody has followed yet. */
const UNHEARD = 100

export interface OpenFleet {
  readonly blocks: Fleet
  /** Tells what happens until it is closed. */
  follow(listener: FleetListener): Promise<void>
  close(): Promise<void>
}

/** @throws FleetError and its kind: the store cannot be used, a password is not where it should be */
export async function openFleet(configuration: FleetConfiguration, threads: number | 'auto'): Promise<OpenFleet> {
  const { here, check, partSeconds, clearModels } = configuration
  const unheard: FleetEvent[] = []
  const closed = Promise.withResolvers<void>()
  let hearing: ((event: FleetEvent) => void) | undefined
  const hear = (event: FleetEvent): void => {
    if (hearing !== undefined) hearing(event)
    else if (unheard.length < UNHEARD) unheard.push(event)
  }
  const contents = new FleetContents({
    backend: await openStore(configuration),
    memoryBytes: MEMORY_BYTES,
    onMismatch: (store, space, hash) =>
      hear({ event: 'fault', error: new Error(`${store} gave something else than ${hash} of ${space}, and is asked again`) })
  })
  const mailbox = await openMailbox(configuration, error => hear({ event: 'fault', error }))
  try {
    const answer = await answerOf(threads)
    const blocks = await Fleet.start({ mailbox, contents, software: VERSION, answer, here, check, partSeconds, clearModels, onEvent: hear })
    return {
      blocks,
      follow: async following => {
        const counting = (event: FleetEvent): void => {
          tell(event, following)
          // It tells of a worker that is gone before it counts it as gone.
          if (event.event === 'worker' || event.event === 'refused') queueMicrotask(() => following.places(blocks.slots))
        }
        hearing = counting
        following.places(blocks.slots)
        for (const event of unheard.splice(0)) counting(event)
        await closed.promise
      },
      close: async () => {
        closed.resolve()
        await blocks.close()
      }
    }
  } catch (error) {
    await mailbox.close()
    throw error
  }
}

async function answerOf(threads: number | 'auto'): Promise<string> {
  const kernel = await loadKernel({ variant: 'auto', threads })
  try {
    return knownAnswer(kernel)
  } finally {
    await kernel.dispose()
  }
}

function tell(event: FleetEvent, listener: FleetListener): void {
  switch (event.event) {
    case 'worker':
      listener.tell(`worker ${event.worker} on ${event.host} ${event.state === 'lost' ? 'is lost' : event.state}`)
      break
    case 'connection':
      listener.tell(`${event.name} ${event.connected ? 'is connected' : 'cannot be reached: parts wait, or are done here'}`)
      break
    case 'again':
      listener.tell(`a part is done again: ${event.reason} (worker ${event.worker})`)
      break
    case 'refused':
    case 'fault':
      listener.fault(event.error)
      break
  }
}
