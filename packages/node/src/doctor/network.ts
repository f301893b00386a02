/** Ports of this party, and the others as it sees them: can they be reached, do their clocks and releases agree? */
import { createServer } from 'node:net'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { VERSION } from '../version.js'
import { type Check, failed, ok, skipped, warning } from './check.js'

export interface Seen {
  readonly up: boolean
  readonly software?: string
  readonly clockOffsetSeconds?: number
  /** Why it could not be reached. */
  readonly reason?: string
}

/** Seconds by which clocks may differ: documents are refused beyond the second. */
const CLOCK_WARNING = 60
const CLOCK_LIMIT = 5 * 60

/** Whether what the party will listen on is free: of one that does not run. */
export async function checkPorts({ network, metrics }: ServiceConfiguration): Promise<Check[]> {
  const wanted = network.listen.flatMap(address => {
    const [, , host, port] = /^\/(ip[46])\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
    return host === undefined ? [] : [{ host, port: Number(port), key: address }]
  })
  if (metrics !== undefined) wanted.push({ host: '127.0.0.1', port: metrics.port, key: `metrics, 127.0.0.1:${metrics.port}` })
  if (wanted.length === 0) return [ok('ports', 'this party listens on nothing: it dials')]
  return await Promise.all(
    wanted.map(async ({ host, port, key }) => {
      const error = await listens(host, port)
      if (error === undefined) return ok('ports', `${key} is free`)
      const remedy = error === 'EADDRINUSE' ? 'End what has it (ss -ltnp), or choose another port.' : 'Give an address of this machine.'
      return failed('ports', `${key} cannot be listened on: ${error}`, remedy)
    })
  )
}

async function listens(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, exclusive: true }, resolve))
    await new Promise<void>(resolve => server.close(() => resolve()))
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message
  }
}

/** Everybody speaks with the evaluator, and it with everybody. */
export function spokenWith({ roster, cohort }: Pick<ServiceConfiguration, 'roster' | 'cohort'>, self: string): string[] {
  const evaluator = roster.find(({ name, peerId }) => name === cohort.evaluator || peerId === cohort.evaluator)?.peerId
  return roster.map(({ peerId }) => peerId).filter(peer => peer !== self && (self === evaluator || peer === evaluator))
}

/** Everybody of the roster, the party itself left out. */
export function checkPeers(
  { roster, cohort }: Pick<ServiceConfiguration, 'roster' | 'cohort'>,
  self: string,
  seen: ReadonlyMap<string, Seen>
): Check[] {
  const spoken = spokenWith({ roster, cohort }, self)
  const checks: Check[] = []
  const offsets: [string, number][] = []
  const releases: [string, string][] = []
  for (const { name, peerId, roles, addresses } of roster) {
    if (peerId === self) continue
    const check = `reach ${name}`
    if (!spoken.includes(peerId)) {
      checks.push(skipped(check, 'spoken with through the evaluator'))
      continue
    }
    const { up = false, software, clockOffsetSeconds, reason } = seen.get(peerId) ?? {}
    if (up) {
      checks.push(ok(check, 'connected'))
      if (clockOffsetSeconds !== undefined) offsets.push([name, clockOffsetSeconds])
      if (software !== undefined) releases.push([name, software])
    } else checks.push(unreached(check, { addresses, needed: roles.includes('evaluator') || roles.includes('key-holder'), reason }))
  }
  return [...checks, ...clocks(offsets), ...versions(releases)]
}

function unreached(
  check: string,
  { addresses, needed, reason }: { readonly addresses: readonly string[]; readonly needed: boolean; readonly reason: string | undefined }
): Check {
  const why = reason === undefined ? '' : `: ${reason}`
  if (addresses.length === 0) {
    const message = 'not connected; it has no address here, and dials'
    const remedy = "See whether it runs, has this party's address in its roster, and comes through the firewall."
    return needed ? failed(check, message, remedy) : warning(check, message, remedy)
  }
  const message = `${addresses.join(', ')} does not answer${why}`
  const remedy =
    'See whether it runs, whether the address is right, whether firewalls let it through, and whether this party is in its roster.'
  return needed ? failed(check, message, remedy) : warning(check, message, remedy)
}

/** More than one that agrees is a clock that can be relied on; of a single other one, nobody knows who is wrong. */
function clocks(offsets: readonly [string, number][]): Check[] {
  if (offsets.length === 0) return [skipped('clock', 'nobody to compare it with')]
  const remedy =
    'Let both be set by NTP (timedatectl set-ntp true): documents and queries are refused when clocks differ by 5 minutes, connections at an hour.'
  const wrong = offsets.flatMap(([name, seconds]) => {
    const far = Math.abs(seconds)
    if (far < CLOCK_WARNING) return []
    const message = `${name} is ${far.toFixed(0)} s ${seconds > 0 ? 'ahead of' : 'behind'} the clock here`
    return [far < CLOCK_LIMIT ? warning('clock', message, remedy) : failed('clock', message, remedy)]
  })
  const largest = Math.max(...offsets.map(([, seconds]) => Math.abs(seconds)))
  return wrong.length > 0 ? wrong : [ok('clock', `within ${largest.toFixed(1)} s of ${offsets.map(([name]) => name).join(', ')}`)]
}

function versions(releases: readonly [string, string][]): Check[] {
  if (releases.length === 0) return [skipped('versions', `${VERSION} here; nobody to compare it with`)]
  const others = releases.filter(([, software]) => software !== VERSION)
  if (others.length === 0) return [ok('versions', `${VERSION} everywhere`)]
  const told = others.map(([name, software]) => `${name} ${software}`).join(', ')
  return [
    warning(
      'versions',
      `${VERSION} here, ${told}`,
      'Update the older ones; parties that do not understand each other say so when they connect.'
    )
  ]
}
