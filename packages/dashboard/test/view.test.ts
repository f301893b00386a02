/** From what a party tells to what its page shows. */
import { STATUS_VERSION } from '@slytherin/dashboard'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatBytes, formatPower, formatSeconds, formatTime } from '../src/view/format.js'
import { layersOf } from '../src/view/layers.js'
import { phasesOf } from '../src/view/phases.js'
import { queryView } from '../src/view/queries.js'
import { viewOf } from '../src/view/view.js'
import { NOW, queryOf, statusOf } from './support/status.js'

const brief = (query: Parameters<typeof phasesOf>[0]): string[] =>
  phasesOf(query, NOW).map(({ label, state, note }) => `${label}: ${state}${note === '' ? '' : ` (${note})`}`)

describe('a query at an evaluator', () => {
  const opened = { state: 'open', time: NOW - 10_000 }
  const queued = { state: 'queued', time: NOW - 8_000 }
  const running = { state: 'running', time: NOW - 2_500 }

  it('shows what is past with its time, what is now, and what is to come', () => {
    expect(brief(queryOf({ states: [opened, queued, running] }))).toEqual([
      'inputs arrive: past (2.00 s)',
      'in the queue: past (5.50 s)',
      'evaluation: present (2.50 s)',
      'answer waits: to come',
      'answer fetched: to come'
    ])
  })

  it('that was fetched has nothing to come, and is not busy', () => {
    const query = queryOf({ states: [opened, queued, running, { state: 'done', time: NOW - 100 }, { state: 'fetched', time: NOW }] })
    expect(brief(query).at(-1)).toBe('answer fetched: past')
    expect(queryView(query, NOW)).toMatchObject({ state: 'answer fetched', tone: 'good' })
    expect(viewOf(statusOf({ queries: [query] })).busy).toBe(false)
  })

  it('that failed says with which code, and has nothing to come', () => {
    const query = queryOf({ states: [opened, queued, running, { state: 'failed', time: NOW, code: 'quota-exceeded' }] })
    expect(brief(query).at(-1)).toBe('failed: failed (quota-exceeded)')
    expect(brief(query)).toHaveLength(4)
    expect(queryView(query, NOW).tone).toBe('bad')
  })

  it('of which nobody remembers since when it waits shows no time', () => {
    expect(brief(queryOf({ states: [{ state: 'queued', time: 0 }] }))[0]).toBe('in the queue: present')
  })

  it('says how far it is while it runs, and where its time went', () => {
    const progress = { done: 3, total: 12, step: 'dense-1' }
    const phases = { refresh: { seconds: 0.75, count: 3 }, queue: { seconds: 5.5, count: 1 } }
    const view = queryView(
      queryOf({ states: [opened, queued, running], progress, phases, bytes: { sent: 2000, received: 10 }, retries: 1 }),
      NOW
    )
    expect(view.progress).toEqual({ ...progress, text: 'dense-1: 3 of 12' })
    expect(view.facts).toEqual([
      { label: 'in the queue', value: '5.50 s' },
      { label: 'refreshes by key holders', value: '0.75 s in 3' },
      { label: 'sent meanwhile', value: '2.0 kB' },
      { label: 'received meanwhile', value: '10 B' },
      { label: 'begun again', value: '1×' }
    ])
    expect(
      queryView(queryOf({ states: [opened, queued, running], progress: { done: 0, total: 0, step: 'waiting' } }), NOW).progress?.text
    ).toBe('waiting')
  })
})

describe('a query elsewhere', () => {
  it('at a key holder is admitted, gets shares of refreshes, and is over with those of its result', () => {
    const states = [{ state: 'admitted', time: NOW - 1000 }]
    const refresh = { requests: 2, ciphertexts: 5, seconds: 0.25 }
    expect(brief(queryOf({ states }))).toEqual(['admitted: past', 'shares of refreshes: to come', 'shares of the result: to come'])
    expect(brief(queryOf({ states, shares: { refresh } }))[1]).toBe('shares of refreshes: present (2×, 0.25 s)')
    const helped = queryOf({ states, shares: { refresh, switch: { requests: 1, ciphertexts: 1, seconds: 0.1 } } })
    expect(brief(helped).slice(1)).toEqual(['shares of refreshes: past (2×, 0.25 s)', 'shares of the result: past (1×, 0.10 s)'])
    expect(queryView(helped, NOW)).toMatchObject({ state: 'helped', tone: 'good' })
    expect(queryView(helped, NOW).facts).toEqual([
      { label: 'shares of refreshes', value: '5 ciphertexts in 2 requests' },
      { label: 'shares of the result', value: '1 ciphertext in 1 request' }
    ])
    expect(viewOf(statusOf({ queries: [queryOf({ states })] })).busy).toBe(true)
  })

  it('at a witness is endorsed, or is not', () => {
    expect(brief(queryOf({ states: [{ state: 'endorsed', time: NOW }], endorsements: 3 }))).toEqual(['followed and endorsed: past (3×)'])
    const refused = queryOf({ states: [{ state: 'not-endorsed', time: NOW, code: 'share-conflict' }] })
    expect(queryView(refused, NOW)).toMatchObject({ state: 'not endorsed', tone: 'bad' })
  })

  it('at whoever asks is sent, and answered', () => {
    expect(brief(queryOf({ states: [{ state: 'sent', time: NOW - 3000 }] }))).toEqual(['sent: present (3.00 s)', 'answered: to come'])
  })
})

