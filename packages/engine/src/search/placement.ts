/**
 * Levels, rescalings and refreshes by shortest path.
 *
 * The program is a chain of operations between boundaries 0 (input) … n (logits). In bits (log2), with primes of p bits:
 *
 *   affine    scale' = scale + weightScale - p·d       weightScale free, at least what precision asks
 *   square    scale' = 2·scale + g - p·d               g fixed by how samples share slots
 *   polynomial  scale' free, like an affine layer's (its coefficients are encoded as needed); scale near p, from where powers take theirs; d = ⌈log2(degree + 1)⌉
 *   refresh   level → top, scale stays                 where Q_l holds the masks
 *
 * d primes are dropped by rescaling after an operation. A scale must be large enough that the noise which enters there, times the gain from there to the logits,
 * stays within the error budget (`minimum`), and small enough that the message fits Q_l. Since weights can raise a scale at will, all that matters about a path is
 * its level and the lowest scale it can have: states are (boundary, level, refreshes so far) with the Pareto front of (cost, lowest scale).
 */

import { MOST_RESCALINGS } from '../steps/step.js'

export interface ScheduledOperation {
  readonly kind: 'affine' | 'square' | 'polynomial'
  /** g: log2 of the scale of a square relative to the square of its operand's */
  readonly squareBits: number
  /** log2 of the bound on |slot| before and after */
  readonly magnitudeIn: number
  readonly magnitudeOut: number
  /** least and largest log2 scale of the weights (affine only) */
  readonly weightMinimum: number
  readonly weightMaximum: number
  /** polynomial only */
  readonly polynomial?: {
    /** primes that it drops */
    readonly depth: number
    /** least log2 scale of the argument */
    readonly argumentMinimum: number
    /** largest log2 scale of the argument, given the level of the result */
    argumentMaximum(level: number): number
    /** least log2 scale of the result, given the argument's */
    resultMinimum(argument: number): number
  }
  /** least and largest log2 scale of the result */
  readonly minimum: number
  readonly maximum: number
  /** seconds when run at this level with d rescalings */
  cost(level: number, rescalings: number): number
}

export interface ScheduleProblem {
  readonly operations: readonly ScheduledOperation[]
  /** number of ciphertext primes */
  readonly primes: number
  readonly primeBits: number
  readonly inputMinimum: number
  readonly inputMaximum: number
  readonly inputMagnitude: number
  inputCost(level: number): number
  readonly minimumRefreshes: number
  /** whatever a schedule costs: nothing is gained by giving up levels */
  readonly costless?: true
  /** whether the boundary may be refreshed at this level and log2 scale */
  refreshable(boundary: number, level: number, scale: number): boolean
  refreshCost(boundary: number, level: number): number
  /** whether the logits may leave at this level and log2 scale */
  finishable(level: number, scale: number): boolean
  /** bits that flooded logits take and bits that there are, at whichever level and log2 scale comes closest */
  floodedBits(leaving: readonly { readonly level: number; readonly low: number }[]): { readonly needed: number; readonly available: number }
}

export interface ScheduledStep {
  readonly operation: number
  /** level at which the operation runs */
  readonly level: number
  readonly rescalings: number
  /** log2 scale before and after */
  readonly scaleIn: number
  readonly scaleOut: number
  /** level at which its input is refreshed first */
  readonly refreshedFrom?: number
}

export interface Schedule {
  readonly inputLevel: number
  readonly steps: readonly ScheduledStep[]
}

/** Where no schedule gets past. */
export interface Blockage {
  /** the operation; their number when all are done and the logits cannot leave */
  readonly operation: number
  /**
   * what it takes more of than there is: levels; bits of a log2 scale; bits of noise that the logits leave with; refreshes that have a place; bytes in the evaluator; bits by
   * which the tracked error is too large
   */
  readonly kind: 'levels' | 'scale' | 'flooding' | 'refreshes' | 'memory' | 'precision'
  readonly needed: number
  readonly available: number
}

