import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KERNEL_COSTS } from '@slytherin/engine'
import { costBasis, createLogger, readMeasuredCosts, runProgram, writeCosts } from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Cohort } from './support/cohort.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-cli-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function slytherin(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

const BIN = fileURLToPath(new URL('../bin/slytherin.js', import.meta.url))
const MODELS = fileURLToPath(new URL('../../../models', import.meta.url))

describe('slytherin', () => {
  it('shows help without arguments and for every command, with code 0', async () => {
    const bare = await slytherin()
    expect(bare).toMatchObject({ code: 0, err: '' })
    expect(bare.out).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.')
    for (const command of [
      ['--help'],
      ['init', '--help'],
      ['party', '--help'],
      ['roster', '--help'],
      ['roster', 'check', '--help'],
      ['plan', '--help'],
      ['audit', '--help']
    ]) {
      const { code, out } = await slytherin(...command)
      expect(code, command.join(' ')).toBe(0)
      expect(out).toContain('Usage: slytherin')
    }
    expect((await slytherin('--version')).out).toBe('0.1.0\n')
  })

  it('ends with code 2 for wrong usage, and suggests', async () => {
    expect(await slytherin('partty')).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean party?') })
    expect(await slytherin('party')).toMatchObject({ code: 2, err: expect.stringContaining('--config') })
    expect(await slytherin('init', '-d', directory, '--role', 'keyholder')).toMatchObject({
      code: 2,
      err: expect.stringContaining('key-holder')
    })
    expect(await slytherin('plan', 'x.onnx', '--batch', '0')).toMatchObject({ code: 2, err: expect.stringContaining('above zero') })
    expect((await slytherin('party', '--config', join(directory, 'none.yaml'))).code).toBe(2)
  })

  it('says how a model is asked to whoever wants help of asking one', async () => {
    const { out } = await slytherin('query', 'digits', '--help')
    expect(out).toContain('slytherin query ask [options] <model>')
    expect(out).toContain('--samples <path>')
  })

  it('ends quietly when whoever reads its output has read enough', async () => {
    const shell = spawn('sh', ['-c', '"$0" "$1" --help | true', process.execPath, BIN], { stdio: ['ignore', 'ignore', 'pipe'] })
    const text: string[] = []
    shell.stderr.on('data', data => text.push(String(data)))
    await new Promise(resolve => shell.on('close', resolve))
    expect(text.join('')).toBe('')
  })

  it('runs as a process, also under an older Node, with the same codes', async () => {
    const exit = async (...parameters: string[]): Promise<number | null> => {
      const child = spawn(BIN, parameters, { stdio: 'ignore' })
      return await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
    }
    expect(await Promise.all([exit('--help'), exit('nonsense'), exit('plan', join(directory, 'none.onnx'))])).toEqual([0, 2, 1])
  })
})

describe('slytherin init', () => {
  it('makes identity, keystore and key file, prints the peer id and a roster line', async () => {
    const state = join(directory, 'hospital-a')
    const { code, out } = await slytherin(
      'init',
      '--directory',
      state,
      '--role',
      'key-holder',
      '--role',
      'querier',
      '--address',
      '/dns4/a/tcp/4001'
    )
    expect(code).toBe(0)
    const peer = /12D3KooW\w+/.exec(out)![0]
    expect(out).toContain(`- { name: hospital-a, peerId: ${peer}, roles: [key-holder, querier], addresses: [/dns4/a/tcp/4001] }`)
    for (const file of [join(state, 'identity.json'), join(state, 'keystore.json'), `${state}.key`])
      expect((await stat(file)).mode & 0o777, file).toBe(0o600)
    const again = await slytherin('init', '--directory', state)
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('FileExistsError') })
    expect(await readFile(join(state, 'identity.json'), 'utf8')).toContain(peer)
  })

  it('takes a passphrase from the environment or a file, and one source only', async () => {
    const file = join(directory, 'pass')
    await writeFile(file, 'a long passphrase\n', { mode: 0o600 })
    const { out } = await slytherin('init', '-d', join(directory, 'a'), '--passphrase-file', file, '--json')
    expect(JSON.parse(out)).toEqual({
      name: 'a',
      peerId: expect.stringMatching(/^12D3KooW/),
      roles: ['key-holder'],
      addresses: [],
      directory: join(directory, 'a')
    })
    const unset = await slytherin('init', '-d', join(directory, 'b'), '--passphrase-environment', 'SLYTHERIN_NOT_SET')
    expect(unset).toMatchObject({ code: 1, err: expect.stringContaining('it holds no passphrase') })
    const both = await slytherin('init', '-d', join(directory, 'b'), '--passphrase-file', file, '--key-file', 'x')
    expect(both.code).toBe(2)
  })
})

