/** Models whose weights lie in a file beside them, and models that leave open which output or which shape is meant. */
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ExternalInitializerError, evaluate, externalDataFiles, importOnnx } from '@slytherin/engine'
import { DataFileError, importModelFile, readNpy, runProgram } from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const cases = fileURLToPath(new URL('../../../models/cases/', import.meta.url))
const model = join(cases, 'torch-default-external.onnx')

async function slytherin(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

describe('weights beside a model', () => {
  let folder: string
  let copy: string
  const data = (): string => join(folder, 'torch-default-external.onnx.data')

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slytherin-model-'))
    copy = join(folder, basename(model))
    await copyFile(model, copy)
    await copyFile(`${model}.data`, data())
  })
  afterEach(async () => await rm(folder, { recursive: true }))

  it('are read: the values are right', async () => {
    const graph = await importModelFile(copy)
    const [x, right] = await Promise.all(
      ['x', 'right'].map(async part => readNpy(await readFile(join(cases, `torch-default-external-${part}.npy`)), part))
    )
    for (let row = 0; row < x!.rows; row++) {
      const sample = Array.from({ length: x!.columns }, (_, column) => x!.value(row, column))
      evaluate(graph, sample).forEach((value, column) => {
        expect(value).toBeCloseTo(right!.value(row, column), 5)
      })
    }
  })

  it('that are missing, too short, a link to another folder, or no file are refused', async () => {
    const refused = (problem: RegExp) => expect(importModelFile(copy)).rejects.toThrowError(problem)
    await truncate(data(), 100)
    await refused(/external file 'torch-default-external.onnx.data', at bytes \d+ to \d+ of 100; keep that file beside the model/)
    await rm(data())
    await expect(importModelFile(copy)).rejects.toThrowError(ExternalInitializerError)
    await refused(/which is not there/)
    await mkdir(join(folder, 'elsewhere'))
    await copyFile(`${model}.data`, join(folder, 'elsewhere', 'data'))
    await symlink(join(folder, 'elsewhere', 'data'), data())
    await expect(importModelFile(copy)).rejects.toThrowError(DataFileError)
    await refused(/got a link to another folder/)
    await rm(data())
    await mkdir(data())
    await refused(/got something else/)
  })

  it('under a name with path steps are never looked for', async () => {
    const bytes = Buffer.from(await readFile(model))
    // a name of the same length, so that the file stays one
    const stepped = Buffer.from(
      bytes.toString('latin1').replaceAll('torch-default-external.onnx.data', '../../default-external.onnx.data'),
      'latin1'
    )
    await writeFile(copy, stepped)
    await expect(importModelFile(copy)).rejects.toThrowError(/'\.\.\/\.\.\/default-external\.onnx\.data', which is no plain name/)
    expect(() => externalDataFiles(stepped)).toThrowError(ExternalInitializerError)
    expect(() => importOnnx(stepped, { externalData: () => new Uint8Array(1e6) })).toThrowError(/no plain name/)
  })
})

describe('what a model leaves open', () => {
  const heads = join(cases, 'two-heads.onnx')
  const options = ['--samples', join(cases, 'two-heads-x.npy'), '--reference-costs', '--batch', '4', '--scenario', 'data']

  it('outputs come all together, or one by its name, as the message says', async () => {
    const whole = await slytherin('plan', heads, ...options)
    expect(whole).toMatchObject({ code: 0, out: expect.stringMatching(/output: .*; 11: /) })
    const judged = await slytherin('plan', heads, ...options, '--task', 'classification')
    expect(judged).toMatchObject({ code: 1, err: expect.stringMatching(/2 outputs \(output, 11\).*--output/) })
    expect(await slytherin('plan', heads, ...options, '--output', '11')).toMatchObject({ code: 0 })
  })

  it('inputs are named, each with its file', async () => {
    const both = join(cases, 'torch-default-two-inputs-two-outputs.onnx')
    const array = readNpy(await readFile(join(cases, 'torch-default-two-inputs-two-outputs-x.npy')), 'x')
    const folder = await mkdtemp(join(tmpdir(), 'slytherin-inputs-'))
    try {
      const write = async (name: string, from: number, to: number): Promise<string> => {
        const rows = Array.from({ length: array.rows }, (_, row) =>
          Array.from({ length: to - from }, (__, column) => array.value(row, from + column)).join(',')
        )
        await writeFile(join(folder, name), `${rows.join('\n')}\n`)
        return join(folder, name)
      }
      const [image, table] = [await write('image.csv', 0, 36), await write('table.csv', 36, 39)]
      const common = ['--reference-costs', '--batch', '4', '--scenario', 'data', '--degree', '3']
      const named = await slytherin('plan', both, '--samples', `table=${table}`, '--samples', `image=${image}`, ...common)
      expect(named).toMatchObject({ code: 0, out: expect.stringMatching(/kind: classification.*age: regression/) })
      const missing = await slytherin('plan', both, '--samples', `image=${image}`, ...common)
      expect(missing).toMatchObject({ code: 1, err: expect.stringMatching(/inputs.*image, table/) })
      expect(await slytherin('plan', both, '--samples', image, '--samples', `table=${table}`, ...common)).toMatchObject({ code: 2 })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('stand-ins for maxima are asked for by name', async () => {
    expect(await slytherin('plan', heads, ...options, '--replace', 'maxPool=pairs')).toMatchObject({ code: 0 })
    expect(await slytherin('plan', heads, ...options, '--replace', 'maxPool=largest')).toMatchObject({ code: 2 })
  })

  it('its input shape, too', async () => {
    expect(await slytherin('plan', heads, ...options, '--output', '11', '--input-shape', '3x2')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/3×2, as asked for/)
    })
    expect(await slytherin('plan', heads, ...options, '--input-shape', 'wide')).toMatchObject({ code: 2 })
  })
})
