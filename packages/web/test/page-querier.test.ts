import { readFile } from 'node:fs/promises'
import { InvalidInputError } from '@slytherin/engine'
import { EncryptedResultsError, PageQuerier } from '@slytherin/web'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCohort } from './support/cohort.js'

const rows = Array.from({ length: 3 }, (_, seed) => Float64Array.from({ length: 30 }, (_, k) => Math.sin(seed + 0.7 * k)))

describe('a querier as a page has it', () => {
  let cohort: TestCohort
  let querier: PageQuerier

  beforeAll(async () => {
    const onnx = await readFile(new URL('../../../models/onnx/breast-cancer-wdbc-logreg.onnx', import.meta.url))
    cohort = await TestCohort.create(onnx, rows, 4)
    querier = await PageQuerier.open({ plan: JSON.parse(JSON.stringify(cohort.plan)), publicKey: cohort.publicKey })
  })

  afterAll(async () => {
    await querier.dispose()
    await querier.dispose()
    await cohort.dispose()
  })

  it('encrypts under the collective key and reads what was switched to its own, within six deviations', async () => {
    const query = querier.encrypt(rows)
    const answers = query.read(await cohort.answer(query.inputs, querier.resultKey))
    expect(answers).toHaveLength(3)
    answers.forEach(({ outputs, deviations }, row) => {
      const error = Math.abs(outputs[0]! - cohort.network.forward(rows[row]!)[0]!)
      expect(error).toBeLessThan(6 * deviations![0]!)
      expect(error).toBeGreaterThan(0)
    })
  })

  it('encrypts the same rows to other bytes every time', () => {
    expect(querier.encrypt(rows).inputs[0]).not.toEqual(querier.encrypt(rows).inputs[0])
  })

  it('another page cannot read what is not for it', async () => {
    await using other = await PageQuerier.open({ plan: cohort.plan, publicKey: cohort.publicKey })
    const query = querier.encrypt(rows)
    const results = await cohort.answer(query.inputs, querier.resultKey)
    const errors = other
      .encrypt(rows)
      .read(results)
      .map(({ outputs }, row) => Math.abs(outputs[0]! - cohort.network.forward(rows[row]!)[0]!))
    // Uniform within thousands: that all three are near has a chance of 10^-7.
    expect(Math.max(...errors)).toBeGreaterThan(10)
  })

  it('refuses what comes from elsewhere and is not what it should be, naming it', async () => {
    const { plan, publicKey } = cohort
    await expect(PageQuerier.open({ plan: { ...plan, parties: 0 }, publicKey })).rejects.toMatchObject({ name: 'InvalidPlanError' })
    const insecure = { ...plan, parameters: { ...plan.parameters, logN: plan.parameters.logN - 1 } }
    await expect(PageQuerier.open({ plan: insecure, publicKey })).rejects.toThrow()
    await expect(PageQuerier.open({ plan, publicKey: publicKey.subarray(1) })).rejects.toMatchObject({ name: 'MalformedPublicKeyError' })
    const query = querier.encrypt(rows)
    expect(() => query.read([])).toThrow(EncryptedResultsError)
    expect(() => query.read([query.inputs[0]!.subarray(0, 100)])).toThrow(expect.objectContaining({ name: 'MalformedCiphertextError' }))
    expect(() => querier.encrypt([rows[0]!.subarray(1)])).toThrow(InvalidInputError)
    expect(() => querier.encrypt([...rows, ...rows])).toThrow(expect.objectContaining({ name: 'PlanMismatchError' }))
  })
})