describe('slytherin roster check', () => {
  it('reads the configuration without a passphrase, and says who answers', async () => {
    const cohort = await Cohort.make({ roles: { alice: ['evaluator', 'model-owner'], bob: ['key-holder', 'querier'] } })
    try {
      const { alice, bob } = cohort.members
      const plain = await slytherin('roster', 'check', '--config', bob!.file)
      expect(plain.code).toBe(0)
      expect(plain.out).toContain(`bob                  ${bob!.peer}  key-holder, querier  this party`)
      const silent = await slytherin('roster', 'check', '--config', bob!.file, '--connect', '--seconds', '0.5')
      expect(silent).toMatchObject({ code: 1, out: expect.stringContaining('DOES NOT ANSWER') })
      const [a, b] = await Promise.all([alice!, bob!].map(({ file }) => slytherin('roster', 'check', '--config', file, '--connect')))
      expect([a!.code, b!.code]).toEqual([0, 0])
      expect(b!.out).toMatch(/alice .* answers/)
      await writeFile(
        bob!.file,
        (await readFile(bob!.file, 'utf8')).replaceAll(bob!.peer, '12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2')
      )
      expect(await slytherin('roster', 'check', '--config', bob!.file)).toMatchObject({ code: 2, err: expect.stringContaining(bob!.peer) })
    } finally {
      await cohort.remove()
    }
  })
})

interface Approximated {
  readonly steps: readonly { readonly kind: string }[]
  readonly architecture: { readonly layers: readonly { readonly kind: string; readonly coefficients?: readonly number[] }[] }
}

