/** Epochs that follow each other among whole parties: releases move with their grants. */
import { GRANT, identify, RELEASE, WITHDRAWAL } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { errorOf } from './support/small-model.js'
import { movedFrom, served, until } from './support/whole-service.js'

const SAMPLES = realSamples(2)
const parties = ['evaluator', 'holder-1', 'holder-2', 'holder-3', 'owner', 'querier-1']
const movable = { parties, publish: { movable: true } }
const soon = () => AbortSignal.timeout(60_000)

test('the next epoch takes the models and their grants along, by two of three holders, while their owner is away; old queries finish', async () => {
  const { service, epoch, release, grant, known } = await served(movable)
  const given = await grant('querier-1', { queries: 3 })
  await known('querier-1', given)
  const ask = async (of: string): Promise<void> => {
    const { logits } = await service.node('querier-1').client.ask(of, SAMPLES, { grant: given, signal: soon() })
    expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
  }
  await ask(release)
  await service.stop('owner')
  const { document: next } = await service.node('evaluator').nextEpoch(epoch, soon())
  expect(next.proposal).toMatchObject({ follows: epoch, threshold: 2, cohort: 'test' })
  // The same again: there is one.
  expect((await service.node('evaluator').nextEpoch(epoch, soon())).document).toEqual(next)
  const moved = await movedFrom(service, release, 'querier-1')
  const identifier = identify(RELEASE, moved.document)
  expect(moved.document).toMatchObject({ epoch: next.sharing.epoch, name: 'model', owner: 'owner', moved: { from: [{ epoch, release }] } })
  expect(moved.document.parts).toHaveLength(moved.document.plan.weights.count)
  expect(moved.document.moved!.shares).toHaveLength(2)
  await service.stop('holder-1')
  await ask(identifier)
  // In the old epoch, still, and on the account of the same grant.
  await ask(release)
  await expect(ask(identifier)).rejects.toThrow(/at most 3 queries/)
  expect(await service.node('querier-1').grantsFor(next.sharing.epoch, 'owner', 'model')).toMatchObject([{ identifier: given }])
  const { document } = (await service.node('querier-1').documents.get(GRANT, given))!
  const use = await service.node('holder-2').books.grantUse(given, document)
  expect(use.queries.used).toBe(3)
  // Its owner comes back, sees it, and takes it back: under both keys.
  await service.start('owner')
  service.network.revive('owner')
  await movedFrom(service, release, 'owner')
  await service.node('owner').issue(WITHDRAWAL, { kind: 'withdrawal', version: 1, epoch, release, owner: 'owner', created: Date.now() })
  const states = () => service.node('evaluator').releases!.list()
  await until(async () => states().every(({ state }) => state === 'withdrawn'), 'both are withdrawn')
})
