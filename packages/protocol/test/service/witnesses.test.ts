/** Witnesses of a service: queries that they endorse, and an evaluator that deviates. */
import { decodeCall, encodeCall } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { proposalFor } from './support/cohort.js'
import { type Liar, lyingCryptography } from './support/lying.js'
import { smallPlan } from './support/small-model.js'
import { until } from './support/whole-service.js'
import { HOLDERS, witnessed } from './support/witnessed.js'

test('a query is endorsed at its refresh and its result; an evaluator that computes something else, or shows nobody, gets no share and is named', async () => {
  const liar: Liar = { lie: 'nothing' }
  const { ask, endorsements, helped, service } = await witnessed(['witness-1'], {
    cryptography: (self, real, contents) => (self === 'evaluator' ? lyingCryptography(real, liar, contents) : real)
  })
  expect(await ask()).toBeLessThan(0.01)
  expect(endorsements('witness-1')).toBe(2)
  expect(service.errors).toEqual([])
  // Nothing of the query is left at the witness.
  const queries = async (): Promise<string[]> =>
    (await service.disk('witness-1').contents.spaces()).filter(space => space.startsWith('query-'))
  await until(async () => (await queries()).length === 0, 'the query is forgotten')
  const before = await helped()
  for (const lie of ['step', 'model', 'inputs'] as const) {
    liar.lie = lie
    await expect(ask()).rejects.toMatchObject({
      code: 'endorsement-refused',
      reason: expect.stringMatching(/peer witness-1.*caused by evaluator.*is not what the signed keys, model and query come to/)
    })
  }
  expect(service.errors.filter(error => error.startsWith('witness-1') && error.includes('refresh'))).toHaveLength(3)
  liar.lie = 'nothing'
  // It hears nothing of what holders demand, and shows them no endorsement.
  service.network.setFault(({ direction, from, bytes }) => {
    if (direction !== 'response' || !HOLDERS.includes(from)) return undefined
    const { kind, head, blobs } = decodeCall(bytes, from)
    return kind === 'query/announce' ? encodeCall(kind, { ...(head as object), witnesses: 0 }, blobs) : undefined
  })
  await expect(ask()).rejects.toMatchObject({ code: 'not-endorsed', reason: expect.stringContaining('assist.witnesses is 1 here') })
  expect(await helped()).toBe(before)
  service.network.setFault(undefined)
  expect(await ask()).toBeLessThan(0.01)
  expect(await helped()).toBeGreaterThan(before)
  // Who has a witness in its roster signs for no keys without.
  const proposal = proposalFor(smallPlan({ parties: 3, threshold: 2 }), 2, 3)
  await expect(service.node('evaluator').createEpoch(proposal, AbortSignal.timeout(60_000))).rejects.toThrow(/assist\.witnesses is 1 here/)
})
