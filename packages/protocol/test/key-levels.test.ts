/** Evaluation keys are made for the plan's levels and no others, and not at all where the plan needs none. */
import { Context, Parameters } from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import { SEAL_COSTS } from '@slytherin/engine'
import { GaloisKeyGeneration, InMemoryShareLedger, RelinearizationKeyGeneration } from '@slytherin/mhe'
import { LocalCryptography, MemorySessionSecrets, messageSizes, type Plan, type Role } from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import { realSamples, realSession, relativeError, SMALL_RING, wdbcPlan } from './support/real-session.js'

const SESSION = new Uint8Array(32).fill(7)

async function party(plan: Plan, roles: Role[]): Promise<LocalCryptography> {
  const cryptography = await LocalCryptography.create({
    allowInsecure: true,
    ledger: new InMemoryShareLedger(),
    secrets: new MemorySessionSecrets()
  })
  const { floodingBits, maximumDecryptions } = plan
  await cryptography.open({ sessionId: SESSION, plan, parties: 1, floodingBits, maximumDecryptions, maximumRefreshes: 100, roles })
  return cryptography
}

describe('keys at the levels of the plan', async () => {
  const plan = await wdbcPlan({ ...SMALL_RING, data: 'encrypted', weights: 'encrypted', parties: 1, batch: 8, minimumRefreshes: 1 })
  const context = Context.create(Parameters.fromJSON(plan.parameters, { allowInsecure: true }), await loadKernel(), { parties: 1 })
  const { maxLevel } = context.parameters
  const relinearizationLevel = plan.relinearizationLevel!
  const { element, level } = plan.galoisKeys.find(key => key.level < maxLevel)!

  it('have shares of just the size of their level, within the bounds of messages', async () => {
    const holder = await party(plan, ['key-holder'])
    const sizes = messageSizes(plan)
    const lengths = new Set<number>()
    for (const key of plan.galoisKeys) {
      const share = await holder.galoisShare(key.element)
      expect(share.length).toBe(new GaloisKeyGeneration(context, SESSION, key.level).format.serializedLength(key.level))
      expect(share.length).toBeLessThanOrEqual(sizes.galoisShare)
      lengths.add(share.length)
    }
    expect(lengths.size).toBe(new Set(plan.galoisKeys.map(key => key.level)).size)
    const protocol = new RelinearizationKeyGeneration(context, SESSION, relinearizationLevel)
    const one = await holder.relinearizationShareOne()
    expect(one.length).toBe(protocol.formatOne.serializedLength(relinearizationLevel))
    expect(one.length).toBeLessThanOrEqual(sizes.relinearizationShare)
    await holder.close()
  })

  it('are given for no element beyond the plan, and summed for none', async () => {
    const both = await party(plan, ['key-holder', 'evaluator'])
    await expect(both.galoisShare(element + 2 ** 14)).rejects.toMatchObject({
      name: 'UnforeseenRequestError',
      request: 'galois',
      field: 'element'
    })
    const share = await both.galoisShare(element)
    await expect(both.addShare('galois', '1', 0, share)).rejects.toMatchObject({ name: 'SessionStateError' })
    await both.close()
  })

  it('are not made of a share for another level', async () => {
    const both = await party(plan, ['key-holder', 'evaluator'])
    const { format } = new GaloisKeyGeneration(context, SESSION, level + 1)
    const bytes = new Uint8Array(format.serializedLength(level + 1))
    await expect(both.addShare('galois', String(element), 0, bytes)).rejects.toMatchObject({ name: 'MalformedShareError', field: 'length' })
    const labelled = (await both.galoisShare(element)).slice()
    labelled[7] = level + 1
    await expect(both.addShare('galois', String(element), 0, labelled)).rejects.toMatchObject({
      name: 'MalformedShareError',
      field: 'level'
    })
    await both.close()
  })
})

it('stock SEAL evaluates with keys for the levels of the plan', async () => {
  const session = await realSession({
    roles: { clinic: ['evaluator'], first: ['key-holder'], second: ['key-holder', 'model-owner'], patient: ['querier', 'data-owner'] },
    planning: { ...SMALL_RING, batch: 4, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1, costModel: SEAL_COSTS },
    evaluator: context => SealEvaluator.create(context)
  })
  const asked = realSamples(4)
  const run = session.coordinator.run()
  const patient = session.party('patient')
  expect(relativeError(session, asked, await patient.query(asked))).toBeLessThan(0.01)
  await patient.leave()
  await run
  const top = session.plan().parameters.primes.length - 1
  expect(session.plan().galoisKeys.some(({ level }) => level < top)).toBe(true)
  expect(session.refused).toEqual([])
})

describe('a plan without products of ciphertexts', () => {
  const planning = { batch: 4, data: 'encrypted', weights: 'clear' } as const

  it('makes no relinearisation key, and its key holders give no share of one', async () => {
    const session = await realSession({
      roles: { company: ['model-owner', 'evaluator'], hospital: ['key-holder', 'data-owner', 'querier'] },
      planning,
      model: 'breast-cancer-wdbc-logreg'
    })
    const asked = realSamples(3)
    const run = session.coordinator.run()
    const hospital = session.party('hospital')
    expect(relativeError(session, asked, await hospital.query(asked))).toBeLessThan(0.01)
    expect(session.plan().relinearizationLevel).toBeNull()
    expect(session.wire.seen.some(({ header }) => header.kind.startsWith('relinearization'))).toBe(false)
    for (const [kind, body] of [
      ['relinearizationCommit', {}],
      ['relinearizationTwo', {}]
    ] as const) {
      const error = await session.wire.send('company', 'hospital', kind, body).then(
        () => undefined,
        (reason: unknown) => reason
      )
      expect(error).toMatchObject({ remote: { code: expect.stringMatching(/malformed-message|oversized-message/), kind } })
    }
    await hospital.leave()
    await run
  })

  it('has parties that could neither give nor sum one', async () => {
    const both = await party(
      await wdbcPlan({ ...planning, parties: 1, weights: 'encrypted', data: 'clear' }, 'breast-cancer-wdbc-logreg'),
      ['key-holder', 'evaluator']
    )
    await expect(both.relinearizationShareOne()).rejects.toMatchObject({ name: 'UnforeseenRequestError', request: 'relinearization' })
    await expect(both.addRelinearizationShareOne(0, new Uint8Array(8))).rejects.toMatchObject({ name: 'UnforeseenRequestError' })
    await expect(both.relinearizationShareTwo()).rejects.toMatchObject({ name: 'UnforeseenRequestError' })
    await expect(both.addShare('relinearization-1', '', 0, new Uint8Array(8))).rejects.toMatchObject({ name: 'SessionStateError' })
    await expect(both.finishKey('relinearization-2', '')).rejects.toMatchObject({ name: 'SessionStateError' })
    await both.close()
  })
})
