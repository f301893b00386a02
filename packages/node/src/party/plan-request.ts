/** What a configuration asks of the plan. */

import { asksWithWholeKey } from '@slytherin/protocol'
import { linkOf } from '../configuration/link.js'
import type { Configuration } from '../configuration/schema.js'
import type { PlanRequest } from '../worker/cryptography-module.js'

/** The evaluator plans for this; the owner of the model takes it that all configurations say the same. */
export function planRequest({ session, roster }: Configuration): PlanRequest {
  const { batch, data, weights, floodingBits, floodingBounds, maximumDecryptions, minimumRefreshes, precision, link, refreshing } = session
  const { expectedQueries, maximumKeyBytes } = session
  return {
    batch,
    data,
    weights,
    minimumRefreshes,
    refreshing,
    parties: roster.filter(({ roles }) => roles.includes('key-holder')).length,
    seededInputs: data === 'encrypted' && asksWithWholeKey(roster.map(({ peerId, roles }) => ({ peer: peerId, roles }))),
    ...(floodingBits === undefined ? {} : { floodingBits }),
    ...(floodingBounds === undefined ? {} : { floodingBounds }),
    ...(maximumDecryptions === undefined ? {} : { maximumDecryptions }),
    ...(precision === undefined ? {} : { precision }),
    ...(expectedQueries === undefined ? {} : { expectedQueries }),
    ...(maximumKeyBytes === undefined ? {} : { maximumKeyBytes }),
    ...(link === undefined || link === 'measured' ? {} : { link: linkOf(link) })
  }
}
