/** Looks a party of a service over, whether it runs or not, and changes nothing. */
import { ConfigurationError } from '../configuration/errors.js'
import { loadServiceConfiguration } from '../configuration/load.js'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { askParty } from '../control/client.js'
import { NoPartyError } from '../control/errors.js'
import type { StatusReport } from '../control/reports.js'
import { peekPeer } from '../storage/identity.js'
import { statePaths } from '../storage/state-directory.js'
import { type Check, failed, failedBy, ok, skipped, warning } from './check.js'
import { checkConfigurationFile, checkFiles } from './files.js'
import { checkDisk, checkMemory, checkNode } from './machine.js'
import { meet } from './meeting.js'
import { checkPeers, checkPorts, type Seen, spokenWith } from './network.js'

/** For an answer of the running party, milliseconds. */
const PATIENCE = 30_000

/** @param seconds how long to try to reach the others, where the party does not run */
export async function examine(file: string, seconds: number): Promise<Check[]> {
  const checks: Check[] = [checkNode()]
  let configuration: ServiceConfiguration
  try {
    configuration = await loadServiceConfiguration(file)
    checks.push(await checkConfigurationFile(file))
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const faults = error.issues.map(({ key, expected, got }) => `${key === '' ? file : key}: expected ${expected}, got ${got}`)
    const remedies = new Set(error.issues.flatMap(({ remedy }) => remedy ?? []))
    return [...checks, failed('configuration', faults.join('; '), [...remedies].join(' ') || `Correct ${file}.`)]
  }
  const files = await checkFiles(configuration)
  checks.push(...files)
  const self = await peekPeer(statePaths(configuration.state).identity).catch(() => undefined)
  const computes = configuration.roster.find(({ peerId }) => peerId === self)?.roles.includes('evaluator') ?? false
  const opens = !files.some(({ state }) => state === 'failed')
  if (opens) checks.push(await checkDisk(configuration, computes), checkMemory(configuration, computes))
  if (self !== undefined) checks.push(...(await checkSurroundings(configuration, { file, self, seconds, opens })))
  return checks
}

async function checkSurroundings(
  configuration: ServiceConfiguration,
  { file, self, seconds, opens }: { readonly file: string; readonly self: string; readonly seconds: number; readonly opens: boolean }
): Promise<Check[]> {
  const running = await askParty('status', {}, { state: configuration.state, file, signal: AbortSignal.timeout(PATIENCE) }).catch(
    (error: unknown) => error as Error
  )
  if (!(running instanceof Error)) return [...life(running), ...checkPeers(configuration, self, seenBy(running))]
  if (!(running instanceof NoPartyError)) return [failedBy('running', running)]
  const stopped = warning('running', 'no party runs on this state directory', `Start it: slytherin party --config ${file}`)
  const ports = await checkPorts(configuration)
  if (!opens || ports.some(({ state }) => state === 'failed')) {
    return [stopped, ...ports, skipped('reach', 'the others are not tried before the rest is in order')]
  }
  try {
    const { met, failures } = await meet(configuration, seconds, spokenWith(configuration, self))
    const seen = configuration.roster.map(({ peerId }): [string, Seen] => {
      const found = met.get(peerId)
      const reason = failures.get(peerId)
      return [peerId, found === undefined ? { up: false, ...(reason === undefined ? {} : { reason }) } : { up: true, ...found }]
    })
    return [stopped, ...ports, ...checkPeers(configuration, self, new Map(seen))]
  } catch (error) {
    return [stopped, ...ports, failedBy('reach', error)]
  }
}

function life({ party, errors }: StatusReport): Check[] {
  const text = `process ${party.pid} since ${new Date(party.started).toISOString().slice(0, 19)}Z, listening on ${party.addresses.join(', ') || 'nothing: it dials'}`
  const checks = [ok('running', text)]
  if (party.crashes > 0) {
    const message = `the thread of cryptography was started again ${party.crashes} times`
    checks.push(
      warning('crashes', message, errors[0] === undefined ? 'See the log.' : `See the log; last error: ${errors[0].message.slice(0, 300)}`)
    )
  }
  return checks
}

function seenBy({ peers }: StatusReport): Map<string, Seen> {
  return new Map(
    peers.map(({ peer, state, software, clockOffsetSeconds }) => [
      peer,
      {
        up: state === 'up',
        ...(software === undefined ? {} : { software }),
        ...(clockOffsetSeconds === undefined ? {} : { clockOffsetSeconds })
      }
    ])
  )
}
