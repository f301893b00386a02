import { logitsOf } from '@slytherin/protocol/testing'
import { expect, it, vi } from 'vitest'
import { cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'
import { rewrite } from './support/rewrite.js'

it('an evaluation begins while key holders still hear of the query, and asks none of them before all have', async () => {
  const parties = cohort({ roles: SEPARATE })
  const givenBefore: number[] = []
  const shares = (): number => ['holderA', 'holderB', 'holderC'].reduce((sum, peer) => sum + parties.fake(peer).given.size, 0)
  rewrite(parties, 'queryAnnounce', 'holderA', async body => {
    await vi.waitFor(() => expect(parties.fake(EVALUATOR).calls).toContain('evaluate'))
    // long enough for a refresh that waits for nobody
    await new Promise(resolve => setTimeout(resolve, 50))
    givenBefore.push(shares())
    return body
  })
  const run = parties.coordinator.run()
  const querier = parties.member('querier')
  const asked = samples(3)
  expect((await querier.query(asked)).map(logits => [...logits])).toEqual(asked.map(logitsOf))
  await querier.leave()
  expect((await run).queries).toBe(1)
  expect(givenBefore).toEqual([0])
  expect(shares()).toBeGreaterThan(0)
})

it('a key holder that refuses a query stops its evaluation, for what it says', async () => {
  const parties = cohort({ roles: SEPARATE })
  rewrite(parties, 'queryAnnounce', 'holderA', body => ({ ...body, samples: body.samples + 1 }))
  const stopped = Promise.withResolvers<void>()
  // An evaluation that would go on for ever without asking anybody.
  parties.fake(EVALUATOR).gate = method => (method === 'evaluate' ? stopped.promise : undefined)
  const run = parties.coordinator.run()
  const failed = await rejection(parties.member('querier').query(samples(3)))
  stopped.resolve()
  expect(String(failed)).toMatch(/signature/)
  expect(['holderA', 'holderB', 'holderC'].map(peer => parties.fake(peer).given.size)).toEqual([0, 0, 0])
  await parties.member('querier').leave()
  await run.catch(() => undefined)
})
