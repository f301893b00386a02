/** `slytherin query`: samples to a model of a service, and what became of them. */
import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { AnswerReport, QueryReport } from '../control/reports.js'
import type { Streams } from './console.js'
import { type ScalingOptions, scalingOf } from './model.js'
import { type NamedFiles, namedFiles } from './named-files.js'
import { ask, finite, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { describeAnswer, describeQueries } from './report-lines.js'

interface AskOptions extends PartyOptions, ScalingOptions {
  samples: NamedFiles
  offset?: number
  follow?: boolean
  out?: string
}

export function queryCommand(streams: Streams): Command {
  const send = toParty(
    new Command('ask')
      .description('Send encrypted samples to a model; prints the id of the query, and with --follow what the model says.')
      .argument('<model>', 'what it is called')
      .requiredOption(
        '-s, --samples <path>',
        '.npy, .npz, .csv, .json, IDX, or a folder of PNG images; FILE#NAME for an array of it; NAME=PATH for each input of a model with several',
        namedFiles
      )
      .option('--offset <number>', 'first of them', natural)
      .option('--count <number>', 'how many of them (default: all)', positive)
      .option('--scale <number>', 'x = (raw·scale - mean) / deviation', finite)
      .option('--mean <number>', '', finite)
      .option('--deviation <number>', '', finite)
      .addOption(new Option('--layout <name>', 'samples lie row by row, channels last').choices(['nhwc']))
      .option('--label-column <name>', 'the field of a table that is the class, and no value of a sample')
      .option('-f, --follow', 'wait for the answer, and show how far it is; interrupted, the query goes on')
      .option('-o, --out <path>', 'write the answer as JSON'),
    'slytherin query lenet --samples scans.npy --follow'
  ).action(async (model: string, options: AskOptions) => {
    const { offset } = options
    const samples = { file: options.samples, ...scalingOf(options), ...(offset === undefined ? {} : { offset }) }
    const follow = options.follow === true || options.out !== undefined
    await showAnswer(await ask('query.ask', { model, samples, follow }, options, streams), options, streams)
  })
  const status = toParty(
    new Command('status')
      .description('Queries that this party knows: where they are.')
      .argument('[query]', 'one alone: its id, or the beginning'),
    'slytherin query status'
  ).action(async (query: string | undefined, options: PartyOptions) => {
    const queries = await ask('query.status', query === undefined ? {} : { query }, options, streams)
    tell(queries, options, streams, all => describeQueries(all) || 'no query: slytherin query MODEL --samples FILE\n')
  })
  const cancel = toParty(
    new Command('cancel')
      .description('End a query; what it was charged for stays charged.')
      .argument('<query>', 'its id, or the beginning of it'),
    'slytherin query cancel 90ab12cd'
  ).action(async (query: string, options: PartyOptions) => {
    tell(await ask('query.cancel', { query }, options, streams), options, streams, cancelled => describeQueries([cancelled]))
  })
  const fetch = toParty(
    new Command('fetch')
      .description('Wait for the answer of a query and show it.')
      .argument('<query>', 'its id, or the beginning of it')
      .option('-o, --out <path>', 'write the answer as JSON'),
    'slytherin query fetch 90ab12cd --out answer.json'
  ).action(async (query: string, options: PartyOptions & { out?: string }) => {
    await showAnswer(await ask('query.fetch', { query }, options, streams), options, streams)
  })
  // `slytherin query MODEL …` is `slytherin query ask MODEL …`.
  const command = new Command('query')
    .description('Ask a model: "slytherin query MODEL --samples FILE"; see, cancel and fetch queries.')
    .addCommand(send, { isDefault: true })
    // Whoever asks for help of `slytherin query MODEL` wants these options.
    .addHelpText('after', () => `\nTo ask a model:\n\n${send.helpInformation()}`)
  for (const inner of [status, cancel, fetch]) command.addCommand(inner)
  return command
}

async function showAnswer(
  result: QueryReport & { readonly answer?: AnswerReport },
  options: PartyOptions & { out?: string },
  streams: Streams
): Promise<void> {
  const { out } = options
  if (out !== undefined && result.answer !== undefined) {
    await writeFile(out, `${JSON.stringify({ query: result.query, model: result.model, ...result.answer }, null, 2)}\n`, { mode: 0o600 })
  }
  tell(result, options, streams, ({ answer, ...query }) => {
    if (answer === undefined) return `${describeQueries([query])}fetch it with: slytherin query fetch ${query.query.slice(0, 12)}\n`
    return `query ${query.query}\n${describeAnswer(answer)}`
  })
}

function natural(text: string): number {
  return text === '0' ? 0 : positive(text)
}
