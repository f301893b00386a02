/** States of the shortest path of levels, rescalings and refreshes, and which of them are worth keeping. */
import type { ScheduledRefresh } from './schedule.js'

/** A value as it is to be read. */
export interface Reach {
  /** lowest log2 scale, and how far it may be raised by choosing what came before */
  readonly low: number
  readonly high: number
  readonly level: number
}

/** The value that has just been made, and what goes with it. */
export interface State extends Reach {
  readonly cost: number
  readonly refreshes: number
  /** values that wait, in the order of the operation's `waiting` */
  readonly waiting: readonly Waiting[]
  /** what has been refreshed for the operation that follows */
  readonly refreshed?: readonly ScheduledRefresh[]
  readonly previous?: State
  /** of the operation that led here: with the scales of its operands */
  readonly from?: { readonly level: number; readonly rescalings: number; readonly scalesIn: readonly number[] }
}

/** It has one scale, at which it has been read or is going to be. */
export interface Waiting extends Reach {
  readonly value: number
}

/** No scale is raised by more. */
const RAISE_BITS = 24
/** States of the same levels that are kept where branches are apart. */
const ALIKE_STATES = 3

/** Drops every state that another one betters in all of cost, range of scales, level and refreshes (levels can be given up for nothing). */
export function prune(states: State[]): State[] {
  const sorted = states.sort((a, b) => a.cost - b.cost || a.low - b.low || b.level - a.level || b.refreshes - a.refreshes)
  const kept: State[] = []
  // the same by level: only those that are as high can better another
  const high: State[][] = []
  // by level, of those kept there or above the one with the lowest scale: it betters nearly whatever any of them does
  const lowest: State[] = []
  for (const state of sorted) {
    const likely = lowest[state.level]
    // none of them has so low a scale
    const unrivalled = likely === undefined || likely.low > state.low
    if (!unrivalled && (betters(likely, state) || bettered(high, state))) continue
    kept.push(state)
    for (let level = high.length; level <= state.level; level++) high.push([])
    high[state.level]!.push(state)
    if (!unrivalled) continue
    for (let level = state.level; level >= 0 && (lowest[level]?.low ?? Number.POSITIVE_INFINITY) > state.low; level--) lowest[level] = state
  }
  return kept
}

/**
 * Where branches are apart, states multiply by the levels of all that waits. Of those with the same level and the same least level of what waits, only the cheapest are kept:
 * what meets later does so at the least level. States come in the order of their costs.
 */
export function thinned(states: State[]): State[] {
  if (states.length === 0 || states[0]!.waiting.length === 0) return states
  const kept = new Map<number, number>()
  return states.filter(({ level, waiting }) => {
    const key = 64 * level + Math.min(...waiting.map(value => value.level))
    const count = kept.get(key) ?? 0
    kept.set(key, count + 1)
    return count < ALIKE_STATES
  })
}

function bettered(high: readonly (readonly State[])[], state: State): boolean {
  for (let level = high.length - 1; level >= state.level; level--) {
    const others = high[level]!
    for (let k = 0; k < others.length; k++) if (betters(others[k]!, state)) return true
  }
  return false
}

/** Whether another state of the same level, nothing waiting, betters one that comes after it: `prune` would drop that. */
export function outdone(
  rivals: readonly State[],
  { cost, low, high, refreshes }: Pick<State, 'cost' | 'low' | 'high' | 'refreshes'>
): boolean {
  for (let k = 0; k < rivals.length; k++) {
    const other = rivals[k]!
    if (other.cost <= cost && other.low <= low && other.refreshes >= refreshes && other.high >= Math.min(high, other.low + RAISE_BITS))
      return true
  }
  return false
}

/** Whether a state that costs no more makes another one superfluous. */
const betters = (other: State, state: State): boolean =>
  other.low <= state.low &&
  other.level >= state.level &&
  other.refreshes >= state.refreshes &&
  other.high >= Math.min(state.high, other.low + RAISE_BITS) &&
  (other.waiting.length === 0 ||
    other.waiting.every(({ low, level }, k) => low <= state.waiting[k]!.low && level >= state.waiting[k]!.level)) &&
  // a state that has just been refreshed cannot raise its scale at will
  (other.refreshed === undefined || state.refreshed !== undefined)
