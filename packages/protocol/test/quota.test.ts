import { type DecryptionsEvent, QuotaExceededError, type RemoteFailureError } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'

describe('decryptions', () => {
  it('run out for one querier by a typed refusal; the other is served on, and everybody knows what is left', async () => {
    const seen: (DecryptionsEvent & { at: string })[] = []
    // Three result ciphertexts a query: two queries for each of two queriers.
    const parties = cohort({
      roles: { ...SEPARATE, second: ['querier', 'data-owner'] },
      maximumDecryptions: 12,
      coordinator: { onDecryptions: event => seen.push({ ...event, at: EVALUATOR }) },
      member: peer => ({ onDecryptions: event => seen.push({ ...event, at: peer }) })
    })
    const run = parties.coordinator.run()
    const [first, second] = [parties.member('querier'), parties.member('second')]
    for (let i = 0; i < 2; i++) expect(await first.query(samples(1))).toHaveLength(1)
    for (let i = 0; i < 2; i++) {
      const { remote } = await rejection<RemoteFailureError>(first.query(samples(1)))
      expect(remote).toBeInstanceOf(QuotaExceededError)
      expect(remote).toMatchObject({
        field: 'querier',
        expected: 'at most 6 ciphertexts for querier',
        actual: '6 + 3, of which 0 are left'
      })
    }
    expect(await second.query(samples(1))).toHaveLength(1)
    await first.leave()
    await second.leave()
    expect(await run).toMatchObject({ queries: 3, maximumDecryptions: 12, switchesPerQuerier: 6 })
    const left = (at: string, querier: string): number[] => seen.filter(e => e.at === at && e.querier === querier).map(e => e.left)
    expect(left(EVALUATOR, 'querier')).toEqual([3, 0])
    expect(left('querier', 'querier')).toEqual([3, 0])
    expect(left(EVALUATOR, 'second')).toEqual([3])
    expect(seen.every(({ allowed }) => allowed === 6)).toBe(true)
  })
})
