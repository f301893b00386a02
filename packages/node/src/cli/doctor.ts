/** `slytherin doctor`: looks a party over, whether it runs or not, and says what to do. */
import { plainText } from '@slytherin/protocol'
import { Command } from 'commander'
import type { Check } from '../doctor/check.js'
import { examine } from '../doctor/doctor.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE } from './exit-codes.js'
import { finite, type PartyOptions, toParty } from './party-socket.js'

interface Options extends PartyOptions {
  seconds: number
}

const MARKS: Record<Check['state'], string> = { ok: 'ok', warning: 'WARN', failed: 'FAIL', skipped: '-' }
/** Longest line, in characters. */
const MAXIMUM_LINE = 1000

export function doctorCommand(streams: Streams): Command {
  return toParty(
    new Command('doctor')
      .description(
        'Look a party of a service over: configuration, files, secrets, ports, disk, memory, the others, clocks, releases. Exits with 1 when something has failed.'
      )
      .option('--seconds <number>', 'how long to try to reach the others, where the party does not run', finite, 10),
    'slytherin doctor --config party.yaml'
  ).action(async ({ config, json, seconds }: Options) => {
    const checks = await examine(config, seconds)
    const ok = checks.every(({ state }) => state !== 'failed')
    if (json === true) streams.out(`${JSON.stringify({ ok, checks })}\n`)
    else for (const check of checks) streams.out(`${line(check)}\n`)
    if (!ok) throw new ExitError(EXIT_FAILURE)
  })
}

function line({ check, state, message, remedy }: Check): string {
  const todo = remedy === undefined ? '' : `. ${remedy}`
  return plainText(`${MARKS[state].padEnd(5)} ${check.padEnd(14)} ${message}${todo}`, MAXIMUM_LINE)
}
