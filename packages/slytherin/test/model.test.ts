import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { architectureOf, calibrate, evaluate, fuse, InvalidInputError, importOnnx, plan } from '@slytherin/engine'
import { readNpy, readNpz } from '@slytherin/node'
import { loadKernel } from '@slytherin/ring'
import { describePlan, Model, NotPlannedError } from 'slytherin'
import { describe, expect, it } from 'vitest'
import { onnxruntime } from '../../engine/test/onnx-model.ts'
import { OwnKey } from '../src/own-key.js'

const models = new URL('../../../models/', import.meta.url)
const pathOf = (name: string): string => fileURLToPath(new URL(`onnx/${name}.onnx`, models))

async function rowsOf(name: string, count: number): Promise<Float64Array[]> {
  const array = readNpy(await readFile(new URL(`data/${name}.npy`, models)), name)
  return Array.from({ length: count }, (_, row) => Float64Array.from({ length: array.columns }, (_, column) => array.value(row, column)))
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, k) => Math.max(most, Math.abs(value - b[k]!)), 0)

describe('a model, its plan, its predictions', () => {
  it('gives what onnxruntime gives, within six deviations of what it says, batch after batch', async () => {
    const name = 'breast-cancer-wdbc-mlp-square'
    const rows = await rowsOf('breast-cancer-wdbc-test-x', 11)
    const [expected] = Object.values(await onnxruntime(await readFile(pathOf(name)), rows, [30]))
    await using model = await Model.load(pathOf(name))
    expect(model.inputShape).toEqual([30])
    const agreed = await model.plan({ samples: await rowsOf('breast-cancer-wdbc-train-x', 200), batch: 8 })
    expect(agreed).toMatchObject({ parties: 1, batch: 8, operands: { data: 'encrypted', weights: 'clear' } })
    expect(describePlan(agreed)).toContain('N = 2^')
    expect(model.approximation.activations).toEqual([])
    const layers = new Set<string>()
    const answers = await model.predict(rows, { onProgress: ({ layer }) => layers.add(layer) })
    expect(layers.size).toBeGreaterThan(1)
    expect(answers).toHaveLength(11)
    answers.forEach(({ outputs, prediction, deviations }, row) => {
      const tolerance = 6 * (deviations?.[0] ?? agreed.precision.worstError) + 1e-4
      expect(worst(outputs, expected![row]!)).toBeLessThan(tolerance)
      expect(worst(outputs, expected![row]!)).toBeGreaterThan(0)
      if (expected![row]!.length === 1 && prediction === 0) expect(expected![row]![0]!).toBeLessThan(tolerance)
    })
  })

  it('approximates activations, takes bytes, encrypts weights when it is asked to; classes by their names', async () => {
    const onnx = await readFile(pathOf('wine-labels'))
    const rows = await rowsOf('wine-labels-test-x', 6)
    await using model = await Model.load(onnx)
    await model.plan({ samples: await rowsOf('wine-labels-train-x', 120), batch: 6, weights: 'encrypted' })
    const answers = await model.predict(rows)
    const { labels } = model.graph.task
    answers.forEach(({ prediction, nearTie }, row) => {
      const logits = evaluate(model.graph, rows[row]!)
      expect(nearTie).toBe(false)
      expect(prediction).toBe(labels![logits.indexOf(Math.max(...logits))])
    })
  })

  it.each(['Softmax', 'Sigmoid'])('gives what the file gives where a sigmoid stands before a final %s', async last => {
    const [x, right] = (await Promise.all(
      ['x', 'right'].map(async part => readNpy(await readFile(new URL(`cases/crafted-Sigmoid-${last}-${part}.npy`, models)), part))
    )) as [ReturnType<typeof readNpy>, ReturnType<typeof readNpy>]
    const row = (array: typeof x, k: number): Float64Array =>
      Float64Array.from({ length: array.columns }, (_, column) => array.value(k, column))
    const rows = Array.from({ length: x.rows }, (_, k) => row(x, k))
    await using model = await Model.load(fileURLToPath(new URL(`cases/crafted-Sigmoid-${last}.onnx`, models)))
    await model.plan({ samples: rows })
    const answers = await model.predict(rows)
    answers.forEach(({ outputs }, k) => {
      // without the first sigmoid they would be wrong by a third
      expect(worst(outputs, row(right, k))).toBeLessThan(0.05)
    })
  })

  it('takes inputs by name and answers by the names of the outputs, encrypted as in the clear', async () => {
    const file = (ending: string): URL => new URL(`cases/torch-default-two-inputs-two-outputs${ending}`, models)
    const array = readNpy(await readFile(file('-x.npy')), 'x')
    const all = Array.from({ length: array.rows }, (_, row) => Float64Array.from({ length: 39 }, (__, column) => array.value(row, column)))
    const rows = all.slice(0, 4).map(row => ({ table: row.slice(36), image: row.slice(0, 36) }))
    await using model = await Model.load(fileURLToPath(file('.onnx')))
    await model.plan({ samples: all, batch: 4, approximation: { degree: 7 } })
    const right = await readFile(file('-right.npz'))
    const [kinds, ages] = ['kind', 'age'].map(name => readNpz(right, 'right', name)) as [
      ReturnType<typeof readNpz>,
      ReturnType<typeof readNpz>
    ]
    const answers = await model.predict(rows)
    answers.forEach(({ parts }, row) => {
      expect(parts!.map(({ name }) => name)).toEqual(['kind', 'age'])
      const scores = [0, 1, 2].map(column => kinds.value(row, column))
      expect(worst(parts![0]!.outputs, scores)).toBeLessThan(0.03)
      expect(parts![0]!.prediction).toBe(scores.indexOf(Math.max(...scores)))
      expect(Math.abs(Number(parts![1]!.prediction) - ages.value(row, 0))).toBeLessThan(0.1)
    })
    await expect(model.predict([{ image: rows[0]!.image }])).rejects.toThrow(InvalidInputError)
  })

  it('has no predictions without a plan, and none for rows that are not what the plan takes; both leave it as it was', async () => {
    await using model = await Model.load(pathOf('breast-cancer-wdbc-logreg'))
    const rows = await rowsOf('breast-cancer-wdbc-test-x', 2)
    await expect(model.predict(rows)).rejects.toThrow(NotPlannedError)
    expect(() => model.approximation).toThrow(NotPlannedError)
    await model.plan({ samples: rows, batch: 2 })
    await expect(model.predict([rows[0]!.subarray(1)])).rejects.toThrow(InvalidInputError)
    await expect(model.predict(rows, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect(await model.predict(rows)).toHaveLength(2)
    expect(await model.predict([])).toEqual([])
  })
})

it('a plan with a refresh is refreshed with the own key, and all memory comes back', async () => {
  const network = fuse(importOnnx(await readFile(pathOf('breast-cancer-wdbc-mlp-square'))))
  const rows = await rowsOf('breast-cancer-wdbc-test-x', 4)
  const planned = plan(architectureOf(network, calibrate(network, rows)), {
    batch: 4,
    data: 'encrypted',
    weights: 'clear',
    parties: 1,
    minimumRefreshes: 1
  })
  expect(planned.refreshes.length).toBeGreaterThan(0)
  await using kernel = await loadKernel()
  using key = new OwnKey(kernel, planned, network)
  const { logits, deviation } = await key.evaluate(rows)
  for (const [k, row] of rows.entries()) expect(worst(logits[k]!, network.forward(row))).toBeLessThan(6 * deviation)
  key.dispose()
  expect(kernel.bytesInUse).toBe(0)
})
