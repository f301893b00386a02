/** `slytherin plan`: what a model would cost under encryption, before anyone starts a process. */

import { dirname, join } from 'node:path'
import {
  ASSUMED_MEMORY_BANDWIDTH,
  type CostModel,
  DEFAULT_LINK,
  describeApproximation,
  describeEndToEnd,
  describeMissingKeys,
  describeOnThreads,
  describeOnWorkers,
  describePlan,
  type Link,
  missingKeys,
  type Plan,
  type Precision,
  type Replacements,
  TASK_KINDS,
  type TaskChoice,
  type TaskKind
} from '@slytherin/engine'
import { LocalCryptography } from '@slytherin/protocol'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { ApproximationConfiguration, CalibrationConfiguration } from '../configuration/schema.js'
import { machineCosts, referenceCosts } from '../costs.js'
import { manifestCalibration, manifestTask } from '../data/calibration.js'
import { readEpochFile } from '../data/epoch-file.js'
import { DataFileError } from '../data/errors.js'
import { exists } from '../data/read.js'
import { SampleFile, samplesIn } from '../data/samples.js'
import { evaluatorNamed } from '../evaluator.js'
import { planModel } from '../planning.js'
import { readCosts, userCostFile } from '../storage/cost-file.js'
import type { Streams } from './console.js'
import { EXPECTED_QUERIES_HELP } from './expected-queries.js'
import { type NamedFiles, namedFiles } from './named-files.js'
import { REPLACE_HELP, replacement } from './replacement.js'

interface Options {
  batch: number
  scenario: keyof typeof SCENARIOS
  parties?: number
  threshold?: number
  epoch?: string
  minimumRefreshes: number
  refreshes: boolean
  floodingBits?: number
  floodingDistance?: number
  floodingBounds?: Plan['floodingBounds']
  maximumDecryptions?: number
  evaluator: 'seal' | 'kernel'
  costs?: string
  calibrate?: boolean
  referenceCosts?: boolean
  manifest?: string
  samples?: NamedFiles
  images?: NamedFiles
  count?: number
  scale: number
  mean: number
  deviation: number
  approximation?: 'fit' | 'minimax' | 'chebyshev'
  degree?: number
  agreement?: number
  accuracy?: number
  margin?: number
  output?: string
  inputShape?: readonly number[]
  replace?: Replacements
  task?: TaskKind
  decisionThreshold?: number
  layout?: 'nhwc'
  labelColumn?: string
  precision?: number
  logitError?: number
  bandwidth?: number
  roundTrip?: number
  expectedQueries?: number
  keyMegabytes?: number
  workers?: number
  threads?: number
  memoryBandwidth?: number
  json?: boolean
}

/** Samples that ranges and fits are measured on, where the command does not say. */
const DEFAULT_COUNT = 256

/** Who encrypts, as the scenarios are called. */
const SCENARIOS = {
  both: { data: 'encrypted', weights: 'encrypted' },
  data: { data: 'encrypted', weights: 'clear' },
  model: { data: 'clear', weights: 'encrypted' }
} as const

