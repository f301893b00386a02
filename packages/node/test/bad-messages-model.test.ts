/** Models and files that cannot be used: the command line ends with the documented code and says which node or file it is, and what to do about it. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '@slytherin/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { node, onnxModel, tensor } from '../../engine/test/onnx-model.ts'
import { Cohort, npyOf } from './support/cohort.js'

const BIN = fileURLToPath(new URL('../bin/slytherin.js', import.meta.url))

interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function slytherin(...parameters: string[]): Promise<Outcome> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

/** The same in a process of its own. */
async function slytherinProcess(...parameters: string[]): Promise<Outcome> {
  const child = spawn(BIN, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (data: Buffer) => out.push(data))
  child.stderr.on('data', (data: Buffer) => err.push(data))
  const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}

const dense = { ...node('Gemm', ['x', 'w'], 'y', { transB: 1 }), name: 'classifier' }
const good = onnxModel({ nodes: [dense], tensors: [tensor('w', [2, 4], [1, 2, 3, 4, -1, -2, -3, -4])], input: ['N', 4] })

/** Contents of the file (none: no file), and what the error names. */
const CASES: [string, Uint8Array | undefined, RegExp[]][] = [
  [
    'an operator without a counterpart',
    onnxModel({
      nodes: [{ ...node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2], strides: [2, 2] }), name: 'features/pool' }],
      input: ['N', 1, 8, 8]
    }),
    [/UnsupportedOperatorError/, /node 'features\/pool'/, /MaxPool/, /use AveragePool instead/]
  ],
  [
    'a weight matrix for another input',
    onnxModel({ nodes: [dense], tensors: [tensor('w', [2, 5], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])], input: ['N', 4] }),
    [/ShapeMismatchError/, /node 'classifier'/, /5 features.*got 4/, /export/]
  ],
  [
    'NaN among its weights',
    onnxModel({ nodes: [dense], tensors: [tensor('w', [2, 4], [1, 2, 3, 4, -1, Number.NaN, -3, -4])], input: ['N', 4] }),
    [/NonFiniteWeightError/, /node 'classifier'/, /tensor 'w'/, /element 5/, /retrain/]
  ],
  [
    'weights that are not in the file',
    onnxModel({ nodes: [dense], input: ['N', 4] }),
    [/MissingInitializerError/, /node 'classifier'/, /tensor 'w'/, /export with constant weights/]
  ],
  ['its end missing', good.subarray(0, good.length - 30), [/MalformedModelError/, /export/]],
  ['no file', undefined, [/DataFileError/, /model\.onnx/, /ENOENT/, /path/]]
]

let directory: string
let cohort: Cohort
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-model-'))
  const measured = 'calibration: { measured: { input: 1, largestLogit: 10, activations: [] } }'
  cohort = await Cohort.make({
    roles: { owner: ['model-owner'], clinic: ['evaluator', 'key-holder'], patient: ['querier', 'data-owner'] },
    yamlOf: { owner: `model: model.onnx\n${measured}`, patient: 'samples: { npy: samples.npy }' }
  })
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
  await cohort.remove()
})

async function place(folder: string, model: Uint8Array | undefined): Promise<string> {
  const file = join(folder, 'model.onnx')
  await rm(file, { force: true })
  if (model !== undefined) await writeFile(file, model)
  return file
}

describe('a model with', () => {
  it.each(CASES)('%s: slytherin plan', async (_what, model, expected) => {
    const file = await place(directory, model)
    await writeFile(join(directory, 'samples.npy'), npyOf([[0.5, -0.5, 0.25, 1]]))
    const { code, out, err } = await slytherin(
      'plan',
      file,
      '--reference-costs',
      '--samples',
      join(directory, 'samples.npy'),
      '--count',
      '1'
    )
    expect(code).toBe(1)
    expect(out).toBe('')
    for (const pattern of expected) expect(err).toMatch(pattern)
  })

  it.each(CASES)('%s: slytherin party of its owner, before it connects to anybody', async (_what, model, expected) => {
    await place(cohort.directory, model)
    const { code, out, err } = await slytherin('party', '--config', cohort.members['owner']!.file)
    expect(code).toBe(1)
    expect(out).not.toContain('listens on')
    for (const pattern of expected) expect(err).toMatch(pattern)
  })

  it('any of it, as a process', async () => {
    await place(cohort.directory, CASES[0]![1])
    const { code, err } = await slytherinProcess('party', '--config', cohort.members['owner']!.file, '--json-events')
    expect(code).toBe(1)
    for (const pattern of CASES[0]![2]) expect(err).toMatch(pattern)
  })
})

describe('samples', () => {
  const patient = async (): Promise<Outcome> => await slytherin('party', '--config', cohort.members['patient']!.file)

  it('that are not there, no numbers, or cut short end a querier with the file and what should be in it', async () => {
    const file = join(cohort.directory, 'samples.npy')
    expect(await patient()).toMatchObject({ code: 1, err: expect.stringMatching(/DataFileError: .*samples\.npy.*ENOENT/) })
    await writeFile(file, npyOf([[1, 2, 3, 4]]).subarray(0, -4))
    expect(await patient()).toMatchObject({ code: 1, err: expect.stringMatching(/DataFileError: .*samples\.npy.*bytes for shape 1×4/) })
    await writeFile(file, 'not an array')
    expect(await patient()).toMatchObject({ code: 1, err: expect.stringMatching(/DataFileError: .*samples\.npy.*a NumPy array file/) })
  })

  it('of another shape than the model, for its calibration', async () => {
    const file = await place(directory, good)
    await writeFile(join(directory, 'samples.npy'), npyOf([[0.5, -0.5, 0.25]]))
    const { code, err } = await slytherin('plan', file, '--reference-costs', '--samples', join(directory, 'samples.npy'), '--count', '1')
    expect(code).toBe(1)
    expect(err).toMatch(/shape of a sample should be .*4.*, got 3/)
    await writeFile(join(directory, 'samples.npy'), npyOf([[0.5, Number.NaN, 0.25, 1]]))
    expect(await slytherin('plan', file, '--reference-costs', '--samples', join(directory, 'samples.npy'), '--count', '1')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/DataFileError: .*samples\.npy.*value 1.*finite/)
    })
  })
})