interface State {
  readonly cost: number
  /** lowest log2 scale, and how far it may be raised by choosing what came before */
  readonly low: number
  readonly high: number
  readonly level: number
  readonly refreshes: number
  /** level from which this state was refreshed at its own boundary */
  readonly refreshedFrom?: number
  readonly previous?: State
  /** of the operation that led here */
  readonly from?: { readonly level: number; readonly rescalings: number; readonly scaleIn: number }
}

/** Largest log2 scale at this level of slots of this log2 bound. */
type Capacity = (level: number, magnitude: number) => number

/** No operation on scales of a prime or two gains by dropping more primes at once. */
const MAXIMUM_RESCALINGS = 3
/** Bits between message and modulus: sign, and one of slack. */
const HEADROOM_BITS = 2
/** No scale is raised by more. */
const RAISE_BITS = 24
/** Bits kept for scales that are rounded up when they are fixed. */
const ROUNDING_BITS = 0.2

/**
 * @param bound cost that a schedule must stay below
 * @returns the cheapest schedule; 'costly' when those that there may be are not cheap enough, what blocks when there is none
 */
export function schedule(problem: ScheduleProblem, bound = Number.POSITIVE_INFINITY): Schedule | 'costly' | Blockage {
  const { operations, primes, primeBits } = problem
  const top = primes - 1
  const capacity: Capacity = (level, magnitude) => (level + 1) * primeBits - Math.max(magnitude, 0) - HEADROOM_BITS - ROUNDING_BITS
  let costly = false
  let front: State[] = []
  for (let level = 0; level <= top; level++) {
    const low = problem.inputMinimum + ROUNDING_BITS
    const high = Math.min(problem.inputMaximum, capacity(level, problem.inputMagnitude))
    if (low <= high) front.push({ cost: problem.inputCost(level), low, high, level, refreshes: 0 })
    else if (level === top && front.length === 0) return { operation: 0, kind: 'scale', needed: low, available: high }
  }
  for (let index = 0; index < operations.length; index++) {
    const operation = operations[index]!
    const costs = remembered(operation)
    const states = index === 0 ? front : prune([...front, ...refreshed(problem, front, index, top)])
    const reached: State[] = []
    for (const state of states) {
      const lowest = problem.costless ? state.level : 0
      for (let level = state.level; level >= lowest; level--) {
        const most = mostRescalings(operation, level, state.low / primeBits)
        for (let rescalings = fewestRescalings(operation); rescalings <= most; rescalings++) {
          const cost = state.cost + costs(level, rescalings)
          if (cost >= bound) {
            costly = true
            continue
          }
          const next = transition(problem, operation, index, state, level, rescalings, cost, capacity)
          if (next) reached.push(next)
        }
      }
    }
    front = prune(reached)
    if (front.length === 0) return costly ? 'costly' : blockageOf(problem, index, states, capacity)
  }
  let best: State | undefined
  for (const state of front) {
    if (state.refreshes < problem.minimumRefreshes) continue
    if (problem.finishable(state.level, state.low) && (!best || state.cost < best.cost)) best = state
  }
  if (best) return unwind(problem, best)
  if (costly) return 'costly'
  const operation = operations.length
  const placed = Math.max(...front.map(({ refreshes }) => refreshes))
  if (placed < problem.minimumRefreshes) return { operation, kind: 'refreshes', needed: problem.minimumRefreshes, available: placed }
  return { operation, kind: 'flooding', ...problem.floodedBits(front) }
}

/** The same question whatever a schedule costs: one state a level and number of refreshes is enough to tell whether there is any. */
export const withoutCosts = (problem: ScheduleProblem): ScheduleProblem => ({
  ...problem,
  costless: true,
  inputCost: () => 0,
  refreshCost: () => 0,
  operations: problem.operations.map(operation => ({ ...operation, cost: () => 0 }))
})

