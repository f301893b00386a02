/** `slytherin new`: five questions, or their answers as options, and a folder that works. */
import { relative, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { exists } from '../data/read.js'
import { type Streams, UsageError } from './console.js'
import { folderNameFor, type NewFolder, SECRETS, type Secret, writeNewFolder } from './new-folder.js'

interface Options {
  model?: string
  data?: string
  labels?: string
  labelColumn?: string
  secret?: Secret
}

/** Asks people; tests bring their own. */
export interface Prompts {
  input(question: { message: string; default?: string; required?: boolean }): Promise<string>
  select<T>(question: { message: string; choices: readonly { name: string; value: T }[] }): Promise<T>
}

export function newCommand(streams: Streams, prompts: () => Promise<Prompts> = async () => await import('@inquirer/prompts')): Command {
  return new Command('new')
    .description('Write a folder with a model, its data and a scenario, ready to run. Asks for what is not said, on a terminal.')
    .argument('[folder]', 'where to')
    .option('--model <path>', 'ONNX file')
    .option('--data <path>', 'samples: .npy, .npz, .csv, .json, IDX, or a folder of PNG images; FILE#NAME for an array of it')
    .addOption(new Option('--labels <path>', 'file of their labels; FILE#NAME for an array or a column of it').conflicts('labelColumn'))
    .option('--label-column <name>', 'the field of a table of samples that is the class')
    .addOption(new Option('--secret <what>', 'what nobody else may see').choices(SECRETS))
    .addHelpText('after', '\nExample:\n  slytherin new tumours --model tumours.onnx --data rows.csv --label-column diagnosis --secret both')
    .action(async (folder: string | undefined, options: Options) => {
      const wanted = streams.terminal ? await asked(folder, options, await prompts()) : told(folder, options)
      const { files, samples, asked: count } = await writeNewFolder(wanted)
      const place = relative('.', wanted.folder) || '.'
      streams.out(`${place}: ${files.join(', ')}\n${count} of ${samples} samples are asked about; README.md there says what to type.\n`)
    })
}

/** @throws UsageError naming every option that is missing */
function told(folder: string | undefined, { model, data, labels, labelColumn, secret }: Options): NewFolder {
  const missing = Object.entries({ FOLDER: folder, '--model': model, '--data': data, '--secret': secret }).filter(
    ([, value]) => value === undefined
  )
  if (missing.length > 0) {
    throw new UsageError(`without a terminal to ask on, say it all: ${missing.map(([name]) => name).join(', ')} (slytherin new --help)`)
  }
  return {
    folder: resolve(folder!),
    model: resolve(model!),
    data: resolve(data!),
    labels: labelsFrom(labels, labelColumn),
    secret: secret!
  }
}

async function asked(folder: string | undefined, options: Options, { input, select }: Prompts): Promise<NewFolder> {
  const model = options.model ?? (await input({ message: 'Which model? (an ONNX file)', required: true }))
  const data =
    options.data ?? (await input({ message: 'Which samples? (.npy, .npz, .csv, .json, IDX, or a folder of PNG images)', required: true }))
  const said = labelsFrom(options.labels, options.labelColumn)
  const labels =
    said ?? (await labelsAsked(await input({ message: 'Where are their labels? (a file, the name of a column, or nothing)', default: '' })))
  const secret =
    options.secret ??
    (await select<Secret>({
      message: 'What is secret?',
      choices: [
        { name: 'the model and the data: three parties hold the key together', value: 'both' },
        { name: 'the data: their owner holds the key, and the model computes where it is', value: 'data' },
        { name: 'the model: its owner holds the key, and it is computed with where the data are', value: 'model' }
      ]
    }))
  const where = folder ?? (await input({ message: 'In which folder?', default: folderNameFor(model) }))
  return { folder: resolve(where), model: resolve(model), data: resolve(data), labels, secret }
}

const labelsFrom = (file: string | undefined, column: string | undefined): NewFolder['labels'] =>
  column !== undefined ? { column } : file === undefined ? undefined : { file: resolve(file) }

/** A file where there is one of that name, or of what stands before `#`; otherwise a column. */
async function labelsAsked(answer: string): Promise<NewFolder['labels']> {
  const text = answer.trim()
  if (text === '') return undefined
  if ((await exists(text)) || (await exists(text.replace(/#[^#]*$/, '')))) return { file: resolve(text) }
  return { column: text }
}
