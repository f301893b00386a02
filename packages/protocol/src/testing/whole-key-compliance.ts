/** What a party's cryptography must do where one party holds the whole key: it re-encrypts, decrypts its own results, and gives no shares. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EvaluationCallbacks } from '../cryptography/evaluator.js'
import type { RefreshWholeRequest, SwitchRequest } from '../cryptography/key-holder.js'
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import { galoisElements, inputCount, outputCount, type Plan } from '../terms/plan.js'
import type { Role } from '../terms/roster.js'
import type { CryptographyHarness } from './cryptography-harness.js'

const ROLES: Record<'holder' | 'querier' | 'clinic', Role[]> = {
  holder: ['key-holder', 'model-owner', 'data-owner', 'querier'],
  querier: ['querier'],
  clinic: ['evaluator']
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => new Error('it worked'),
    (error: unknown) => error
  )
}

const same = (one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean =>
  one.length === other.length &&
  one.every((bytes, i) => bytes.length === other[i]!.length && bytes.every((byte, k) => byte === other[i]![k]))

/** Registers the suite. The harness is disposed by whoever gave it. */
export function wholeKeyCompliance(name: string, harness: CryptographyHarness): void {
  describe(`${name}, where one party holds the whole key`, () => {
    let plan: Plan
    let holder: PartyCryptography
    let querier: PartyCryptography
    let clinic: PartyCryptography
    let targetKey: Uint8Array
    const [sample] = harness.samples
    let queries = 0

    const open = async (parties: Record<keyof typeof ROLES, PartyCryptography>, of: Plan, id: number): Promise<void> => {
      const { floodingBits, maximumDecryptions } = of
      for (const role of Object.keys(ROLES) as (keyof typeof ROLES)[]) {
        const sessionId = new Uint8Array(32).fill(id)
        await parties[role].open({
          sessionId,
          plan: of,
          parties: of.parties,
          floodingBits,
          maximumDecryptions,
          maximumRefreshes: 1000,
          roles: ROLES[role],
          // What the holder of the whole key encrypts is not proved.
          proofs: { self: role, modelOwner: 'holder', soleHolder: of.parties === 1 ? 'holder' : null }
        })
      }
    }

    beforeAll(async () => {
      plan = await harness.plan(1)
      ;[holder, querier, clinic] = [await harness.create(), await harness.create(), await harness.create()]
      await holder.resultKey(plan.parameters)
      targetKey = await querier.resultKey(plan.parameters)
      await open({ holder, querier, clinic }, plan, 77)
      const share = await holder.publicKeyShare()
      for (const party of [holder, querier, clinic]) await party.setPublicKey([share])
      if (plan.relinearizationLevel !== null) {
        const one = await holder.relinearizationShareOne()
        await clinic.addShare('relinearization-1', 'relinearization', 0, one)
        await holder.addRelinearizationShareOne(0, one)
        await clinic.addShare('relinearization-2', 'relinearization', 0, await holder.relinearizationShareTwo())
        await clinic.finishKey('relinearization-2', 'relinearization')
      }
      for (const element of galoisElements(plan)) {
        await clinic.addShare('galois', `${element}`, 0, await holder.galoisShare(element))
        await clinic.finishKey('galois', `${element}`)
      }
      for (let index = 0; index < plan.weights.count; index++) await clinic.storeModelPart(index, await holder.modelPart(index))
    })
    afterAll(async () => {
      for (const party of [holder, querier, clinic]) await party.close()
    })

    const callbacks = (more: Partial<EvaluationCallbacks> = {}): EvaluationCallbacks => ({
      refresh: async () => [await Promise.reject(new Error('a share was asked for'))],
      switchShares: async () => [await Promise.reject(new Error('a share was asked for'))],
      refreshWhole: async request => await holder.refreshWhole(request),
      switchWhole: async request => await holder.switchWhole({ ...request, targetKey }),
      querierHoldsKey: false,
      resultKey: async () => targetKey,
      progress: () => {},
      ...more
    })

    const evaluate = async (more: Partial<EvaluationCallbacks>): Promise<Uint8Array[]> => {
      const query = `whole-${++queries}`
      const inputs = await holder.openQuery([sample], query)
      const evaluation = await clinic.openEvaluation(query, 'holder')
      for (let index = 0; index < inputCount(plan); index++) await evaluation.storeInput(index, await inputs.encryptInput(index))
      await inputs.dispose()
      try {
        return await evaluation.evaluate(callbacks(more))
      } finally {
        await evaluation.dispose()
      }
    }

    const expectAnswer = async (by: PartyCryptography, results: Uint8Array[]): Promise<void> => {
      expect(results).toHaveLength(outputCount(plan))
      const [logits] = await by.decryptResults(results)
      for (const [k, value] of Array.from(harness.answer(sample)).entries()) {
        expect(Math.abs(logits![k]! - value)).toBeLessThanOrEqual(harness.tolerance)
      }
    }

    it('its own results are decrypted by it, and nobody is asked for them', async () => {
      const switchWhole = async (): Promise<never> => await Promise.reject(new Error('a switch was asked for'))
      await expectAnswer(holder, await evaluate({ querierHoldsKey: true, switchWhole }))
    })

    it('somebody else’s results are re-encrypted for them', async () => {
      await expectAnswer(querier, await evaluate({}))
    })

    it('answers a request once: the same again, nothing for another input', async () => {
      const refreshes: RefreshWholeRequest[] = []
      const switches: SwitchRequest[] = []
      const given: Uint8Array[][] = []
      const kept = (list: readonly Uint8Array[]): Uint8Array[] => list.map(bytes => bytes.slice())
      const watched: Partial<EvaluationCallbacks> = {
        refreshWhole: async request => {
          refreshes.push({ ...request, masked: kept(request.masked), c1: kept(request.c1) })
          const answer = await holder.refreshWhole(request)
          given.push(kept(answer))
          return answer
        },
        switchWhole: async request => {
          switches.push({ ...request, c1: kept(request.c1) })
          const answer = await holder.switchWhole({ ...request, targetKey })
          given.push(kept(answer))
          return answer
        }
      }
      await evaluate(watched)
      const last = given.length - 1
      await evaluate(watched)
      const [refresh, result] = [refreshes[0]!, { ...switches[0]!, targetKey }]
      expect(same(await holder.refreshWhole(refresh), given[0]!)).toBe(true)
      expect(same(await holder.switchWhole(result), given[last]!)).toBe(true)
      const [other, otherResult] = [refreshes[refreshes.length / 2]!, switches[1]!]
      for (const changed of [{ masked: other.masked }, { c1: other.c1 }]) {
        expect(await failure(holder.refreshWhole({ ...refresh, ...changed }))).toMatchObject({ name: 'ShareAlreadyGivenError' })
      }
      expect(await failure(holder.switchWhole({ ...result, c1: otherResult.c1 }))).toMatchObject({ name: 'ShareAlreadyGivenError' })
      expect(same(await holder.refreshWhole(refresh), given[0]!)).toBe(true)
      const { scale, magnitude, level } = refresh
      for (const wrong of [{ level: level + 1 }, { scale: 2 * scale }, { magnitude: magnitude / 2 }]) {
        expect(await failure(holder.refreshWhole({ ...refresh, ...wrong, instance: 'beyond the plan' }))).toMatchObject({
          name: 'UnforeseenRequestError'
        })
      }
      expect(await failure(holder.switchWhole({ ...result, noise: result.noise - 1, instance: 'too little noise' }))).toMatchObject({
        name: 'UnforeseenRequestError'
      })
    })

    it('gives no shares', async () => {
      const { step, level, scale, magnitude } = plan.refreshes[0]!
      const c1 = [new Uint8Array(8)]
      expect(await failure(holder.refreshShare({ instance: 'share', step, level, scale, magnitude, c1 }))).toMatchObject({
        name: 'SoleKeyShareError'
      })
      const { level: bottom, floodedNoise: noise } = plan.output
      expect(await failure(holder.switchShare({ instance: 'share', level: bottom, noise, c1, targetKey }))).toMatchObject({
        name: 'SoleKeyShareError'
      })
    })

    it('what it answers is checked, and it is named', async () => {
      const spoilt = async (request: RefreshWholeRequest): Promise<Uint8Array[]> =>
        (await holder.refreshWhole(request)).map(() => Uint8Array.of(1, 2, 3))
      const error = await failure(evaluate({ refreshWhole: spoilt }))
      expect(error).toBeInstanceOf(RejectedShareError)
      expect(error).toMatchObject({ party: 0, protocol: 'refreshWhole' })
      expect(await failure(evaluate({ switchWhole: async () => [] }))).toMatchObject({ party: 0, protocol: 'switchWhole' })
    })

    it('where the key is shared nobody re-encrypts', async () => {
      const shared = await harness.plan(2)
      await open({ holder, querier, clinic }, shared, 78)
      const { step, level, scale, magnitude } = shared.refreshes[0]!
      const components = { masked: [new Uint8Array(8)], c1: [new Uint8Array(8)] }
      expect(await failure(holder.refreshWhole({ instance: 'whole', step, level, scale, magnitude, ...components }))).toMatchObject({
        name: 'SessionStateError'
      })
      const { level: last, noise } = shared.output
      expect(await failure(holder.switchWhole({ instance: 'whole', level: last, noise, c1: components.c1, targetKey }))).toMatchObject({
        name: 'SessionStateError'
      })
    })
  })
}
