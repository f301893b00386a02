/** `npm run scenario -- scenarios/<file>.yaml`: runs a scenario, shows progress and a table, writes a report. */
import { type Replacements, TASK_KINDS, type TaskKind } from '@slytherin/engine'
import { REPLACE_HELP, replacement } from '@slytherin/node'
import { Command, Option } from 'commander'
import { EXIT_FAILED, EXIT_USAGE, finite, list, natural, positive, shape, stopping } from './command-line.js'
import { serveCohort } from './gateway/serve.js'
import { perform } from './perform.js'
import { DEFAULT_SIMULATED_SAMPLES } from './run-scenario.js'
import { loadScenario, ScenarioFileError } from './scenario.js'
import { isService, loadServiceScenario } from './service/description.js'
import { performService } from './service/perform.js'

interface CommandLine {
  parties?: number
  witnesses?: number
  images?: number
  batch?: number
  evaluator?: 'kernel' | 'seal'
  model?: string
  output?: string
  inputShape?: readonly number[]
  replace?: Replacements
  task?: TaskKind
  layout?: 'nhwc'
  data?: string
  labels?: string
  labelColumn?: string
  calibration?: string
  classes?: readonly string[]
  scale?: number
  mean?: number
  deviation?: number
  report?: string
  keep?: boolean
  evidence?: string
  simulation?: number | boolean
  minutes?: number
  seed?: number
  gateway?: number
}

const program = new Command('scenario')
  .description('Runs a scenario on this machine: one process per party, real data, answers held against the clear network.')
  .argument('<file>', 'scenario file, for example scenarios/both-encrypted.yaml')
  .option('--model <name>', 'a model of the manifest by its name, or an ONNX file')
  .option('--output <name>', 'which output of the model, where it has several')
  .option('--input-shape <shape>', 'shape of one sample without the batch, where the model leaves it open: 3x32x32', shape)
  .option('--replace <what>', REPLACE_HELP, replacement)
  .addOption(new Option('--task <name>', 'what the outputs mean (default: as the manifest or the model file says)').choices(TASK_KINDS))
  .addOption(new Option('--layout <name>', 'samples have their channels last').choices(['nhwc']))
  .option('--data <path>', 'own samples: .npy, .npz, .csv, .json, IDX, or a folder of PNG images; FILE#NAME for an array of it')
  .option('--labels <path>', 'what is right for them, in a file of any of these formats; FILE#NAME for an array or a column of it')
  .option('--label-column <name>', 'the field of a table of samples that is the class')
  .option('--classes <names>', 'names of the classes in the order of the outputs: cat,dog', list)
  .option('--calibration <path>', 'samples that the model owner calibrates on (default: the last of the data, which are not asked about)')
  .option('--scale <number>', 'x = (raw·scale - mean) / deviation (default: as the scenario or the manifest says)', finite)
  .option('--mean <number>', '', finite)
  .option('--deviation <number>', '', finite)
  .option('--images <count>', 'number of samples, from the first of the data', positive)
  .option('--batch <count>', 'samples per query that the plan is made for (default: all, in equal parts when they are very many)', positive)
  .option('--parties <count>', 'number of key holders in all', positive)
  .option('--witnesses <count>', 'number of witnesses, of which key holders demand one; 0: none, and none demanded', natural)
  .addOption(new Option('--evaluator <name>', 'which evaluator computes').choices(['kernel', 'seal']))
  .option('--report <file>', 'write the report as JSON, and as HTML beside it')
  .option('--simulation <count>', `samples that are simulated for the report (default: the first ${DEFAULT_SIMULATED_SAMPLES})`, positive)
  .option('--no-simulation', 'leave the simulated run out of the report')
  .option('--keep', 'leave the state directories of the parties in place')
  .option('--evidence <directory>', 'keep what parties signed, and what a replay needs, for slytherin audit')
  .option('--minutes <count>', 'of a service: how long queries are asked', positive)
  .option('--seed <number>', 'of a service: of the kills; a fresh one when not given, and told', natural)
  .option('--gateway <port>', 'of a service: stay, with a gateway on this port in front of a querier, until told to stop', positive)
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

process.exitCode = await main(program.args[0]!, program.opts<CommandLine>())

async function main(
  file: string,
  { report, keep, evidence, simulation, task, minutes, seed, gateway, classes, ...others }: CommandLine
): Promise<number> {
  try {
    if (await isService(file)) {
      const scenario = await loadServiceScenario(file, { ...(minutes === undefined ? {} : { minutes }) })
      if (gateway !== undefined) {
        await serveCohort(scenario, { port: gateway, keep: keep === true, signal: stopping() })
        return 0
      }
      const unexplained = await performService(scenario, { seed, report, keep, signal: stopping() })
      return unexplained.length === 0 ? 0 : EXIT_FAILED
    }
    const overrides = task === undefined && classes === undefined ? others : { ...others, task: { kind: task, labels: classes } }
    const wanted = typeof simulation === 'number' ? simulation : DEFAULT_SIMULATED_SAMPLES
    const simulatedSamples = simulation === false || report === undefined ? 0 : wanted
    const { failures } = await perform(await loadScenario(file, overrides), {
      report,
      simulatedSamples,
      keep,
      evidence,
      signal: stopping()
    })
    return failures.length === 0 ? 0 : EXIT_FAILED
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof ScenarioFileError ? EXIT_USAGE : EXIT_FAILED
  }
}