describe('slytherin plan', () => {
  const model = join(MODELS, 'onnx', 'cryptonet-square.onnx')
  const small = join(MODELS, 'onnx', 'breast-cancer-wdbc-mlp-square.onnx')

  it('prints a plan for a model with a manifest, as text and as JSON', async () => {
    const text = await slytherin('plan', model, '--reference-costs', '--batch', '64', '--minimum-refreshes', '1')
    expect(text).toMatchObject({ code: 0, err: '' })
    expect(text.out).toContain('128-bit security')
    const json = await slytherin('plan', small, '--reference-costs', '--batch', '64', '--parties', '5', '--threshold', '3', '--json')
    expect(JSON.parse(json.out)).toMatchObject({ version: 5, parties: 5, threshold: 3, batch: 64 })
    // fewer keys than any plan takes
    const keyless = await slytherin('plan', small, '--reference-costs', '--key-megabytes', '0.001')
    expect(keyless).toMatchObject({ code: 1, err: expect.stringContaining('evaluation keys') })
  })

  it('plans into a key epoch, says which keys it lacks, and where it does not do', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-epoch-'))
    try {
      const planned = ['plan', small, '--reference-costs', '--batch', '16']
      const alone = JSON.parse((await slytherin(...planned, '--parties', '3', '--threshold', '2', '--json')).out)
      const { parameters, floodingBits, maximumDecryptions, relinearizationLevel, galoisKeys: galois } = alone
      const terms = { parameters, floodingBits, maximumDecryptions, relinearizationLevel, galois }
      const file = async (name: string, content: unknown): Promise<string> => {
        await writeFile(join(directory, name), JSON.stringify(content))
        return join(directory, name)
      }
      const whole = await file('whole.json', terms)
      const again = await slytherin(...planned, '--parties', '3', '--threshold', '2', '--epoch', whole)
      expect(again).toMatchObject({ code: 0, err: '' })
      expect(again.out).toContain('2 of 3 key holders')
      expect(again.out).toMatch(/^epoch {6}has every key$/m)
      // with no rotation at all: without one of them another plan may do
      const proposal = { ...terms, galois: [], threshold: 2, holders: [{}, {}, {}, {}] }
      const fewer = await slytherin(...planned, '--epoch', await file('record.json', { kind: 'epoch', proposal }))
      expect(fewer.out).toContain('2 of 4 key holders')
      const lacking = /^epoch {6}lacks (\d+) key\(s\): (.*)$/m.exec(fewer.out)!
      expect(Number(lacking[1])).toBeGreaterThan(0)
      expect(lacking[2]!.split(', ').every(key => /^element \d+ at level \d+$/.test(key))).toBe(true)
      const short = {
        ...terms,
        parameters: { ...parameters, primes: parameters.primes.slice(0, 3) },
        relinearizationLevel: null,
        galois: []
      }
      expect(await slytherin(...planned, '--epoch', await file('short.json', short))).toMatchObject({
        code: 1,
        err: expect.stringMatching(/in this key epoch: .*plan it into an epoch of/)
      })
      expect(await slytherin(...planned, '--epoch', await file('none.json', { parameters }))).toMatchObject({
        code: 1,
        err: expect.stringContaining('none.json')
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('measures on the data that the manifest names, where they lie beside it, and otherwise takes its ranges', async () => {
    const options = ['--reference-costs', '--batch', '64', '--json']
    const measured = await slytherin('plan', small, ...options)
    expect(JSON.parse(measured.out).architecture.layers[0].norms).toBeDefined()
    const manifest = join(directory, 'ranges-only.json')
    await writeFile(manifest, await readFile(join(MODELS, 'manifest.json')))
    const ranged = await slytherin('plan', small, ...options, '--manifest', manifest)
    expect(JSON.parse(ranged.out).architecture.layers[0].norms).toBeUndefined()
  })

  it.each([
    ['both', { data: 'encrypted', weights: 'encrypted' }, 3],
    ['data', { data: 'encrypted', weights: 'clear' }, 1],
    ['model', { data: 'clear', weights: 'encrypted' }, 1]
  ])('plans for scenario %s', async (scenario, operands, parties) => {
    const { out } = await slytherin('plan', small, '--reference-costs', '--batch', '4', '--scenario', scenario, '--json')
    expect(JSON.parse(out)).toMatchObject({ operands, parties })
  })

  it('says what workers of a fleet make of it', async () => {
    const { out } = await slytherin('plan', small, '--reference-costs', '--batch', '4', '--workers', '8')
    expect(out).toMatch(/^workers {4}8, LAN: samples to answers/m)
    expect(await slytherin('plan', small, '--workers', '0')).toMatchObject({ code: 2 })
  })

  it('counts with measured costs, which it keeps, and with those of a file', async () => {
    const file = join(directory, 'costs.json')
    const planned = async (...options: string[]): Promise<{ costs: { model: string } }> => {
      const { code, out, err } = await slytherin('plan', small, '--batch', '4', '--json', ...options)
      expect({ code, err }).toEqual({ code: 0, err: '' })
      return JSON.parse(out) as { costs: { model: string } }
    }
    const measured = await planned('--calibrate', '--costs', file)
    expect(measured.costs.model).toMatch(/^kernel, \d+ threads?, measured [0-9a-f]{8}$/)
    expect(await planned('--costs', file)).toEqual(measured)
    expect((await planned('--reference-costs')).costs.model).toBe('kernel')
    await writeFile(file, '{"basis":{}}')
    expect(await slytherin('plan', model, '--costs', file)).toMatchObject({ code: 1, err: expect.stringContaining('--calibrate') })
    expect(await slytherin('plan', model, '--costs', file, '--reference-costs')).toMatchObject({ code: 2 })
  })

  it('keeps the costs of the user until machine or software change', async () => {
    const path = join(directory, 'cache', 'costs.json')
    const basis = costBasis({ evaluator: 'kernel', kernel: 'simd', threads: 2 })
    expect(await readMeasuredCosts(path, basis)).toBeUndefined()
    await writeCosts(path, basis, KERNEL_COSTS)
    expect(await readMeasuredCosts(path, basis)).toEqual(KERNEL_COSTS)
    for (const other of [{ threads: 1 }, { kernel: 'fallback' }, { node: 'v1' }, { processor: 'abacus' }, { software: '9' }]) {
      expect(await readMeasuredCosts(path, { ...basis, ...other })).toBeUndefined()
    }
    await writeFile(path, 'nonsense')
    expect(await readMeasuredCosts(path, basis)).toBeUndefined()
  })

  it('measures ranges on images', async () => {
    const images = join(MODELS, 'data', 'mnist-t10k-images-idx3-ubyte.gz')
    const { code, out } = await slytherin(
      'plan',
      model,
      '--reference-costs',
      '--samples',
      images,
      '--count',
      '8',
      '--scale',
      String(1 / 255),
      '--batch',
      '8'
    )
    expect(code).toBe(0)
    expect(out).toContain('batch of 8')
  })

  it('measures on all samples of a file that has few', async () => {
    const file = join(directory, 'few.csv')
    const row = new Array(30).fill('0.5').join(',')
    await writeFile(file, `${row}\n${row}\n${row}\n`)
    expect(await slytherin('plan', small, '--reference-costs', '--samples', file, '--batch', '2')).toMatchObject({ code: 0 })
    const tooMany = await slytherin('plan', small, '--reference-costs', '--samples', file, '--count', '4')
    expect(tooMany).toMatchObject({ code: 1, err: expect.stringContaining('samples should be at least 4, got 3') })
  })

  it('approximates activations, as it is told', async () => {
    const model = join(MODELS, 'onnx', 'wine-two-silu.onnx')
    // With clear weights, a search of plans around two polynomials of this degree is short.
    for (const [method, degree, kind, scenario] of [
      ['fit', '2', 'square', 'both'],
      ['minimax', '6', 'polynomial', 'data']
    ] as const) {
      const options = ['--approximation', method, '--degree', degree, '--batch', '2', '--scenario', scenario, '--json']
      const { code, out, err } = await slytherin('plan', model, '--reference-costs', ...options)
      expect({ code, err }).toEqual({ code: 0, err: '' })
      const { steps, architecture } = JSON.parse(out) as Approximated
      expect(steps.filter(step => step.kind === kind)).toHaveLength(2)
      const polynomials = architecture.layers.filter(layer => layer.kind === 'polynomial')
      expect(polynomials.map(({ coefficients }) => coefficients!.length)).toEqual(kind === 'polynomial' ? [7, 7] : [])
    }
    expect(await slytherin('plan', model, '--reference-costs', '--approximation', 'guess')).toMatchObject({ code: 2 })
  })

  describe('tells what answers mean', () => {
    const planned = async (name: string, ...options: string[]) =>
      await slytherin('plan', join(MODELS, 'onnx', `${name}.onnx`), '--reference-costs', '--batch', '4', '--scenario', 'data', ...options)

    it('of a regression: values, and R² in place of a share of classes', async () => {
      const { code, out } = await planned('diabetes-regression')
      expect(code).toBe(0)
      expect(out).toMatch(/^answers {4}regression: 1 value\(s\) in the units of the data$/m)
      expect(out).toMatch(/^activation 'act1': tanh by fit of degree \d+ on /m)
      expect(out).toMatch(/^agreement {2}of the polynomial network with the file's: R² 0\.99\d\d on 353 samples/m)
    })

    it('of classes: the names that the file has for them', async () => {
      const { code, out } = await planned('wine-labels')
      expect(code).toBe(0)
      expect(out).toMatch(/^answers {4}classification: one of barbera, barolo, grignolino(, after .*softmax.*)?$/m)
      expect(out).not.toContain('agreement')
    })

    it('of a probability: its threshold, which can be another', async () => {
      expect((await planned('breast-cancer-sigmoid')).out).toMatch(/^answers {4}binary: 0, or 1 above 0\.5, after sigmoid$/m)
      expect((await planned('breast-cancer-sigmoid', '--decision-threshold', '0.2')).out).toMatch(
        /^answers {4}binary: 0, or 1 above 0\.2, after/m
      )
      expect(await planned('diabetes-regression', '--decision-threshold', '3')).toMatchObject({
        code: 1,
        err: expect.stringContaining('threshold')
      })
    })

    it('as the command says, where the file leaves it open', async () => {
      const { out } = await planned('diabetes-regression', '--task', 'binary', '--decision-threshold', '100')
      expect(out).toMatch(/^answers {4}binary: 0, or 1 above 100$/m)
      expect(out).toMatch(/^agreement .* % of the predictions on 353 samples/m)
      expect(await planned('diabetes-regression', '--task', 'classification')).toMatchObject({ code: 1 })
      expect(await planned('diabetes-regression', '--task', 'guessing')).toMatchObject({ code: 2 })
    })

    it('with few samples, that they are few', async () => {
      const samples = ['--samples', join(MODELS, 'data', 'diabetes-regression-train-x.npy'), '--count', '20']
      expect((await planned('diabetes-regression', ...samples, '--degree', '3')).out).toMatch(/ on 20 samples, which are few: /)
    })
  })

  it('plans for the precision that is asked for, or refuses', async () => {
    const file = join(MODELS, 'onnx', 'wine-labels.onnx')
    const planned = async (...options: string[]) =>
      await slytherin('plan', file, '--reference-costs', '--batch', '4', '--scenario', 'data', ...options)
    const json = async (...options: string[]) => JSON.parse((await planned('--json', ...options)).out).precision
    expect((await json()).relativeError).toBeGreaterThan(2 ** -14)
    expect((await json('--precision', '16')).relativeError).toBeLessThanOrEqual(1.01 * 2 ** -16)
    expect((await json('--logit-error', '0.0002')).worstError).toBeLessThanOrEqual(1.01 * 0.0002)
    expect(await planned('--precision', '16', '--logit-error', '0.1')).toMatchObject({ code: 2 })
    expect(await planned('--precision', '59')).toMatchObject({ code: 1, err: expect.stringMatching(/precision/) })
  })

  it('says what is wrong with a file', async () => {
    expect(await slytherin('plan', join(directory, 'none.onnx'), '--reference-costs', '--manifest', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT')
    })
    const broken = join(directory, 'cryptonet-square.onnx')
    await writeFile(broken, 'not a model')
    expect(await slytherin('plan', broken, '--reference-costs', '--manifest', join(MODELS, 'manifest.json'))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/Error: .+/)
    })
    expect(await slytherin('plan', broken, '--reference-costs')).toMatchObject({ code: 1, err: expect.stringContaining('manifest.json') })
  })
})

describe('logs', () => {
  it('never hold what could be a secret', () => {
    const lines: string[] = []
    const destination = { write: (line: string) => void lines.push(line) }
    for (const readable of [true, false]) {
      const logger = createLogger('a', { level: 'info', readable, destination })
      logger
        .child({ component: 'x' })
        .info({ passphrase: 'hunter2', options: { secretSeed: 'cafebabe', shareKey: 'deadbeef' }, peer: 'visible' }, 'started')
      logger.error({ error: new Error('what happened') }, 'failed')
    }
    expect(lines).toHaveLength(4)
    expect(lines.join('')).not.toMatch(/hunter2|cafebabe|deadbeef/)
    expect(lines.join('')).toContain('visible')
    expect(lines.join('')).toContain('what happened')
    expect(lines[0]).toMatch(/INFO {2}a x started/)
  })
})