export function planCommand(streams: Streams): Command {
  return new Command('plan')
    .description('Plan the encrypted evaluation of an ONNX model: ring, levels, refreshes, keys, bytes.')
    .argument('<model>', 'ONNX file')
    .option('-b, --batch <samples>', 'samples per query', positive, 64)
    .addOption(new Option('-s, --scenario <name>', 'what is encrypted').choices(Object.keys(SCENARIOS)).default('both'))
    .option('-p, --parties <number>', 'key holders (default: 3 when both are encrypted, otherwise 1)', positive)
    .option('--threshold <number>', 'key holders that suffice for a refresh or a result (default: all of them)', positive)
    .option(
      '--epoch <path>',
      "plan into this key epoch: JSON of its key terms or its record, whose holders and threshold are then the defaults (flooding is the epoch's)"
    )
    .option('--minimum-refreshes <number>', 'at least so many collective refreshes', natural, 0)
    .option('--no-refreshes', 'plan without refreshes: no key holder is needed while a query is evaluated')
    .option('--flooding-bits <bits>', 'bits of security of flooding (default: what the statistical distance takes)', positive)
    .addOption(
      new Option(
        '--flooding-distance <bits>',
        'statistical distance over a session, as minus log2, where there is a plan with it (default: 40)'
      )
        .argParser(finite)
        .conflicts('floodingBits')
    )
    .addOption(new Option('--flooding-bounds <name>', "what of the model owner's word flooding rests on").choices(['magnitudes', 'norms']))
    .option('--maximum-decryptions <number>', 'ciphertexts that a session may decrypt', positive)
    .addOption(new Option('--evaluator <name>', 'whose costs to count with').choices(['seal', 'kernel']).default('kernel'))
    .option('--costs <path>', "costs to count with (default: this machine's, measured once and kept in the user's cache)")
    .option('--calibrate', 'measure the costs of this machine again, and keep them in the file of --costs or the cache')
    .addOption(new Option('--reference-costs', 'count with built-in costs, the same on every machine').conflicts(['costs', 'calibrate']))
    .option(
      '--manifest <path>',
      'JSON list of models with their data or activation ranges (default: manifest.json beside the model or one folder up)'
    )
    .option(
      '--samples <path>',
      'measure on these samples instead: .npy, .npz, .csv, .json, IDX, or a folder of PNG images; FILE#NAME for an array of it; NAME=PATH for each of several inputs',
      namedFiles
    )
    .option('--label-column <name>', 'the field of a table that is the class, and no value of a sample')
    .addOption(new Option('--images <path>', 'the same').argParser(namedFiles).hideHelp())
    .option('--count <number>', 'how many of them (default: 256, or all where there are fewer)', positive)
    .option('--scale <number>', 'x = (raw·scale - mean) / deviation', finite, 1)
    .option('--mean <number>', '', finite, 0)
    .option('--deviation <number>', '', finite, 1)
    .addOption(
      new Option(
        '--approximation <method>',
        'polynomials for activations: fit (where samples lie; default with --samples), minimax or chebyshev (uniformly on their intervals)'
      ).choices(['fit', 'minimax', 'chebyshev'])
    )
    .option('--degree <number>', 'degree of these polynomials (default: the smallest that is good enough and can be planned)', positive)
    .option('--agreement <share>', 'fit: share of held-out samples whose predicted class must stay (default: 0.99)', finite)
    .option('--accuracy <share>', "minimax and chebyshev: largest error as a share of half the interval's length (default: 0.01)", finite)
    .option('--margin <share>', 'widening of the intervals (default: 0.2)', finite)
    .option('--output <name>', 'which output of the model, where it has several')
    .option('--input-shape <shape>', 'shape of one sample without the batch, where the model leaves it open: 3x32x32', shape)
    .option('--replace <what>', REPLACE_HELP, replacement)
    .addOption(new Option('--task <name>', 'what the outputs mean (default: as the model file or the manifest says)').choices(TASK_KINDS))
    .option('--decision-threshold <number>', "binary and multi-label tasks: on the scale of the model's output", finite)
    .addOption(
      new Option('--layout <name>', 'samples lie row by row, channels last, and are brought into the order of the network').choices([
        'nhwc'
      ])
    )
    .option('--precision <bits>', 'so many bits of the largest logit must be right', finite)
    .addOption(new Option('--logit-error <number>', 'largest error of a logit').argParser(finite).conflicts('precision'))
    .option('--bandwidth <Mbit/s>', 'between the parties: what the plan is made for (default: 100)', finite)
    .option('--round-trip <ms>', 'between the parties (default: 20)', finite)
    .option('--expected-queries <number>', EXPECTED_QUERIES_HELP, positive)
    .addOption(
      new Option('--key-megabytes <MB>', 'evaluation keys that a key holder makes, at most (default: as many as pay)')
        .argParser(finite)
        .conflicts('epoch')
    )
    .option('--workers <number>', 'plan for so many workers of a fleet, each like this machine, and say what they make of it', positive)
    .option('--threads <number>', 'what so many threads of the evaluator make of it, on as many cores', positive)
    .option('--memory-bandwidth <GB/s>', 'that these cores share (default: 40, as of two channels of DDR4)', finite)
    .option('--json', 'print the plan as JSON')
    .action(async (model: string, options: Options) => {
      const { batch, scenario, minimumRefreshes, floodingBits, floodingDistance, floodingBounds, maximumDecryptions, evaluator } = options
      const precision = precisionFrom(options)
      const epoch = options.epoch === undefined ? undefined : await readEpochFile(options.epoch)
      const threshold = options.threshold ?? epoch?.threshold
      const { calibration, task } = await knownOf(model, options)
      const costModel = await costsFor(evaluator, options)
      const link = linkFrom(options)
      const { plan, approximation } = await planModel(model, {
        batch,
        parties: options.parties ?? epoch?.parties ?? (scenario === 'both' ? 3 : 1),
        ...(threshold === undefined ? {} : { threshold }),
        ...(epoch === undefined ? {} : { epoch: epoch.keys }),
        ...SCENARIOS[scenario],
        seededInputs: scenario === 'data' && (options.parties ?? epoch?.parties ?? 1) === 1 && epoch === undefined,
        minimumRefreshes,
        refreshing: options.refreshes,
        ...(floodingBits === undefined ? {} : { floodingBits }),
        ...(floodingDistance === undefined ? {} : { floodingDistanceBits: floodingDistance }),
        ...(floodingBounds === undefined ? {} : { floodingBounds }),
        costModel,
        ...(link === undefined ? {} : { link }),
        ...(options.expectedQueries === undefined ? {} : { expectedQueries: options.expectedQueries }),
        ...(options.keyMegabytes === undefined ? {} : { maximumKeyBytes: Math.round(1e6 * options.keyMegabytes) }),
        ...(options.workers === undefined ? {} : { workers: options.workers }),
        ...(maximumDecryptions === undefined ? {} : { maximumDecryptions }),
        output: options.output,
        inputShape: options.inputShape,
        replace: options.replace,
        task: { kind: options.task ?? task?.kind, threshold: options.decisionThreshold },
        ...(precision === undefined ? {} : { precision }),
        calibration,
        approximation: approximationFrom(options)
      })
      const lacking = epoch === undefined ? [] : [describeMissingKeys(missingKeys(plan, epoch.keys))]
      const text = [
        describePlan(plan),
        ...describeEndToEnd(plan, costModel, link),
        ...(options.workers === undefined ? [] : describeOnWorkers(plan, costModel, options.workers, link)),
        ...onThreads(plan, costModel, options, link),
        ...lacking,
        ...describeApproximation(approximation)
      ].join('\n')
      streams.out(`${options.json === true ? JSON.stringify(plan, null, 2) : text}\n`)
    })
}