describe('layers', () => {
  const step = { step: 0, kind: 'linear', layer: 'dense-1', passes: 1, seconds: 0.2, level: 5, deviation: -20.04, bytes: 0 }

  it('have time, level, error and bytes, and bars as long as their share of the longest', () => {
    const rows = layersOf([step, { ...step, step: 3, kind: 'refresh', layer: 'refresh', passes: 2, seconds: 0.8, bytes: 51_200 }])
    expect(rows).toEqual([
      { key: 0, layer: 'dense-1', kind: 'linear', seconds: '0.20 s', length: 0.25, level: 5, error: '2^−20.0', bytes: '–' },
      { key: 3, layer: 'refresh', kind: 'refresh, 2 passes', seconds: '0.80 s', length: 1, level: 5, error: '2^−20.0', bytes: '51.2 kB' }
    ])
    expect(layersOf([])).toEqual([])
    expect(layersOf([{ ...step, seconds: 0 }])[0]?.length).toBe(0)
  })
})

describe('the page', () => {
  it('shows budgets of keys, presence of holders, and keys that are over as past', () => {
    const epoch = {
      epoch: 'ab'.repeat(32),
      cohort: 'clinic',
      state: 'ready',
      threshold: 2,
      holders: [{ name: 'holder-1', state: 'this party' as const }],
      witnesses: [],
      generation: 0,
      created: NOW - 1000,
      expires: NOW + 3 * 86_400_000,
      logN: 14,
      levels: 7,
      floodingBits: 30,
      decryptions: { used: 1500, limit: 10_000 }
    }
    const { epochs } = viewOf(statusOf({ epochs: [epoch, { ...epoch, epoch: 'cd', expires: NOW, state: 'over' }] }))
    expect(epochs[0]).toMatchObject({ name: 'clinic · abababababab', tone: 'good' })
    expect(epochs[0]?.budgets).toEqual([{ label: 'decryptions', used: 1500, limit: 10_000, text: '1,500 of 10,000 ciphertexts' }])
    expect(epochs[0]?.facts).toContainEqual({ label: 'ends', value: '2026-01-05 03:04 (in 3 days)' })
    expect(epochs[1]?.tone).toBe('past')
  })

  it('puts audit events into words, names for peers, beginnings for identifiers', () => {
    const querier = { peer: '12D3KooWQ', name: 'querier-1' }
    const event = {
      time: NOW,
      event: 'query-failed',
      query: 'c0ffee00c0ffee00c0ffee00',
      querier,
      holders: [querier, { peer: '12D3KooWX' }],
      code: ''
    }
    expect(viewOf(statusOf({ events: [event] })).events).toEqual([
      {
        key: `1 ${NOW}`,
        time: '03:04:05',
        title: 'query failed',
        details: 'query c0ffee00c0ff · querier querier-1 · holders querier-1, 12D3KooWX',
        tone: 'bad'
      }
    ])
  })

  it('is ready where nothing is missing, says how long it is up and what travelled', () => {
    const view = viewOf(statusOf())
    expect(view.ready).toBe(true)
    expect(view.facts.map(({ label, value }) => `${label} ${value}`)).toEqual([
      'version 0.1.0',
      'up for 90.0 s',
      'memory 150 MB',
      'sent 1.2 MB',
      'received 999 B'
    ])
    expect(viewOf(statusOf({ missing: [{ message: 'm', remedy: 'r' }] })).ready).toBe(false)
  })

  it('takes no status of another version', () => {
    expect(() => viewOf({ ...statusOf(), version: (STATUS_VERSION + 1) as typeof STATUS_VERSION })).toThrow('load this page again')
    expect(() => viewOf(undefined as never)).toThrow('load this page again')
  })

  it('passes over states that it does not know', () => {
    const query = queryOf({ states: [{ state: 'levitating', time: NOW }] })
    expect(queryView(query, NOW)).toMatchObject({ state: 'levitating', tone: 'good' })
  })
})

describe('numbers', () => {
  it('of seconds and bytes keep their first digits, whatever their size', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e15, noNaN: true }), bytes => {
        const [number, unit] = formatBytes(bytes).split(' ') as [string, string]
        const back = Number(number) * 1000 ** ['B', 'kB', 'MB', 'GB', 'TB', 'PB'].indexOf(unit)
        expect(Math.abs(back - bytes) / bytes).toBeLessThan(bytes < 10 ? 0.51 : 0.06)
        expect(number.length).toBeLessThanOrEqual(4)
      })
    )
    expect([0, 0.00012, 0.05, 0.0999, 9.996, 99.96, 3599.6, 7300, 200_000].map(formatSeconds)).toEqual([
      '0.0 ms',
      '0.1 ms',
      '50 ms',
      '0.10 s',
      '10.0 s',
      '1 min 40 s',
      '1 h 0 min',
      '2 h 1 min',
      '2 days'
    ])
    expect([0, 999, 999.6, 1500, 99_949, 999_999].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.5 kB', '99.9 kB', '1.0 MB'])
  })

  it('beyond all dates and powers have no form that misleads', () => {
    expect([formatTime(0), formatTime(1e300), formatPower(Number.NEGATIVE_INFINITY)]).toEqual(['–', '–', 'exact'])
  })
})
