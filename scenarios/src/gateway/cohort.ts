/** A service on this machine with a gateway in front of one of its queriers, until it is told to stop. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServiceScenario } from '../service/description.js'
import { ServiceProcesses } from '../service/parties.js'
import { prepare } from '../service/prepare.js'
import { GatewayProcess, type GatewayProcessOptions } from './process.js'

export const QUERIER = 'querier-1'

export interface ServedCohort {
  readonly processes: ServiceProcesses
  readonly gateway: GatewayProcess
  /** Where the parties have their state. */
  readonly directory: string
}

export interface ServedCohortOptions extends GatewayProcessOptions {
  readonly signal: AbortSignal
  /** Leave the state directories in place. */
  readonly keep: boolean
  /** Whether every party has one. */
  readonly dashboards?: boolean
  onLine(text: string): void
}

/** Brings all of it up, lets `body` use it, and takes it down. */
export async function withServedCohort<T>(
  scenario: ServiceScenario,
  { signal, keep, onLine, dashboards = false, ...given }: ServedCohortOptions,
  body: (cohort: ServedCohort) => Promise<T>
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-gateway-'))
  const processes = await ServiceProcesses.lay(scenario, directory, { dashboards })
  let gateway: GatewayProcess | undefined
  try {
    onLine(`${processes.parties.length} processes in ${directory}`)
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    await prepare(scenario, processes, { signal, onLine })
    gateway = await GatewayProcess.start(processes.party(QUERIER), given)
    return await body({ processes, gateway, directory })
  } finally {
    await gateway?.stop()
    await processes.stop()
    if (keep) onLine(`left in place: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}
