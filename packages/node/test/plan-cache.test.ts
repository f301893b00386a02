/** Plans that a party has read of releases. */
import { plan } from '@slytherin/engine'
import { TINY_ARCHITECTURE } from '@slytherin/protocol/testing'
import { expect, test } from 'vitest'
import type { KnownRelease } from '../src/service/lookup.js'
import { PlanCache } from '../src/service/plan-cache.js'

const tiny = plan(TINY_ARCHITECTURE, {
  batch: 4,
  parties: 1,
  minimumRefreshes: 0,
  floodingBits: 30,
  data: 'encrypted',
  weights: 'encrypted'
})

const named = (release: string): KnownRelease => ({ release, document: { plan: tiny } as KnownRelease['document'], withdrawn: false })

test('the plans of releases that are asked are read once, and of any number of releases a few are kept', () => {
  const plans = new PlanCache()
  const first = plans.of(named('0'))
  expect(first).toEqual(tiny)
  const read = Array.from({ length: 40 }, (_, k) => {
    // One that is asked all the time stays.
    expect(plans.of(named('0'))).toBe(first)
    return plans.of(named(`${k + 1}`))
  })
  expect(plans.of(named('40'))).toBe(read[39])
  expect(plans.of(named('1'))).not.toBe(read[0])
  expect(plans.of(named('1'))).toEqual(read[0])
})
