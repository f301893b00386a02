/** `slytherin cohort`: keys of a cohort, and who holds them. */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { sharingCommands } from './cohort-sharing.js'
import type { Streams } from './console.js'
import { EXPECTED_QUERIES_HELP, WORKERS_HELP } from './expected-queries.js'
import { ask, finite, list, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { describeEpochs } from './report-lines.js'

interface CreateOptions extends PartyOptions {
  for?: string[]
  manifest?: string
  batch: number
  threshold?: number
  holders?: string[]
  /** True unless they are named or ruled out. */
  witnesses?: string[] | boolean
  days: number
  decryptions?: number
  floodingBits?: number
  expectedQueries?: number
  workers?: number
}

export function cohortCommand(streams: Streams): Command {
  const create = toParty(
    new Command('create')
      .description(
        'Make the keys of a cohort; given to the evaluator. All holders must be up, and each checks the terms against its own policy.'
      )
      .argument('<name>', 'what the cohort is called')
      .option('--for <models...>', 'ONNX files that ring and keys are chosen for; later models must fit into them')
      .option('--manifest <path>', 'bounds on the values of these models (default: manifest.json beside each)')
      .option('-b, --batch <samples>', 'samples per query that is planned for', positive, 64)
      .option('-t, --threshold <number>', 'so many holders must help with every answer (default: more than half of them)', positive)
      .option('--holders <parties>', 'who holds the keys (default: every key-holder of the roster)', list)
      .option('--witnesses <parties>', 'who runs every query again before holders help (default: every witness of the roster)', list)
      .option('--no-witnesses', 'nobody does: holders whose policy wants one refuse')
      .option('--days <number>', 'how long the keys live', finite, 365)
      .option('--decryptions <number>', 'ciphertexts that may be decrypted in all (default: 1000000)', positive)
      .option('--flooding-bits <bits>', 'bits of security of flooding (default: what the statistical distance takes)', positive)
      .option('--expected-queries <number>', EXPECTED_QUERIES_HELP, positive)
      .option('--workers <number>', WORKERS_HELP, positive),
    'slytherin cohort create hospitals --for lenet.onnx --holders a,b,c --threshold 2'
  ).action(async (name: string, options: CreateOptions) => {
    const { batch, threshold, holders, witnesses, days, decryptions, floodingBits, expectedQueries, workers, manifest } = options
    const models = (options.for ?? []).map(file => ({
      file: resolve(file),
      ...(manifest === undefined ? {} : { manifest: resolve(manifest) })
    }))
    const parameters = {
      name,
      for: models,
      batch,
      days,
      ...(threshold === undefined ? {} : { threshold }),
      ...(holders === undefined ? {} : { holders }),
      ...(witnesses === undefined || witnesses === true ? {} : { witnesses: witnesses === false ? [] : witnesses }),
      ...(decryptions === undefined ? {} : { decryptions }),
      ...(floodingBits === undefined ? {} : { floodingBits }),
      ...(expectedQueries === undefined ? {} : { expectedQueries }),
      ...(workers === undefined ? {} : { workers })
    }
    const epoch = await ask('cohort.create', parameters, options, streams)
    tell(epoch, options, streams, made => describeEpochs([made]))
  })
  const status = toParty(
    new Command('status').description('Epochs of keys that this party knows.').argument('[name]', 'one cohort alone'),
    'slytherin cohort status hospitals'
  ).action(async (name: string | undefined, options: PartyOptions) => {
    const report = await ask('cohort.status', name === undefined ? {} : { name }, options, streams)
    tell(report, options, streams, ({ epochs }) => describeEpochs(epochs) || 'no cohort yet: slytherin cohort create NAME\n')
  })
  const command = new Command('cohort').description(
    'Keys of a cohort: make them, see them, move them to other holders, renew their shares.'
  )
  for (const inner of [create, status, ...sharingCommands(streams)]) command.addCommand(inner)
  return command
}
