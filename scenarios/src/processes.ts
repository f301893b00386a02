/** One operating-system process per party, and the events that each prints as lines of JSON. */
import { createInterface } from 'node:readline'
import type { PartyEvent } from '@slytherin/node'
import { execa } from 'execa'
import type { DeployedParty } from './deployment.js'

export interface RunningParty {
  readonly party: DeployedParty
  readonly processId: number
  /** Resolves with the exit code when the process has ended. */
  readonly ended: Promise<number>
  kill(): void
}

const STDERR_LINES = 40

export function startParty(
  party: DeployedParty,
  command: string,
  onEvent: (event: PartyEvent) => void,
  onNoise: (line: string) => void
): RunningParty {
  const child = execa(process.execPath, [command, 'party', '--config', party.configuration, '--json-events'], {
    reject: false,
    buffer: false,
    stdin: 'ignore',
    cleanup: true,
    forceKillAfterDelay: 5000
  })
  createInterface({ input: child.stdout }).on('line', line => {
    const event = parseEvent(line)
    if (event === undefined) onNoise(line)
    else onEvent(event)
  })
  let lines = 0
  createInterface({ input: child.stderr }).on('line', line => {
    if (lines++ < STDERR_LINES) onNoise(line)
  })
  return {
    party,
    processId: child.pid ?? -1,
    ended: child.then(result => result.exitCode ?? 1),
    kill: () => void child.kill('SIGTERM')
  }
}

function parseEvent(line: string): PartyEvent | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value = JSON.parse(line) as PartyEvent
    return typeof value.event === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
