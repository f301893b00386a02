/** `slytherin plan`: what a model would cost under encryption, before anyone starts a process. */
import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import { planModel } from '../planning.js'
import type { Streams } from './program.js'

interface Options {
  batch: number
  parties: number
  minimumRefreshes: number
  floodingBits: number
  maximumDecryptions?: number
  json?: boolean
}

export function planCommand(streams: Streams): Command {
  return new Command('plan')
    .description('Plan the encrypted evaluation of an ONNX model: ring, levels, refreshes, keys, bytes.')
    .argument('<model>', 'ONNX file')
    .option('-b, --batch <samples>', 'samples per query', positive, 64)
    .option('-p, --parties <number>', 'key holders', positive, 3)
    .option('--minimum-refreshes <number>', 'at least so many collective refreshes', natural, 0)
    .option('--flooding-bits <bits>', 'statistical security of flooding', positive, 30)
    .option('--maximum-decryptions <number>', 'ciphertexts that a session may decrypt', positive)
    .option('--json', 'print the plan as JSON')
    .action(async (model: string, options: Options) => {
      const plan = await planModel(await readFile(model), { name: model, ...options })
      if (options.json === true) streams.out(`${JSON.stringify(plan, null, 2)}\n`)
      else streams.out(table(plan as unknown as Record<string, unknown>))
    })
}

function table(plan: Record<string, unknown>): string {
  const lines: string[] = []
  const add = (key: string, value: unknown): void => {
    if (Array.isArray(value)) {
      const short = value.every(item => typeof item !== 'object') && value.length <= 24
      lines.push(`${key.padEnd(28)} ${short ? value.join(' ') : `${value.length} entries`}`)
    } else if (typeof value === 'object' && value !== null) {
      for (const [inner, item] of Object.entries(value)) add(`${key}.${inner}`, item)
    } else {
      lines.push(`${key.padEnd(28)} ${String(value)}`)
    }
  }
  for (const [key, value] of Object.entries(plan)) add(key, value)
  return `${lines.join('\n')}\n`
}

function natural(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number.')
  return value
}

function positive(text: string): number {
  const value = natural(text)
  if (value === 0) throw new InvalidArgumentError('Give a whole number above zero.')
  return value
}
