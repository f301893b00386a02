import { canonicalRoster, plainText, type RosterEntry, rosterDifference, rosterLines, type SessionAbortedError } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'

const ENTRIES: RosterEntry[] = Object.entries(SEPARATE).map(([peer, roles]) => ({ peer, roles }))

/** A cohort in which one party was configured with another roster. */
function differing(at: string, roster: RosterEntry[]): Cohort {
  return cohort({ roles: SEPARATE, member: peer => (peer === at ? { roster } : {}) })
}

describe('rosters', () => {
  it('in another order, entries and roles, are the same', async () => {
    const shuffled = ENTRIES.map(({ peer, roles }) => ({ peer, roles: [...roles].reverse() })).reverse()
    expect(rosterDifference(rosterLines(ENTRIES), rosterLines(shuffled))).toBeUndefined()
    expect(canonicalRoster(shuffled)).toEqual(canonicalRoster(ENTRIES))
    const parties = differing('holderB', shuffled)
    const run = parties.coordinator.run()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })

  it('that differ are refused at the hello, by what is different and no more', async () => {
    const other = ENTRIES.filter(({ peer }) => peer !== 'owner').map(entry =>
      entry.peer === 'holderC' ? { peer: 'holderC', roles: ['querier' as const] } : entry
    )
    const parties = differing('holderB', [...other, { peer: 'stranger', roles: ['model-owner'] }])
    const waiting = parties.member('holderB').ready()
    waiting.catch(() => undefined)
    const error = await rejection<SessionAbortedError>(parties.coordinator.run())
    const difference = 'holderC is querier here, key-holder there; stranger is missing there; owner is missing here, model-owner there'
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderB', phase: 'roster' })
    expect(error.reason).toContain(difference)
    // Whoever refused waits for no session either.
    expect(await rejection(waiting)).toMatchObject({
      code: 'descriptor-rejected',
      kind: 'hello',
      field: 'roster',
      peer: EVALUATOR,
      actual: difference
    })
  })
})

describe('text of others', () => {
  it('loses controls, marks that turn the direction of writing and separators, and is cut', () => {
    expect(plainText('done\u001b[2K\r\nINFO all is well')).toBe('done [2K  INFO all is well')
    expect(plainText('a\u202eb\u2028c\u200bd\u009be')).toBe('a b c d e')
    expect(plainText('Käse, 雪, 🎉')).toBe('Käse, 雪, 🎉')
    expect(plainText('x'.repeat(500), 100)).toBe(`${'x'.repeat(99)}…`)
  })

  it('is plain in every error', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.member('holderA').ready()
    const outcome = rejection(run)
    parties.network.tell(EVALUATOR, 'holderA', 'down', 'gone\u001b]0;owned\u0007\nfor good')
    const error = await outcome
    expect(error.message).toContain('gone ]0;owned  for good')
    expect(error.message).not.toMatch(/\p{Cc}/u)
  })
})
