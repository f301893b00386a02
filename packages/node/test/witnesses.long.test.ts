/** Witnesses in processes of their own: killed in the middle, suspended for longer than anybody's patience, started again. */
import type { PartyEvent } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Cohort } from './support/cohort.js'
import { until } from './support/network.js'
import { answers, ask, type Child, of, ready, start, startAll } from './support/processes.js'

const ALONE: Record<string, readonly Role[]> = {
  clinic: ['evaluator'],
  first: ['key-holder'],
  second: ['key-holder'],
  owner: ['model-owner'],
  patient: ['querier', 'data-owner'],
  onlooker: ['witness']
}
const BOTH = { ...ALONE, observer: ['witness'] } as const
/** Milliseconds without a sign of life after which a party is missing. */
const PATIENCE = 6000
const SERVING = `session: { batch: 4 }\ndeadlines: { idle: ${PATIENCE} }\nkeepServing: true`

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const except = (children: Record<string, Child>, name: string): Record<string, Child> =>
  Object.fromEntries(Object.entries(children).filter(([other]) => other !== name))

/** How many events of a kind each has told. */
const counts = (children: Record<string, Child>, kind: PartyEvent['event']): Map<string, number> =>
  new Map(Object.values(children).map(({ name, events }) => [name, of(events, kind).length]))

/** Everybody else has ended a session for want of this party, and says who it is. @param before how many errors they had told, none if not given */
async function missed(children: Record<string, Child>, name: string, peer: string, before = new Map<string, number>()): Promise<void> {
  for (const { name: other, events } of Object.values(except(children, name))) {
    const known = before.get(other) ?? 0
    await until(() => of(events, 'error').length > known, 30_000, `${other} misses ${name}`)
    expect(of(events, 'error')[known]!.error, other).toMatchObject({ code: 'party-missing', peer, peerName: name })
  }
}

function noErrors(children: Record<string, Child>): void {
  for (const { name, events } of Object.values(children)) expect(of(events, 'error'), name).toEqual([])
}

/** One cohort goes through all of it: what it had said before is known. */
describe('the only witness, which every key holder demands by default', () => {
  const own: (() => unknown)[] = []
  let cohort: Cohort
  let children: Record<string, Child>
  let peer: string
  beforeAll(async () => {
    ;({ cohort, children } = await startAll(ALONE, SERVING, own))
    peer = cohort.members['onlooker']!.peer
    await ready(children, 1)
  })
  afterAll(async () => {
    for (const clean of own.reverse()) await clean()
  })

  it('suspended for less than the patience of the others: its query is late, and is answered', async () => {
    children['onlooker']!.child.kill('SIGSTOP')
    ask(children['patient']!, 5)
    await new Promise(resolve => setTimeout(resolve, PATIENCE / 3))
    expect(of(children['patient']!.events, 'result')).toEqual([])
    children['onlooker']!.child.kill('SIGCONT')
    await until(() => of(children['patient']!.events, 'result').length > 0, 20_000, 'an answer')
    expect(of(children['patient']!.events, 'result')).toMatchObject([{ logits: [[5, -5]] }])
    noErrors(children)
  })

  it('suspended for longer, in the middle of a query: the session ends by its name; when it goes on, it is in the next one', async () => {
    const [errors, results] = [counts(children, 'error'), of(children['patient']!.events, 'result').length]
    const sessions = counts(children, 'ready')
    children['onlooker']!.child.kill('SIGSTOP')
    ask(children['patient']!, 6)
    await missed(children, 'onlooker', peer, errors)
    expect(of(children['patient']!.events, 'result')).toHaveLength(results)
    children['onlooker']!.child.kill('SIGCONT')
    for (const [name, child] of Object.entries(children)) await ready({ [name]: child }, sessions.get(name)! + 1)
    await answers(children['patient']!, 7)
  })

  it('killed after a query: the session ends, everybody says who is missing, and the next one has it again', async () => {
    await answers(children['patient']!, 3)
    const [errors, sessions] = [counts(children, 'error'), counts(children, 'ready')]
    children['onlooker']!.child.kill('SIGKILL')
    await children['onlooker']!.exit
    await missed(children, 'onlooker', peer, errors)
    const others = except(children, 'onlooker')
    children['onlooker'] = start(cohort, 'onlooker', own)
    for (const [name, child] of Object.entries(others)) await ready({ [name]: child }, sessions.get(name)! + 1)
    await ready({ onlooker: children['onlooker'] }, 1)
    await answers(children['patient']!, 4)
  })
})

describe('one of two witnesses, of which one is demanded', () => {
  it('killed: the session goes on with the other, and ends when that is gone, too', async () => {
    const { cohort, children } = await startAll(BOTH, SERVING, cleanups)
    await ready(children, 1)
    await answers(children['patient']!, 1)
    children['observer']!.child.kill('SIGKILL')
    await children['observer']!.exit
    const left = except(children, 'observer')
    await answers(children['patient']!, 2)
    noErrors(left)
    children['onlooker']!.child.kill('SIGKILL')
    await children['onlooker']!.exit
    await missed(left, 'onlooker', cohort.members['onlooker']!.peer)
    for (const name of ['observer', 'onlooker']) children[name] = start(cohort, name, cleanups)
    await until(() => of(children['clinic']!.events, 'ready').length >= 2, 60_000, 'the next session')
    await ready(except(left, 'onlooker'), 2)
    await answers(children['patient']!, 8)
  })

  it('suspended for longer than the patience of the others, then continued: queries are answered before, meanwhile and after', async () => {
    const { children } = await startAll(BOTH, SERVING, cleanups)
    await ready(children, 1)
    children['observer']!.child.kill('SIGSTOP')
    const others = except(children, 'observer')
    ask(children['patient']!, 9)
    await until(() => of(children['patient']!.events, 'result').length > 0, 4 * PATIENCE, 'an answer without it')
    noErrors(others)
    children['observer']!.child.kill('SIGCONT')
    await answers(children['patient']!, 10)
    await new Promise(resolve => setTimeout(resolve, PATIENCE))
    await answers(children['patient']!, 11)
    noErrors(others)
  })
})