/** What a schedule costs, whatever it was looked for by. */
export function costOf(problem: ScheduleProblem, { inputLevel, steps }: Schedule): number {
  const costs = steps.map(({ operation, level, rescalings, refreshedFrom }) => {
    const refresh = refreshedFrom === undefined ? 0 : problem.refreshCost(operation, refreshedFrom)
    return refresh + problem.operations[operation]!.cost(level, rescalings)
  })
  return costs.reduce((sum, cost) => sum + cost, problem.inputCost(inputLevel))
}

/** What the operation misses where it gets closest. */
function blockageOf(problem: ScheduleProblem, index: number, states: readonly State[], capacity: Capacity): Blockage {
  const operation = problem.operations[index]!
  const fewest = fewestRescalings(operation)
  const levels = Math.max(...states.map(({ level }) => level))
  let closest: Blockage = { operation: index, kind: 'levels', needed: fewest, available: levels }
  let missing = Number.POSITIVE_INFINITY
  for (const state of states) {
    for (let level = state.level; level >= fewest; level--) {
      for (let rescalings = fewest; rescalings <= mostRescalings(operation, level, state.low / problem.primeBits); rescalings++) {
        const { scaleIn, largestIn, low, high } = scalesOf(problem, operation, state, level, rescalings, capacity)
        // with too long an argument, what the result would need is beyond all measure
        const [needed, available] = scaleIn > largestIn ? [scaleIn, largestIn] : [low, high]
        if (!(needed - available < missing)) continue
        missing = needed - available
        closest = { operation: index, kind: 'scale', needed, available }
      }
    }
  }
  return closest
}

function refreshed(problem: ScheduleProblem, front: readonly State[], boundary: number, top: number): State[] {
  const out: State[] = []
  for (const state of front) {
    for (let level = 0; level <= state.level; level++) {
      if (!problem.refreshable(boundary, level, state.low)) continue
      const refreshes = Math.min(state.refreshes + 1, problem.minimumRefreshes)
      out.push({
        cost: state.cost + problem.refreshCost(boundary, level),
        low: state.low,
        high: state.high,
        level: top,
        refreshes,
        refreshedFrom: level,
        previous: state
      })
      break
    }
  }
  return out
}

/** Least and largest log2 scales of an operation's operand and result. */
function scalesOf(
  problem: ScheduleProblem,
  operation: ScheduledOperation,
  state: State,
  level: number,
  rescalings: number,
  capacity: Capacity
): { readonly scaleIn: number; readonly largestIn: number; readonly low: number; readonly high: number } {
  const dropped = rescalings * problem.primeBits
  const minimum = operation.minimum + ROUNDING_BITS
  let scaleIn = state.low
  let largestIn = capacity(level, operation.magnitudeIn)
  let low: number
  let high = Math.min(operation.maximum, capacity(level - rescalings, operation.magnitudeOut))
  const { polynomial } = operation
  if (polynomial) {
    scaleIn = Math.max(scaleIn, polynomial.argumentMinimum + ROUNDING_BITS)
    largestIn = Math.min(largestIn, polynomial.argumentMaximum(level - rescalings))
    low = Math.max(minimum, polynomial.resultMinimum(scaleIn) + ROUNDING_BITS)
  } else if (operation.kind === 'affine') {
    low = Math.max(minimum, scaleIn + operation.weightMinimum + ROUNDING_BITS - dropped)
    high = Math.min(high, scaleIn + operation.weightMaximum - dropped)
  } else {
    scaleIn = Math.max(scaleIn, (minimum + dropped - operation.squareBits) / 2)
    low = 2 * scaleIn + operation.squareBits - dropped
    high = Math.min(high, 2 * Math.min(state.high, largestIn) + operation.squareBits - dropped)
  }
  if (scaleIn > state.low) largestIn = Math.min(largestIn, state.high)
  return { scaleIn, largestIn, low, high }
}

