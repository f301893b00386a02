/** `slytherin model`: models of a service, put up by their owners. */
import { basename, resolve } from 'node:path'
import { type Replacements, TASK_KINDS, type TaskKind } from '@slytherin/engine'
import { Command, Option } from 'commander'
import type { Streams } from './console.js'
import { EXPECTED_QUERIES_HELP, WORKERS_HELP } from './expected-queries.js'
import { type NamedFiles, namedFiles } from './named-files.js'
import { ask, finite, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { REPLACE_HELP, replacement } from './replacement.js'
import { describeModels } from './report-lines.js'

interface PublishOptions extends PartyOptions {
  name?: string
  revision?: string
  cohort?: string
  movable?: boolean
  batch: number
  expectedQueries?: number
  workers?: number
  data?: NamedFiles
  count?: number
  scale?: number
  mean?: number
  deviation?: number
  layout?: 'nhwc'
  labelColumn?: string
  manifest?: string
  output?: string
  replace?: Replacements
  task?: TaskKind
  degree?: number
}

export function modelCommand(streams: Streams): Command {
  const publish = toParty(
    new Command('publish')
      .description(
        "Encrypt a model under a cohort's keys and put it up at the evaluator; given to its owner. A publication that was cut short goes on."
      )
      .argument('<file>', 'ONNX file')
      .option('-n, --name <name>', 'what it is called (default: name of the file)')
      .option('--revision <name>', 'which revision of it (default: 1, and one more every time)')
      .option('--cohort <name>', 'whose keys (default: the only cohort)')
      .option('-b, --batch <samples>', 'samples per query', positive, 64)
      .option('--expected-queries <number>', EXPECTED_QUERIES_HELP, positive)
      .option('--workers <number>', WORKERS_HELP, positive)
      .option('--movable', 'key holders may move it to the keys that follow these, so that it need not be uploaded again')
      .option(
        '--data <path>',
        'samples that bounds and polynomials are measured on: .npy, .npz, .csv, .json, IDX, or a folder of PNG images; NAME=PATH for each of several inputs',
        namedFiles
      )
      .option('--count <number>', 'how many of them (default: 256, or all where there are fewer)', positive)
      .option('--scale <number>', 'x = (raw·scale - mean) / deviation', finite)
      .option('--mean <number>', '', finite)
      .option('--deviation <number>', '', finite)
      .addOption(new Option('--layout <name>', 'samples lie row by row, channels last').choices(['nhwc']))
      .option('--label-column <name>', 'the field of a table that is the class, and no value of a sample')
      .option('--manifest <path>', 'JSON list of models with data or ranges, instead of --data (default: manifest.json beside the model)')
      .option('--output <name>', 'which output of the model, where it has several')
      .option('--replace <what>', REPLACE_HELP, replacement)
      .addOption(new Option('--task <name>', 'what the outputs mean (default: as the file or the manifest says)').choices(TASK_KINDS))
      .option('--degree <number>', 'degree of the polynomials that take the place of activations (default: as small as is good)', positive),
    'slytherin model publish lenet.onnx --name lenet --data calibration.npy'
  ).action(async (file: string, options: PublishOptions) => {
    const { revision, cohort, movable, batch, expectedQueries, workers, data, manifest, output, replace, task, degree } = options
    const parameters = {
      file: resolve(file),
      name: options.name ?? basename(file, '.onnx'),
      batch,
      ...(data === undefined ? {} : { data: { file: data, ...scalingOf(options) } }),
      ...(manifest === undefined ? {} : { manifest: resolve(manifest) }),
      ...(expectedQueries === undefined ? {} : { expectedQueries }),
      ...(workers === undefined ? {} : { workers }),
      ...(revision === undefined ? {} : { revision }),
      ...(cohort === undefined ? {} : { cohort }),
      ...(movable === undefined ? {} : { movable }),
      ...(output === undefined ? {} : { output }),
      ...(replace === undefined ? {} : { replace }),
      ...(task === undefined ? {} : { task }),
      ...(degree === undefined ? {} : { degree })
    }
    tell(await ask('model.publish', parameters, options, streams), options, streams, model => describeModels([model]))
  })
  const listed = toParty(new Command('list').description('Models that this party knows.'), 'slytherin model list --json').action(
    async (options: PartyOptions) => {
      const models = await ask('model.list', {}, options, streams)
      tell(models, options, streams, all => describeModels(all) || 'no model yet: slytherin model publish FILE\n')
    }
  )
  const withdraw = toParty(
    new Command('withdraw')
      .description('Take a model back: new queries are refused, and its encrypted parts are erased; given to its owner.')
      .argument('<name>', 'what it is called')
      .option('--revision <name>', 'this revision alone (default: the latest)'),
    'slytherin model withdraw lenet'
  ).action(async (name: string, options: PartyOptions & { revision?: string }) => {
    const { revision } = options
    const model = await ask('model.withdraw', { name, ...(revision === undefined ? {} : { revision }) }, options, streams)
    tell(model, options, streams, withdrawn => describeModels([withdrawn]))
  })
  const command = new Command('model').description('Models of a service: put up, listed, taken back.')
  for (const inner of [publish, listed, withdraw]) command.addCommand(inner)
  return command
}

export interface ScalingOptions {
  count?: number
  scale?: number
  mean?: number
  deviation?: number
  layout?: 'nhwc'
  labelColumn?: string
}

/** How samples of a file become the model's inputs, as far as it is said. */
export function scalingOf({
  count,
  scale,
  mean,
  deviation,
  layout,
  labelColumn
}: ScalingOptions): Omit<ScalingOptions, 'labelColumn'> & { label?: string } {
  return {
    ...(count === undefined ? {} : { count }),
    ...(scale === undefined ? {} : { scale }),
    ...(mean === undefined ? {} : { mean }),
    ...(deviation === undefined ? {} : { deviation }),
    ...(layout === undefined ? {} : { layout }),
    ...(labelColumn === undefined ? {} : { label: labelColumn })
  }
}
