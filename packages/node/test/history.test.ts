/** What a party remembers of queries for its dashboard. */
import type { ServiceEvent } from '@slytherin/protocol/service'
import { describe, expect, it } from 'vitest'
import { History } from '../src/monitoring/history.js'

const QUERY = 'c0ffee00c0ffee00c0ffee00c0ffee00'
type State = Extract<ServiceEvent, { event: 'query' }>['state']

const inState = (state: State, query = QUERY): ServiceEvent => ({
  event: 'query',
  query,
  state,
  epoch: 'e',
  release: 'r',
  sender: 'S',
  querier: 'Q',
  samples: 4,
  code: state === 'failed' ? 'internal' : ''
})

const step = (index: number, pass: number, seconds: number, deviation: number): ServiceEvent => ({
  event: 'step',
  query: QUERY,
  step: index,
  kind: 'diagonals',
  layer: `layer-${index}`,
  pass,
  seconds,
  level: 5 - index - pass,
  deviation
})

/** Time goes on by a second, and 100 bytes are sent, with every event. */
function play(events: readonly ServiceEvent[]): History {
  let at = 0
  const history = new History(
    () => ({ sent: 100 * at, received: 10 * at }),
    () => 1000 * at
  )
  for (const event of events) {
    at++
    history.event(event)
  }
  return history
}

describe('the history of queries', () => {
  it('has states with their times, seconds by phase, steps with all their passes together, and bytes while it ran', () => {
    const history = play([
      inState('open'),
      inState('queued'),
      { event: 'phase', query: QUERY, phase: 'queue', seconds: 1 },
      inState('running'),
      { event: 'progress', query: QUERY, done: 1, total: 4, step: 'layer-0' },
      step(1, 0, 0.5, -20),
      step(0, 0, 0.25, -22),
      step(1, 1, 0.5, -18),
      { event: 'phase', query: QUERY, phase: 'refresh', seconds: 0.5 },
      { event: 'phase', query: QUERY, phase: 'refresh', seconds: 0.25 }
    ])
    expect(history.queries()).toEqual([
      {
        query: QUERY,
        release: 'r',
        querier: 'Q',
        samples: 4,
        states: [
          { state: 'open', time: 1000 },
          { state: 'queued', time: 2000 },
          { state: 'running', time: 4000 }
        ],
        phases: { queue: { seconds: 1, count: 1 }, refresh: { seconds: 0.75, count: 2 } },
        progress: { done: 1, total: 4, step: 'layer-0' },
        steps: [
          { step: 0, kind: 'diagonals', layer: 'layer-0', passes: 1, seconds: 0.25, level: 5, deviation: -22, bytes: 110 },
          { step: 1, kind: 'diagonals', layer: 'layer-1', passes: 2, seconds: 1, level: 3, deviation: -18, bytes: 330 }
        ],
        retries: 0,
        shares: {},
        endorsements: 0,
        bytes: { sent: 600, received: 60 }
      }
    ])
  })

  it('forgets the steps of an evaluation that is begun again, and what was being done when it is over', () => {
    const history = play([
      inState('running'),
      { event: 'progress', query: QUERY, done: 1, total: 4, step: 'layer-0' },
      step(0, 0, 1, -20),
      { event: 'retry', query: QUERY, code: 'internal' },
      step(0, 0, 2, -20),
      inState('failed'),
      // Fetched or not, others go on sending: this is not of the query any more.
      { event: 'phase', query: QUERY, phase: 'evaluation', seconds: 1 }
    ])
    const [query] = history.queries()
    expect(query).toMatchObject({ retries: 1, steps: [{ passes: 1, seconds: 2 }], bytes: { sent: 500, received: 50 } })
    expect(query?.states.at(-1)).toEqual({ state: 'failed', time: 6000, code: 'internal' })
    expect(query?.progress).toBeUndefined()
  })

  it('counts what a key holder gives and what a witness endorses', () => {
    const shares = { query: QUERY, epoch: 'e', grant: 'g', querier: 'Q', step: 'r1.0', attempt: 0 }
    const of = { query: QUERY, epoch: 'e', release: 'r' }
    const history = play([
      { event: 'admitted', ...of, grant: 'g', sender: 'S', querier: 'Q', samples: 4 },
      { event: 'shares', ...shares, protocol: 'refresh', ciphertexts: 3, seconds: 0.5 },
      { event: 'shares', ...shares, protocol: 'refresh', ciphertexts: 2, seconds: 0.25 },
      { event: 'shares', ...shares, protocol: 'switch', ciphertexts: 1, seconds: 0.1 },
      { event: 'endorsed', ...of, protocol: 'refresh', step: 'r1.0', attempt: 0 },
      { event: 'endorsed', ...of, protocol: 'switch', step: 'out', attempt: 0 },
      { event: 'not-endorsed', query: QUERY, evaluator: 'E', code: 'share-conflict', culprit: '' }
    ])
    const [query] = history.queries()
    expect(query?.shares).toEqual({
      refresh: { requests: 2, ciphertexts: 5, seconds: 0.75 },
      switch: { requests: 1, ciphertexts: 1, seconds: 0.1 }
    })
    expect(query?.endorsements).toBe(2)
    expect(query?.states.map(({ state }) => state)).toEqual(['admitted', 'endorsed', 'not-endorsed'])
  })

  it('is bounded, whatever happens: the queries that something happened to last, their last states, the last lines', () => {
    const many = Array.from({ length: 100 }, (_, k) => inState('open', `query-${k}`))
    const history = play([...many, inState('queued', 'query-80')])
    const names = history.queries().map(({ query }) => query)
    expect(names).toHaveLength(24)
    expect(names.slice(0, 2)).toEqual(['query-80', 'query-99'])

    const restless = play(Array.from({ length: 200 }, (_, k) => inState(k % 2 === 0 ? 'queued' : 'running')))
    const [query] = restless.queries()
    expect(query?.states).toHaveLength(24)
    expect(query?.states.at(-1)).toEqual({ state: 'running', time: 200_000 })
    expect(play(Array.from({ length: 3000 }, (_, k) => step(k, 0, 1, -20))).queries()[0]?.steps).toHaveLength(1024)

    for (let k = 0; k < 300; k++) history.audit({ event: 'shares', k })
    const events = history.events()
    expect(events).toHaveLength(100)
    expect(events[0]).toMatchObject({ event: 'shares', k: 299 })
  })
})
