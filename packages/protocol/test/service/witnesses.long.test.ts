/** Witnesses of a service that deviate, alone and with the evaluator; witnesses that come and go. */
import { decodeCall, encodeCall } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { cohortOf, proposalFor, rewriteReply } from './support/cohort.js'
import { type Liar, lyingCryptography } from './support/lying.js'
import { smallPlan } from './support/small-model.js'
import { until } from './support/whole-service.js'
import { HOLDERS, witnessed } from './support/witnessed.js'

test('of two witnesses one that lies stops nothing that one is enough for, and helps nobody where two are wanted', async () => {
  const liars: Record<string, Liar> = { evaluator: { lie: 'nothing' }, 'witness-1': { lie: 'nothing' } }
  const demand: { witnesses: number } = { witnesses: 1 }
  const { ask, helped, endorsements, service } = await witnessed(['witness-1', 'witness-2'], {
    policy: () => ({ assist: demand }),
    cryptography: (self, real, contents) => (liars[self] === undefined ? real : lyingCryptography(real, liars[self], contents))
  })
  liars['witness-1']!.lie = 'step'
  expect(await ask()).toBeLessThan(0.01)
  expect(endorsements('witness-2')).toBe(2)
  expect(endorsements('witness-1')).toBe(0)

  demand.witnesses = 2
  const before = await helped()
  await expect(ask()).rejects.toMatchObject({ code: 'endorsement-refused', reason: expect.stringContaining('peer witness-1') })
  // Both tell the same lie: the other witness does not.
  liars['evaluator']!.lie = 'step'
  await expect(ask()).rejects.toMatchObject({
    code: 'endorsement-refused',
    reason: expect.stringMatching(/peer witness-2.*caused by evaluator/)
  })
  expect(await helped()).toBe(before)
  // Where its word is enough, they get what they ask for.
  demand.witnesses = 1
  await ask().catch(() => undefined)
  expect(await helped()).toBeGreaterThan(before)

  // A sender whose input is no encryption, in league with the evaluator, which does not mind.
  liars['evaluator']!.lie = 'proofs'
  liars['witness-1']!.lie = 'nothing'
  service.network.setFault(({ direction, from, bytes }) => {
    if (direction !== 'request' || from !== 'querier') return undefined
    const { kind, head, blobs } = decodeCall(bytes, from)
    if (kind !== 'query/proof') return undefined
    const [proof] = blobs.map(blob => blob.slice())
    proof![proof!.length >> 1]! ^= 1
    return encodeCall(kind, head, [proof!])
  })
  const given = await helped()
  await expect(ask()).rejects.toMatchObject({ reason: expect.stringMatching(/peer witness-\d.*caused by querier/) })
  expect(await helped()).toBe(given)
  service.network.setFault(undefined)
  liars['evaluator']!.lie = 'nothing'

  // No downgrade: keys, models and queries with fewer witnesses than a party asks for are refused by it.
  demand.witnesses = 3
  await expect(ask()).rejects.toThrow(/expected 3 witnesses, as key holders demand/)
  const proposal = { ...proposalFor(smallPlan({ parties: 3, threshold: 2 }), 2, 3), witnesses: ['witness-1', 'witness-2'] }
  await expect(service.node('evaluator').createEpoch(proposal, AbortSignal.timeout(60_000))).rejects.toThrow(/assist\.witnesses is 3 here/)
})

test('a query waits for a witness that is away and says so; one that is killed midway catches up, and follows another attempt', async () => {
  const { ask, helped, endorsements, service } = await witnessed(['witness-1'])
  await service.stop('witness-1')
  const steps: string[] = []
  const waiting = ask(step => steps.push(step))
  await until(() => steps.some(step => step.includes('waiting for witnesses: witness-1 (down)')), 'the query waits')
  expect(await helped()).toBe(0)
  await service.restart('evaluator')
  await service.restart('witness-1')
  expect(await waiting).toBeLessThan(0.01)
  expect(endorsements('witness-1')).toBe(2)

  // Killed when it has endorsed the refresh, as the evaluator was before; a holder is lost when it is asked, so that the next attempt is another ciphertext.
  let endorsed = 0
  let killed: Promise<unknown> | undefined
  let lost: string | undefined
  service.network.setFault(({ direction, from, to, bytes }) => {
    if (direction !== 'request') return undefined
    const { kind } = decodeCall(bytes, from)
    if (kind === 'query/refresh' && lost === undefined && HOLDERS.includes(to)) {
      lost = to
      queueMicrotask(() => service.network.kill(to, { silent: true }))
    }
    if (kind !== 'witness/endorse') return undefined
    endorsed++
    // The evaluator first, which forgets what it has been told: it is told again.
    if (endorsed === 1) killed = service.restart('evaluator')
    if (endorsed === 3) killed = service.restart('witness-1')
    return undefined
  })
  expect(await ask()).toBeLessThan(0.01)
  await killed
  expect(lost).toBeDefined()
  // The refresh in two attempts, one of them in the next process, and the result.
  expect(endorsed).toBeGreaterThanOrEqual(4)
  expect(endorsements('witness-1')).toBeGreaterThan(0)
})

test('a witness sums keys from what holders have signed: a share that was changed, and another key in the place of one, are refused in the evaluator’s name', async () => {
  const cohort = await cohortOf(3)
  cohort.witnesses = ['witness']
  const witness = await cohort.start('witness')
  const proposal = { ...proposalFor(smallPlan({ parties: 3 }), 2, 3), witnesses: ['witness'] }
  const evaluator = cohort.party('evaluator').epochs
  const record = await evaluator.create(proposal, AbortSignal.timeout(60_000))
  const { epoch } = record.document.sharing
  witness.disk.epochs.set(epoch, record)
  const { relinearizationLevel, galois } = proposal
  const take = async (): Promise<void> => {
    const open = await cohort.party('witness').epochs.epoch(epoch)
    await open.addKeys({ relinearizationLevel, galois }, AbortSignal.timeout(60_000))
  }
  rewriteReply(cohort, 'evaluator', 'key/share', (head: unknown, [share]) => {
    share![share!.length - 1]! ^= 1
    return { head, blobs: [share!] }
  })
  await expect(take()).rejects.toMatchObject({
    code: 'signature',
    culprit: 'evaluator',
    expected: expect.stringContaining('holder-1 has signed')
  })
  rewriteReply(cohort, 'evaluator', 'key/in-use', ({ keys }: { keys: { key: unknown; hash: string }[] }) => {
    const last = keys.length - 1
    return { head: { keys: keys.with(last, { ...keys[last]!, hash: keys[last - 1]!.hash }) }, blobs: [] }
  })
  await expect(take()).rejects.toMatchObject({ peer: 'evaluator', field: expect.stringMatching(/^attempt|^commitments/) })
  cohort.network.setFault(undefined)
  await take()
  const keys = async (self: string) => await (await cohort.party(self).epochs.epoch(epoch)).keys()
  expect(await keys('witness')).toEqual(await keys('evaluator'))
  // What it has it keeps, and asks nobody for.
  await cohort.restart('witness')
  expect(await keys('witness')).toEqual(await keys('evaluator'))
})
