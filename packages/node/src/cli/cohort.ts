/** `slytherin cohort`: keys of a cohort, who holds them, and their life. */
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import type { Streams } from './console.js'
import { ask, finite, list, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { describeEpochs } from './report-lines.js'

interface CreateOptions extends PartyOptions {
  for?: string[]
  manifest?: string
  batch: number
  threshold?: number
  holders?: string[]
  days: number
  decryptions?: number
  floodingBits?: number
  allowInsecure?: boolean
}

interface ReshareOptions extends PartyOptions {
  holders?: string[]
  threshold?: number
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
      .option('--days <number>', 'how long the keys live', finite, 365)
      .option('--decryptions <number>', 'ciphertexts that may be decrypted in all (default: 1000000)', positive)
      .option('--flooding-bits <bits>', 'bits of security of flooding (default: what the statistical distance takes)', positive)
      .addOption(new Option('--allow-insecure', 'rings below 128 bits of security, for tests').hideHelp()),
    'slytherin cohort create hospitals --for lenet.onnx --holders a,b,c --threshold 2'
  ).action(async (name: string, options: CreateOptions) => {
    const { batch, threshold, holders, days, decryptions, floodingBits, manifest } = options
    const models = (options.for ?? []).map(file => ({
      file: resolve(file),
      ...(manifest === undefined ? {} : { manifest: resolve(manifest) })
    }))
    const parameters = {
      name,
      for: models,
      batch,
      days,
      allowInsecure: options.allowInsecure === true,
      ...(threshold === undefined ? {} : { threshold }),
      ...(holders === undefined ? {} : { holders }),
      ...(decryptions === undefined ? {} : { decryptions }),
      ...(floodingBits === undefined ? {} : { floodingBits })
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
  const join = toParty(
    new Command('join')
      .description('Give a holder a share: a new one, or one that has lost its disk. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .argument('<holder>', 'its name in the roster'),
    'slytherin cohort join hospitals d'
  ).action(async (name: string, holder: string, options: PartyOptions) => {
    tell(await ask('cohort.join', { name, holder }, options, streams), options, streams, epoch => describeEpochs([epoch]))
  })
  const leave = toParty(
    new Command('leave')
      .description('Take a holder out: what it has left of its share is of no use any more. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .argument('<holder>', 'its name in the roster'),
    'slytherin cohort leave hospitals c'
  ).action(async (name: string, holder: string, options: PartyOptions) => {
    tell(await ask('cohort.leave', { name, holder }, options, streams), options, streams, epoch => describeEpochs([epoch]))
  })
  const reshare = toParty(
    new Command('reshare')
      .description('Share the keys anew among other holders or with another threshold. Keys and models stay; given to the evaluator.')
      .argument('<name>', 'cohort')
      .option('--holders <parties>', 'who holds them from then on (default: who does now)', list)
      .option('-t, --threshold <number>', 'so many holders must help from then on (default: as now)', positive),
    'slytherin cohort reshare hospitals --holders a,b,d,e --threshold 3'
  ).action(async (name: string, options: ReshareOptions) => {
    const { holders, threshold } = options
    const parameters = { name, ...(holders === undefined ? {} : { holders }), ...(threshold === undefined ? {} : { threshold }) }
    tell(await ask('cohort.reshare', parameters, options, streams), options, streams, epoch => describeEpochs([epoch]))
  })
  const renew = toParty(
    new Command('renew')
      .description(
        'Make new shares of the same keys, so that shares stolen before are of no use with those stolen after; given to the evaluator.'
      )
      .argument('<name>', 'cohort'),
    'slytherin cohort renew hospitals'
  ).action(async (name: string, options: PartyOptions) => {
    tell(await ask('cohort.renew', { name }, options, streams), options, streams, epoch => describeEpochs([epoch]))
  })
  const command = new Command('cohort').description(
    'Keys of a cohort: make them, see them, move them to other holders, renew their shares.'
  )
  for (const inner of [create, status, join, leave, reshare, renew]) command.addCommand(inner)
  return command
}
