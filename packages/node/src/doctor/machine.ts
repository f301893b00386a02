/** The machine: the release of Node, room on the disk, memory for the models in service. */
import { availableParallelism, totalmem } from 'node:os'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { freeBytes } from '../storage/free-bytes.js'
import { releasesIn } from '../storage/service-database.js'
import { statePaths } from '../storage/state-directory.js'
import { type Check, failed, failedBy, ok, skipped, warning } from './check.js'

/** `engines` of the package. */
const LEAST_NODE = 24
const LEAST_DISK = 2 ** 28
const USUAL_DISK = 1e9
/** Of the process without a model. */
const BASE_MEMORY = 400e6

export function checkNode(version = process.versions.node): Check {
  if (Number(version.split('.')[0]) >= LEAST_NODE) return ok('node', `Node ${version}`)
  return failed('node', `Node ${version} is too old`, `Install Node ${LEAST_NODE} or newer.`)
}

export async function checkDisk({ state, cohort }: ServiceConfiguration, computes: boolean, free?: number): Promise<Check> {
  const bytes = free ?? (await freeBytes(state))
  if (bytes === undefined) return skipped('disk', 'the system does not say how much is free')
  const text = `${gigabytes(bytes)} are free where ${state} is`
  if (bytes < LEAST_DISK) return failed('disk', text, 'Make room: a party that cannot write refuses what is new.')
  const { queueBytes } = cohort.limits
  if (computes && bytes < queueBytes) {
    return warning('disk', `${text}, and the queue may take ${gigabytes(queueBytes)}`, 'Make room, or lower cohort.limits.queueBytes.')
  }
  return bytes < USUAL_DISK ? warning('disk', text, 'Make room.') : ok('disk', text)
}

/** @param available bytes; what the machine, or the group of processes that this one is in, has */
export function checkMemory({ state, cohort }: ServiceConfiguration, computes: boolean, available = memoryOfMachine()): Check {
  const has = `${gigabytes(available)} of memory, ${availableParallelism()} processors`
  if (!computes) {
    if (available >= 2 * BASE_MEMORY) return ok('memory', has)
    return warning('memory', has, `Give it ${gigabytes(2 * BASE_MEMORY)}.`)
  }
  try {
    const releases = releasesIn(statePaths(state).records)
    const needs = releases.map(({ plan }) => plan.costs.bytes.evaluatorMemory + plan.costs.bytes.keysPerParty)
    const weights = Math.min(
      releases.reduce((sum, { plan }) => sum + plan.costs.bytes.model, 0),
      cohort.limits.weightBytes
    )
    const need = BASE_MEMORY + weights + Math.max(0, ...needs)
    const text = `${has}; ${releases.length} models in service take about ${gigabytes(need)}`
    if (need <= available) return ok('memory', text)
    return failed('memory', text, 'Give it more, or lower cohort.limits.weightBytes: weights are then read from the disk.')
  } catch (error) {
    return failedBy('memory', error)
  }
}

function memoryOfMachine(): number {
  // Zero where nothing constrains the process.
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
