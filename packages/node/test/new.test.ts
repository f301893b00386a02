/** `slytherin new`: what it writes is used as its page says. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '@slytherin/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { newCommand, type Prompts } from '../src/cli/new.js'

const model = fileURLToPath(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function slytherin(...parameters: string[]): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

describe('slytherin new', () => {
  let folder: string
  let rows: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slytherin-new-'))
    rows = join(folder, 'rows.csv')
    const heading = [...Array.from({ length: 30 }, (_, k) => `feature ${k}`), 'diagnosis']
    const lines = Array.from({ length: 40 }, (_, row) => [
      ...Array.from({ length: 30 }, (_unused, k) => Math.sin(row * 31 + k)),
      row % 3 ? 'benign' : 'malignant'
    ])
    await writeFile(rows, [heading, ...lines].map(line => line.join(',')).join('\n'))
  })
  afterAll(async () => await rm(folder, { recursive: true }))

  it('takes its answers as options, and the plan command of its page works', async () => {
    const target = join(folder, 'tumours')
    const said = ['--model', model, '--data', rows, '--label-column', 'diagnosis', '--secret', 'data']
    expect(await slytherin('new', target, ...said)).toMatchObject({ code: 0, err: '' })
    expect((await readdir(target)).sort()).toEqual(['README.md', 'breast-cancer-wdbc-mlp-square.onnx', 'rows.csv', 'scenario.yaml'])
    const scenario = parse(await readFile(join(target, 'scenario.yaml'), 'utf8')) as Record<string, unknown>
    expect(scenario).toMatchObject({ images: 20, data: { samples: 'rows.csv', label: 'diagnosis' }, session: { weights: 'clear' } })
    const command = /npx slytherin (plan .*)/.exec(await readFile(join(target, 'README.md'), 'utf8'))![1]!
    const parameters = command.split(' ').map(word => (/\.(onnx|csv)$/.test(word) ? join(target, word) : word))
    const planned = await slytherin(...parameters, '--reference-costs')
    expect(planned).toMatchObject({ code: 0, err: '' })
    expect(planned.out).toContain('N = 2^')
    expect(await slytherin('new', target, ...said)).toMatchObject({ code: 1, err: expect.stringContaining(target) })
  })

  it('writes nothing where model and data do not fit, or something is not said', async () => {
    const target = join(folder, 'broken')
    const unnamed = await slytherin('new', target, '--model', model, '--data', rows, '--secret', 'both')
    expect(unnamed).toMatchObject({ code: 1, err: expect.stringContaining('--label-column diagnosis') })
    const missing = await slytherin('new', target, '--model', model)
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('--data, --secret') })
    expect(await readdir(folder)).not.toContain('broken')
  })

  it('asks five questions on a terminal', async () => {
    const target = join(folder, 'asked')
    const questions: string[] = []
    const answers = [model, rows, 'diagnosis', target]
    const prompts: Prompts = {
      input: async ({ message }) => {
        questions.push(message)
        return answers.shift()!
      },
      select: async ({ message, choices }) => {
        questions.push(message)
        return choices[0]!.value
      }
    }
    const out: string[] = []
    const command = newCommand({ out: text => out.push(text), err: () => {}, terminal: true }, async () => prompts)
    await command.parseAsync([], { from: 'user' })
    expect(questions).toHaveLength(5)
    const scenario = parse(await readFile(join(target, 'scenario.yaml'), 'utf8')) as Record<string, unknown>
    expect(scenario).toMatchObject({ data: { label: 'diagnosis' }, session: { data: 'encrypted', weights: 'encrypted' } })
    expect(out.join('')).toContain('20 of 40 samples')
  })
})
