/** Scenarios on data of one's own: what the command line says of them, labels that are there or not, classes by name. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'
import { readIdx, readNpy } from '@slytherin/node'
import { clearReference, loadReference, loadScenario, partiesOf, ScenarioFileError } from '@slytherin/scenarios'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const models = fileURLToPath(new URL('../../models/', import.meta.url))
const scenario = fileURLToPath(new URL('../encrypted-data.yaml', import.meta.url))
const SMALL = 'breast-cancer-wdbc-mlp-square'
const DIGITS = 'nought one two three four five six seven eight nine'.split(' ')

/** A square grey image of eight bits: header, rows with a filter byte each, end. */
function greyPng(side: number, pixels: Uint8Array): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    checksum.writeUInt32BE(crc32(typed))
    return Buffer.concat([length, typed, checksum])
  }
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 0, 0, 0, 0])
  const rows = Array.from({ length: side }, (_, row) => [0, ...pixels.subarray(row * side, (row + 1) * side)])
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  const data = deflateSync(Buffer.from(rows.flat()))
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

describe('a scenario on own data', () => {
  let folder: string
  let truth: string[]
  const path = (name: string): string => join(folder, name)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slytherin-own-scenario-'))
    const [x, y] = await Promise.all(
      ['x', 'y'].map(async part => readNpy(await readFile(`${models}data/breast-cancer-wdbc-test-${part}.npy`), part))
    )
    const rows = Array.from({ length: x!.rows }, (_, row) => Array.from({ length: x!.columns }, (_unused, column) => x!.value(row, column)))
    truth = rows.map((_, row) => (y!.value(row, 0) === 1 ? 'malignant' : 'benign'))
    const heading = [...rows[0]!.map((_, column) => `feature ${column}`), 'diagnosis']
    await writeFile(path('rows.csv'), [heading, ...rows.map((row, k) => [...row, truth[k]])].map(line => line.join(',')).join('\n'))
    await writeFile(path('rows.json'), JSON.stringify(rows))
    const [images, labels] = await Promise.all(
      ['images-idx3', 'labels-idx1'].map(async part => readIdx(await readFile(`${models}data/mnist-t10k-${part}-ubyte.gz`), part))
    )
    for (let row = 0; row < 90; row++) {
      const name = DIGITS[labels!.value(row, 0)]!
      await mkdir(path(`digits/${name}`), { recursive: true })
      const data = Uint8Array.from({ length: 784 }, (_, column) => images!.value(row, column))
      await writeFile(path(`digits/${name}/${row}.png`), greyPng(28, data))
    }
  })
  afterAll(async () => await rm(folder, { recursive: true }))

  it('takes the class from a column by name, and tells it by name', async () => {
    const loaded = await loadScenario(scenario, { model: SMALL, data: path('rows.csv'), labelColumn: 'diagnosis' })
    // as many as the scenario asks about, and rows to calibrate on are left
    expect(loaded.images).toBe(Math.min(64, truth.length - (truth.length >> 1)))
    const clear = clearReference(await loadReference(loaded))
    expect(clear.labelled).toBe(true)
    expect(clear.labels).toEqual(truth.slice(0, loaded.images))
    expect(clear.network.task).toMatchObject({ kind: 'binary', labels: ['benign', 'malignant'] })
    const right = clear.logits.filter((row, k) => row[0]! > 0 === (truth[k] === 'malignant')).length
    expect(right / loaded.images).toBeGreaterThan(0.9)
  })

  it('does without a manifest: a single number with names for labels is one of two classes', async () => {
    const text = (await readFile(scenario, 'utf8')).replace(/^(model|manifest):.*$/gm, '').replace(/^images:.*$/m, 'images: 40')
    const data = 'data: { samples: rows.csv, label: diagnosis }'
    await writeFile(path('alone.yaml'), `${text}\nmodel: ${models}onnx/${SMALL}.onnx\n${data}\n`)
    const clear = clearReference(await loadReference(await loadScenario(path('alone.yaml'))))
    expect(clear.network.task).toMatchObject({ kind: 'binary', labels: ['benign', 'malignant'] })
    expect(clear.labels).toEqual(truth.slice(0, 40))
  })

  it('needs no labels: answers are then held against the clear network, and no accuracy is told', async () => {
    const loaded = await loadScenario(scenario, { model: SMALL, data: path('rows.json'), images: 8 })
    const clear = clearReference(await loadReference(loaded))
    expect(clear.labelled).toBe(false)
    expect(clear.labels).toEqual(clear.logits.map(row => (row[0]! > 0 ? 1 : 0)))
    expect(loaded.data.labels).toBeUndefined()
  })

  it('takes images from folders, whose names are the classes; the manifest says how the model wants pixels', async () => {
    const data = path('digits')
    const places = await loadScenario(scenario, { model: 'cryptonet-square', data, images: 20, task: { labels: [...DIGITS] } })
    const clear = clearReference(await loadReference(places))
    expect(clear.labels.slice(0, 10)).toEqual([...DIGITS].sort())
    expect(clear.logits.filter((row, k) => DIGITS[row.indexOf(Math.max(...row))] === clear.labels[k]).length).toBeGreaterThanOrEqual(19)
    const wrong = await loadScenario(scenario, { model: 'cryptonet-square', data, images: 20, task: { labels: ['cat', 'dog'] } })
    await expect(loadReference(wrong)).rejects.toThrow('names of the classes: expected 10 of them, got 2')
  })

  it('is refused with what to do', async () => {
    const unnamed = await loadScenario(scenario, { model: SMALL, data: path('digits'), images: 4 })
    await expect(loadReference(unnamed)).rejects.toThrow(/--classes|labels: \[a, b, c\]/)
    await expect(loadScenario(scenario, { model: 'cryptonet-sqare' })).rejects.toThrow('Did you mean "cryptonet-square"?')
    await writeFile(path('typo.yaml'), (await readFile(scenario, 'utf8')).replace(/^images:/m, 'imagse:'))
    const typo = loadScenario(path('typo.yaml'))
    await expect(typo).rejects.toThrow(ScenarioFileError)
    await expect(typo).rejects.toThrow('Did you mean "images"?')
    expect(partiesOf(await loadScenario(scenario, { data: path('digits'), images: 4 }))).toHaveLength(2)
  })
})
