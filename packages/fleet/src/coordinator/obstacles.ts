/** What keeps a worker from being admitted, and a part from being done. */
import { WorkerRefusedError } from '../errors.js'
import type { Mailbox } from '../mailbox/mailbox.js'
import type { Hello } from '../messages.js'
import type { FleetOptions } from './options.js'

/** Why a worker would not come to the same bytes. */
export function obstacleOf(
  { worker, software, answer, variant }: Hello,
  { software: expected, answer: own }: Pick<FleetOptions, 'software' | 'answer'>
): WorkerRefusedError | undefined {
  if (software !== expected) return new WorkerRefusedError(worker, 'software', expected, software)
  if (answer !== own) return new WorkerRefusedError(worker, 'known answer', own, `${answer} on the kernel variant ${variant}`)
  return undefined
}

/** Why a part waits for which there is no place, busy or not. @param bytes that it takes @param workers that are there */
export function waitingFor(bytes: number, workers: number, { name, connected }: Mailbox): string {
  if (!connected) return `waiting for the queue of the fleet: ${name} cannot be reached`
  if (workers === 0) return 'waiting for a worker of the fleet: none is there'
  return `waiting for a worker of the fleet with ${Math.ceil(bytes / 1e9)} GB of memory, or another one`
}