/** Names of measured costs say with how many threads they were; those that are built in are of one. */
function onThreads(plan: Plan, model: CostModel, { threads, memoryBandwidth }: Options, link?: Link): string[] {
  if (threads === undefined) return []
  const bandwidth = memoryBandwidth === undefined ? ASSUMED_MEMORY_BANDWIDTH : 1e9 * memoryBandwidth
  const measured = Number(/(\d+) threads?/.exec(model.name)?.[1] ?? 1)
  return describeOnThreads(plan, model, measured, { threads, bandwidth }, link)
}

async function costsFor(evaluator: Options['evaluator'], { costs, calibrate, referenceCosts: reference }: Options): Promise<CostModel> {
  if (reference === true) return referenceCosts(evaluator)
  if (costs !== undefined && calibrate !== true) return await readCosts(costs)
  const cryptography = await LocalCryptography.create({
    ...(await evaluatorNamed(evaluator)),
    threads: evaluator === 'kernel' ? 'auto' : 1,
    warmUp: true
  })
  try {
    const { variant, threads } = cryptography.kernel
    return await machineCosts(
      costs ?? userCostFile(evaluator),
      { evaluator, kernel: variant, threads, measure: name => cryptography.measureCosts(name) },
      { again: calibrate === true }
    )
  } finally {
    await cryptography.dispose()
  }
}

/** Where the values that flow through the model are known from, and what a manifest says of its outputs. */
async function knownOf(
  model: string,
  options: Options
): Promise<{ readonly calibration: CalibrationConfiguration; readonly task?: TaskChoice | undefined }> {
  const { scale, mean, deviation, layout, labelColumn: label } = options
  const file = options.samples ?? options.images
  if (file !== undefined) {
    const normalisation = { scale, mean, deviation }
    const laid = layout === undefined ? {} : { layout }
    const whole = { ...samplesIn(file), ...(label === undefined ? {} : { label }), offset: 0, normalisation, ...laid }
    const count = options.count ?? Math.min(DEFAULT_COUNT, (await SampleFile.open(whole)).count)
    return { calibration: { samples: { ...whole, count } } }
  }
  if (options.manifest !== undefined) return await fromManifest(options.manifest, model)
  for (const folder of ['.', '..']) {
    const manifest = join(dirname(model), folder, 'manifest.json')
    if (await exists(manifest)) return await fromManifest(manifest, model)
  }
  throw new DataFileError(model, 'calibration', 'a manifest.json beside the model, --manifest or --samples', 'none')
}

async function fromManifest(
  manifest: string,
  model: string
): Promise<{ calibration: CalibrationConfiguration; task: TaskChoice | undefined }> {
  return { calibration: await manifestCalibration(manifest, model), task: await manifestTask(manifest, model) }
}

function precisionFrom({ precision: bits, logitError }: Options): Precision | undefined {
  if (bits !== undefined) return { bits }
  return logitError === undefined ? undefined : { logitError }
}

function approximationFrom({ approximation: method, degree, agreement, accuracy, margin }: Options): ApproximationConfiguration {
  return { method, degree, agreement, accuracy, margin }
}

function linkFrom({ bandwidth, roundTrip }: Options): Link | undefined {
  if (bandwidth === undefined && roundTrip === undefined) return undefined
  const told = roundTrip === undefined ? {} : { roundTrip: roundTrip / 1e3 }
  return { ...DEFAULT_LINK, ...(bandwidth === undefined ? {} : { bandwidth: (bandwidth * 1e6) / 8 }), ...told }
}

function finite(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Give a number.')
  return value
}

function natural(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number.')
  return value
}

function shape(text: string): readonly number[] {
  return text.split(/[x×,]/).map(positive)
}

function positive(text: string): number {
  const value = natural(text)
  if (value === 0) throw new InvalidArgumentError('Give a whole number above zero.')
  return value
}