function transition(
  problem: ScheduleProblem,
  operation: ScheduledOperation,
  index: number,
  state: State,
  level: number,
  rescalings: number,
  cost: number,
  capacity: Capacity
): State | undefined {
  const { scaleIn, largestIn, low, high } = scalesOf(problem, operation, state, level, rescalings, capacity)
  if (low > high || scaleIn > largestIn) return undefined
  // a scale that is raised was so before the refresh
  if (scaleIn !== state.low && state.refreshedFrom !== undefined && !problem.refreshable(index, state.refreshedFrom, scaleIn))
    return undefined
  return {
    cost,
    low,
    high,
    level: level - rescalings,
    refreshes: state.refreshes,
    previous: state,
    from: { level, rescalings, scaleIn }
  }
}

/** Seconds by level and number of rescalings. */
function remembered(operation: ScheduledOperation): (level: number, rescalings: number) => number {
  const known: number[][] = []
  return (level, rescalings) => {
    known[level] ??= []
    known[level][rescalings] ??= operation.cost(level, rescalings)
    return known[level][rescalings]
  }
}

const fewestRescalings = ({ polynomial }: ScheduledOperation): number => polynomial?.depth ?? 0

/**
 * Below the fewest when there is no such level.
 * @param primesInScale of what goes into the operation: polynomials that must be precise leave large scales
 */
const mostRescalings = ({ polynomial }: ScheduledOperation, level: number, primesInScale: number): number =>
  Math.min(level, polynomial?.depth ?? Math.min(MOST_RESCALINGS, Math.max(MAXIMUM_RESCALINGS, Math.floor(primesInScale))))

/** Drops every state that another one betters in all of cost, range of scales, level and refreshes (levels can be given up for nothing). */
function prune(states: State[]): State[] {
  const sorted = states.sort((a, b) => a.cost - b.cost || a.low - b.low || b.level - a.level || b.refreshes - a.refreshes)
  const kept: State[] = []
  // by level, of those kept there or above the one with the lowest scale: it betters nearly whatever any of them does
  const lowest: State[] = []
  for (const state of sorted) {
    const likely = lowest[state.level]
    // none of them has so low a scale
    const unrivalled = likely === undefined || likely.low > state.low
    if (!unrivalled && (betters(likely, state) || kept.some(other => betters(other, state)))) continue
    kept.push(state)
    if (!unrivalled) continue
    for (let level = state.level; level >= 0 && (lowest[level]?.low ?? Number.POSITIVE_INFINITY) > state.low; level--) lowest[level] = state
  }
  return kept
}

/** Whether a state that costs no more makes another one superfluous. */
const betters = (other: State, state: State): boolean =>
  other.low <= state.low &&
  other.level >= state.level &&
  other.refreshes >= state.refreshes &&
  other.high >= Math.min(state.high, other.low + RAISE_BITS) &&
  // a state that has just been refreshed cannot raise its scale at will
  (other.refreshedFrom === undefined || state.refreshedFrom !== undefined)

/** Fixes the scales backwards: as low as they can be, except that input and first weights share what slack there is. */
function unwind(problem: ScheduleProblem, last: State): Schedule {
  const steps: ScheduledStep[] = []
  let state = last
  let scale = last.low
  let inputLevel = 0
  for (let index = problem.operations.length - 1; index >= 0; index--) {
    const operation = problem.operations[index]!
    const { level, rescalings } = state.from!
    const before = state.previous!
    const dropped = rescalings * problem.primeBits
    let scaleIn = before.low
    if (operation.kind === 'square') scaleIn = (scale + dropped - operation.squareBits) / 2
    else if (operation.kind === 'polynomial') scaleIn = state.from!.scaleIn
    else if (index === 0)
      scaleIn = Math.min(problem.inputMaximum, scaleIn + Math.max(0, scale + dropped - operation.weightMinimum - scaleIn) / 2)
    const step: ScheduledStep = { operation: index, level, rescalings, scaleIn, scaleOut: scale }
    steps.unshift(before.refreshedFrom === undefined ? step : { ...step, refreshedFrom: before.refreshedFrom })
    scale = scaleIn
    state = before.refreshedFrom === undefined ? before : before.previous!
    if (index === 0) inputLevel = level
  }
  return { inputLevel, steps }
}
