/** Inputs that whoever holds the whole key encrypts with it, in sessions with the real cryptography. */
import { SealEvaluator } from '@slytherin/ckks/seal'
import { InMemoryShareLedger } from '@slytherin/mhe'
import { decodeBody, LocalCryptography, MemorySessionSecrets, messageSizes, type Role } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type RealSession, realSamples, realSession, relativeError, SMALL_RING, wdbcPlan } from './support/real-session.js'

const ROLES: Record<string, Role[]> = {
  company: ['model-owner', 'evaluator'],
  hospital: ['key-holder', 'data-owner', 'querier']
}
const PLANNING = { batch: 4, data: 'encrypted', weights: 'clear', seededInputs: true } as const

/** Inputs as they travelled. */
function inputsOf(session: RealSession): Uint8Array[] {
  const sizes = messageSizes(session.plan())
  return session.wire.seen
    .filter(({ header }) => header.kind === 'queryInput')
    .map(({ header, from }) => decodeBody('queryInput', header.body, sizes, from).ciphertext)
}

async function ask(session: RealSession, batches: number): Promise<number> {
  const asked = realSamples(4 * batches)
  const run = session.coordinator.run()
  const hospital = session.party('hospital')
  const error = relativeError(session, asked, await hospital.query(asked))
  await hospital.leave()
  await run
  expect(session.refused).toEqual([])
  return error
}

describe('inputs encrypted with the whole key', () => {
  it.each([
    ['clear', undefined],
    ['clear, computed by stock SEAL', SealEvaluator.create.bind(SealEvaluator)]
  ] as const)('are answered, model %s, and never have one seed twice', async (_, evaluator) => {
    const session = await realSession({
      roles: ROLES,
      planning: { ...PLANNING, minimumRefreshes: 1 },
      queries: 2,
      ...(evaluator === undefined ? {} : { evaluator })
    })
    expect(await ask(session, 2)).toBeLessThan(0.01)
    const inputs = inputsOf(session)
    const { inputs: planned, batchBlocks, refreshes } = session.plan()
    expect(inputs).toHaveLength(2 * planned.count * batchBlocks)
    expect(refreshes.length).toBeGreaterThan(0)
    const seeds = inputs.map(bytes => Buffer.from(bytes.subarray(48, 80)).toString('hex'))
    expect(new Set(seeds).size).toBe(inputs.length)
  })

  it('are answered with an encrypted model', async () => {
    const session = await realSession({
      roles: { company: ['model-owner'], cloud: ['evaluator'], hospital: ['key-holder', 'data-owner', 'querier'] },
      planning: { ...PLANNING, ...SMALL_RING, weights: 'encrypted' }
    })
    expect(await ask(session, 1)).toBeLessThan(0.01)
  })

  it('end a session before it begins where somebody else may ask', async () => {
    const session = await realSession({ roles: { ...ROLES, clinic: ['data-owner', 'querier'] }, planning: PLANNING })
    await expect(session.coordinator.run()).rejects.toThrow(/plan\.inputs\.seeded/)
  })
})

describe('the cryptography of such inputs', () => {
  const session = async (roles: Role[]) => {
    const plan = await wdbcPlan({ ...PLANNING, parties: 1, floodingBits: 30 })
    const sessionId = new Uint8Array(32).fill(7)
    const flooding = { floodingBits: plan.floodingBits, maximumDecryptions: plan.maximumDecryptions, maximumRefreshes: 8 }
    return { sessionId, plan, parties: 1, ...flooding, roles }
  }
  const holder = async () => await LocalCryptography.create({ ledger: new InMemoryShareLedger(), secrets: new MemorySessionSecrets() })

  it('refuses a party without the key, and one whose key is not the public one', async () => {
    await using parties = new AsyncDisposableStack()
    const make = async (made: Promise<LocalCryptography>, roles: Role[]): Promise<LocalCryptography> => {
      const party = parties.adopt(await made, async each => await each.dispose())
      await party.open(await session(roles))
      return party
    }
    const mine = await make(holder(), ROLES['hospital']!)
    const other = await make(holder(), ROLES['hospital']!)
    const none = await make(LocalCryptography.create(), ['data-owner', 'querier'])
    const share = await mine.publicKeyShare()
    for (const party of [mine, other, none]) await party.setPublicKey([share.slice()])
    await expect(none.openQuery(realSamples(1), 'query')).rejects.toThrow(/does not hold/)
    await expect(other.openQuery(realSamples(1), 'query')).rejects.toMatchObject({ name: 'NotWholeKeyError' })
    const inputs = await mine.openQuery(realSamples(1), 'query')
    const [first, again] = [await inputs.encryptInput(0), await inputs.encryptInput(0)]
    expect(first.length).toBeLessThan(messageSizes((await session([])).plan).input)
    // what is asked for once more is encrypted under another seed
    expect(first.subarray(48, 80)).not.toEqual(again.subarray(48, 80))
  })
})
