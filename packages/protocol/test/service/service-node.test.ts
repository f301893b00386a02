/** Whole parties of a service: keys, model, grants, queries, parties that come and go. */
import { GRANT, type Grant, REVOCATION } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { errorOf } from './support/small-model.js'
import { served as servedBy, until } from './support/whole-service.js'

const SAMPLES = realSamples(2)
const PARTIES = ['evaluator', 'holder-1', 'holder-2', 'holder-3', 'owner', 'querier-1', 'querier-2']
const served = async () => await servedBy({ parties: PARTIES })

test('keys once, then two queriers ask, with a holder gone, parties started again, and the owner away', async () => {
  const { service, epoch, release, grant, known } = await served()
  const first = await grant('querier-1')
  await known('querier-1', first)
  const ask = async (querier: string, under: string) => {
    const { logits } = await service.node(querier).client.ask(release, SAMPLES, { grant: under, signal: AbortSignal.timeout(60_000) })
    expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
  }
  await ask('querier-1', first)
  expect(await service.node('querier-1').grantsFor(epoch, 'owner', 'model')).toMatchObject([{ identifier: first }])
  const second = await grant('querier-2')
  await known('querier-2', second)
  await service.stop('owner')
  await service.stop('holder-1')
  await service.stop('evaluator')
  // Its first query: it lacks the public key, too.
  const waiting = ask('querier-2', second)
  await service.start('evaluator')
  // Whoever asks as soon as it answers is not told to wait.
  expect(service.node('evaluator').releases?.list()).toMatchObject([{ release, state: 'ready' }])
  service.network.revive('evaluator')
  await waiting
  await service.restart('holder-2')
  await ask('querier-1', first)
  const proposal = (await service.node('holder-2').epochs.epoch(epoch)).record.proposal
  const { decryptions, refreshes } = await service.node('holder-2').books.epochUse(epoch, proposal)
  expect(decryptions.used).toBeGreaterThan(0)
  expect(refreshes.used).toBeGreaterThan(0)
  // What was counted is of no use when keys and grants are over, and is on the disk no longer.
  const { spendings } = service.disk('holder-2')
  expect(await spendings.accounts(epoch)).toHaveLength(6)
  service.now = () => proposal.expires + 2 * 86_400_000
  await service.restart('holder-2')
  await until(async () => (await spendings.accounts(epoch)).length === 0, 'what was counted is forgotten')
})

test('who was away is told what it missed; what was revoked, or is spent, is refused by name', async () => {
  const { service, release, grant, known } = await served()
  await service.stop('querier-1')
  const once = await grant('querier-1', { queries: 1 })
  await service.start('querier-1')
  service.network.revive('querier-1')
  await known('querier-1', once)
  const ask = async (under: string) =>
    await service.node('querier-1').client.ask(release, SAMPLES, { grant: under, signal: AbortSignal.timeout(60_000) })
  await ask(once)
  await expect(ask(once)).rejects.toThrow(/at most 1 queries.*slytherin grant create/)
  const other = await grant('querier-1')
  await known('querier-1', other)
  // Who may ask what is not told to others who ask.
  const later = await grant('querier-2')
  await known('querier-2', later)
  expect((await service.node('querier-2').all(GRANT)).map(({ document: { querier } }) => querier)).toEqual(['querier-2'])
  const { document } = (await service.node('owner').documents.get(GRANT, other))!
  await service.node('owner').issue(REVOCATION, {
    kind: 'revocation',
    version: 1,
    epoch: document.epoch,
    grant: other,
    issuer: 'owner',
    created: Date.now()
  })
  await until(async () => await service.node('evaluator').books.isRevoked(document.epoch, other), 'the evaluator knows the revocation')
  await expect(ask(other)).rejects.toThrow(/revoked/)
})

test('documents of those who may not make them are not kept, and the refusal says why', async () => {
  const { service, epoch } = await served()
  const forged: Grant = {
    kind: 'grant',
    version: 1,
    epoch,
    issuer: 'querier-2',
    querier: 'querier-2',
    senders: ['querier-2'],
    models: ['*'],
    nonce: '0'.repeat(32),
    created: Date.now(),
    expires: Date.now() + 1_000_000,
    queries: 1_000,
    decryptions: 1_000
  }
  const identifier = await service.node('querier-2').issue(GRANT, forged)
  await until(async () => service.errors.some(error => /evaluator: .*grant.*model-owner of the roster/.test(error)), 'a refusal')
  expect(await service.node('evaluator').documents.get(GRANT, identifier)).toBeUndefined()
})
