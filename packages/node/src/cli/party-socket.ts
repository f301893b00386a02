/** What commands to a running party have in common: which party, text or JSON, progress on standard error, and an interrupt that ends the command. */
import { plainText } from '@slytherin/protocol'
import { type Command, InvalidArgumentError } from 'commander'
import { loadServiceConfiguration } from '../configuration/load.js'
import { askParty } from '../control/client.js'
import type { CommandName, ParametersOf, Progress, Results } from '../control/commands.js'
import type { Streams } from './console.js'

/** Longest line of progress, in characters. */
const MAXIMUM_LINE = 500
/** Between two lines of one step, milliseconds. */
const INTERVAL = 1000

export interface PartyOptions {
  config: string
  json?: boolean
}

/** A command to a running party: `--config`, `--json`, an example in its help. */
export function toParty(command: Command, example: string): Command {
  return command
    .option('-c, --config <path>', 'party.yaml of the running party', process.env['SLYTHERIN_CONFIG'] ?? 'party.yaml')
    .option('--json', 'print the result as one line of JSON, and progress as such lines on standard error')
    .addHelpText('after', `\nExample:\n  ${example}`)
}

/** Gives the command to the party that runs with this configuration. */
export async function ask<C extends CommandName>(
  command: C,
  parameters: ParametersOf<C>,
  { config, json }: PartyOptions,
  streams: Streams
): Promise<Results[C]> {
  const { state } = await loadServiceConfiguration(config)
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  const due = throttle()
  try {
    return await askParty(command, parameters, {
      state,
      file: config,
      signal: interrupted.signal,
      onProgress: progress => {
        if (json === true) streams.err(`${JSON.stringify(progress)}\n`)
        else if (due(progress)) streams.err(`${progressLine(progress)}\n`)
      }
    })
  } finally {
    process.off('SIGINT', interrupt)
  }
}

/** The result: as JSON, or as people read it. */
export function tell<R>(result: R, { json }: PartyOptions, streams: Streams, describe: (result: R) => string): void {
  streams.out(json === true ? `${JSON.stringify(result)}\n` : describe(result))
}

/** People read a step's first and last line, and one a second in between. */
function throttle(): (progress: Progress) => boolean {
  let phase = ''
  let last = 0
  let shown = ''
  return progress => {
    const now = performance.now()
    const step = progress.phase ?? progress.text
    const line = progressLine(progress)
    if (line === shown || (step === phase && progress.done !== progress.total && now - last < INTERVAL)) return false
    phase = step
    last = now
    shown = line
    return true
  }
}

function progressLine({ text, done, total }: Progress): string {
  const share = done === undefined || total === undefined ? '' : `${done}/${total}  `.padStart(11)
  return plainText(`${share}${text}`, MAXIMUM_LINE)
}

export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number above zero.')
  return value
}

export function finite(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number.')
  return value
}

/** `a,b,c`, or the option again and again. */
export function list(text: string, before: readonly string[] = []): string[] {
  const added = text.split(',').map(item => item.trim())
  if (added.some(item => item === '')) throw new InvalidArgumentError('Give names with commas between them.')
  return [...before, ...added]
}
