/**
 * What the signed plan foresees of requests to key holders. Checked beside the secret, before a share is made: too little flooding, too short a mask or a key
 * too many would be the aim of a request beyond it.
 */
import { UnforeseenRequestError } from '../errors/unforeseen-request.js'
import type { Plan } from './plan.js'

/** Level of the relinearisation key. @throws UnforeseenRequestError when the plan has none */
export function relinearizationLevelOf({ relinearizationLevel }: Plan): number {
  if (relinearizationLevel === null) throw new UnforeseenRequestError('relinearization', 'key', 'none', 'one')
  return relinearizationLevel
}

/** Level of an element's key. @throws UnforeseenRequestError when the plan has no such key */
export function galoisLevelOf({ galoisKeys }: Plan, element: number): number {
  const key = galoisKeys.find(need => need.element === element)
  if (key === undefined) throw new UnforeseenRequestError('galois', 'element', among(galoisKeys.map(need => need.element)), `${element}`)
  return key.level
}

/** @throws UnforeseenRequestError unless the plan has a refresh at that step, of that level, scale and magnitude, to the last bit */
export function checkRefresh({ refreshes }: Plan, request: { step: number; level: number; scale: number; magnitude: number }): void {
  let foreseen = refreshes.map(({ step, level, scale, magnitude }) => ({ step, level, scale, magnitude }))
  for (const field of ['step', 'level', 'scale', 'magnitude'] as const) {
    const matching = foreseen.filter(refresh => refresh[field] === request[field])
    if (matching.length === 0) {
      throw new UnforeseenRequestError('refresh', field, among(foreseen.map(refresh => refresh[field])), `${request[field]}`)
    }
    foreseen = matching
  }
}

/** Whether one party holds the whole key: it is asked to re-encrypt and gives no shares of refreshes and switches. */
export const isWholeKey = ({ threshold }: Pick<Plan, 'threshold'>): boolean => threshold === 1

/** @throws UnforeseenRequestError when the level is not the plan's, or less noise (log2) is claimed than the plan floods by */
export function checkSwitch({ output }: Plan, { level, noise }: { level: number; noise: number }): void {
  if (level !== output.level) throw new UnforeseenRequestError('switch', 'level', `${output.level}`, `${level}`)
  if (!(noise >= output.floodedNoise && noise < Number.POSITIVE_INFINITY)) {
    throw new UnforeseenRequestError('switch', 'noise', `at least ${output.floodedNoise}, finite`, `${noise}`)
  }
}

function among(values: readonly number[]): string {
  return [...new Set(values)].join(' or ') || 'none'
}
