/** What `slytherin new` writes: a folder with a model, its data, a scenario of them, and a page that says what to type. Nothing is written before all of it fits together. */
import { cp, mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { externalDataFiles, inputShape } from '@slytherin/engine'
import { stringify } from 'yaml'
import { DataFileError } from '../data/errors.js'
import { importModelFile, readModelFile } from '../data/model-file.js'
import { exists } from '../data/read.js'
import { sourceOf } from '../data/read-array.js'
import { loadLabels, SampleFile } from '../data/samples.js'
import { FileExistsError } from '../storage/errors.js'

/** What nobody else may see. */
export const SECRETS = ['both', 'data', 'model'] as const
export type Secret = (typeof SECRETS)[number]

export interface NewFolder {
  readonly folder: string
  /** ONNX file. */
  readonly model: string
  /** Samples: a file, a folder of PNG images, or `FILE#NAME`. */
  readonly data: string
  /** The field of a table that is the class, or a file of labels (`file`); neither where there are none. */
  readonly labels?: { readonly column: string } | { readonly file: string } | undefined
  readonly secret: Secret
}

/** What was found out on the way. */
export interface WrittenFolder {
  readonly files: readonly string[]
  readonly samples: number
  readonly asked: number
}

/** At most so many samples are asked about at first, and so many are left to calibrate on. */
const [MOST_ASKED, MOST_CALIBRATED] = [64, 500]

/**
 * @throws DataFileError and the engine's errors for a model or data that cannot be read, or do not fit each other
 * @throws FileExistsError where there is something of that name
 */
export async function writeNewFolder(wanted: NewFolder): Promise<WrittenFolder> {
  const { folder, model, data, labels, secret } = wanted
  if (await exists(folder)) throw new FileExistsError(folder)
  const graph = await importModelFile(model)
  const column = labels !== undefined && 'column' in labels ? { label: labels.column } : {}
  const normalisation = { scale: 1, mean: 0, deviation: 1 }
  const samples = (await SampleFile.open({ ...sourceOf(data), ...column, offset: 0, normalisation })).as(inputShape(graph))
  if (labels !== undefined && 'file' in labels) await loadLabels(labels.file, { offset: 0, count: samples.count })
  const asked = Math.min(MOST_ASKED, Math.max(1, samples.count - Math.min(MOST_CALIBRATED, samples.count >> 1)))
  if (samples.count === asked) {
    throw new DataFileError(data, 'samples', 'two or more: some to ask about, some to calibrate on', String(samples.count))
  }
  await mkdir(folder, { recursive: true })
  const copied = new Map<string, string>()
  const copy = async (path: string): Promise<string> => {
    const { file, part } = await parted(path)
    const name = copied.get(file) ?? basename(file)
    if (!copied.has(file)) {
      copied.set(file, name)
      await cp(file, join(folder, name), { recursive: true, errorOnExist: true, force: false })
    }
    return `${name}${part}`
  }
  const modelName = await copy(resolve(model))
  for (const beside of externalDataFiles((await readModelFile(model)).onnx)) await copy(resolve(model, '..', beside))
  const scenario = {
    name: basename(folder),
    description: DESCRIPTIONS[secret],
    model: modelName,
    data: {
      samples: await copy(resolve(data)),
      ...(labels !== undefined && 'file' in labels ? { labels: await copy(resolve(labels.file)) } : {}),
      ...column
    },
    images: asked,
    parties: PARTIES[secret],
    session: { ...SESSIONS[secret], maximumDecryptions: 1024 }
  }
  await writeFile(join(folder, 'scenario.yaml'), scenarioText(scenario))
  await writeFile(join(folder, 'README.md'), readme(wanted, modelName, scenario.data.samples, asked))
  return { files: [...copied.values(), 'scenario.yaml', 'README.md'], samples: samples.count, asked }
}

/** `FILE#NAME` as file and `#NAME`. */
async function parted(path: string): Promise<{ file: string; part: string }> {
  const hash = path.lastIndexOf('#')
  const whole = hash < 0 || (await stat(path).catch(() => undefined)) !== undefined
  return whole ? { file: path, part: '' } : { file: path.slice(0, hash), part: path.slice(hash) }
}

const DESCRIPTIONS: Record<Secret, string> = {
  both: 'Model and data encrypted under the key of three holders, none of whom can decrypt alone',
  data: 'Data encrypted under the key of who owns them, model clear at the company that computes',
  model: 'Model encrypted under the key of who owns it, data clear where they are computed with'
}

const PARTIES: Record<Secret, readonly object[]> = {
  both: [
    { name: 'key-holder', roles: ['key-holder'], count: 3 },
    { name: 'company', roles: ['model-owner'] },
    { name: 'hospital', roles: ['data-owner', 'querier'] },
    { name: 'evaluator', roles: ['evaluator'] }
  ],
  data: [
    { name: 'hospital', roles: ['key-holder', 'data-owner', 'querier'] },
    { name: 'company', roles: ['model-owner', 'evaluator'] }
  ],
  model: [
    { name: 'company', roles: ['key-holder', 'model-owner'] },
    { name: 'hospital', roles: ['data-owner', 'querier', 'evaluator'] }
  ]
}

const SESSIONS: Record<Secret, { readonly data: string; readonly weights: string }> = {
  both: { data: 'encrypted', weights: 'encrypted' },
  data: { data: 'encrypted', weights: 'clear' },
  model: { data: 'clear', weights: 'encrypted' }
}

const scenarioText = (scenario: { readonly [key: string]: unknown }): string =>
  `# Who there is, what they hold and what is asked. Paths are relative to this file.
${stringify(scenario, { lineWidth: 0 })}
# How files become what the model was trained on, under "data": x = (raw·scale - mean) / deviation
#   normalisation: { scale: 0.00392156862745098, mean: 0, deviation: 1 }
# What the outputs mean, where it does not follow from the file:
# task: { kind: classification, labels: [cat, dog] }
`

function readme({ folder, secret, labels }: NewFolder, model: string, data: string, asked: number): string {
  const name = basename(folder)
  const column = labels !== undefined && 'column' in labels ? ` --label-column ${shell(labels.column)}` : ''
  return `# ${name}

${DESCRIPTIONS[secret]}.

| | |
|---|---|
| \`${model}\` | the model |
| \`${data}\` | the samples, of which the first ${asked} are asked about; the last are what the model's owner calibrates on |
| \`scenario.yaml\` | who there is, and what is asked |

What it will cost, before anything is started (in this folder):

\`\`\`sh
npx slytherin plan ${shell(model)} --samples ${shell(data)}${column} --scenario ${secret} --batch ${asked}
\`\`\`

All parties as processes of this machine, in a checkout of slytherin:

\`\`\`sh
npm run scenario -- ${shell(join(folder, 'scenario.yaml'))}
npm run scenario -- ${shell(join(folder, 'scenario.yaml'))} --images 8 --report ${shell(join(folder, 'report.json'))}
\`\`\`

Samples are taken as they stand in the file. Where the model was trained on others, say how in \`scenario.yaml\` (\`normalisation\`), as in training.

On machines of their own each party has a configuration: \`npx slytherin init --help\`, and the pages "Own data" and "Operations" of the documentation.
`
}

/** A word for a shell. */
const shell = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

/** What a folder is called where nobody says it: by its model. */
export const folderNameFor = (model: string): string => basename(model, extname(model))
