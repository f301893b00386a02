/**
 * Levels, rescalings and refreshes by shortest path.
 *
 * The program is a list of operations; value 0 is the input, value k the result of operation k - 1, the last one the logits. In a chain every operation reads the value before
 * it. In bits (log2), with primes of p bits:
 *
 *   affine    scale' = scale + weightScale - p·d       weightScale free, at least what precision asks; with several values, one for each
 *   square    scale' = 2·scale + g - p·d               g fixed by how samples share slots
 *   polynomial  scale' free, like an affine layer's (its coefficients are encoded as needed); scale near p, from where powers take theirs; d = ⌈log2(degree + 1)⌉
 *   product   scale' = scale₁ + scale₂ - p·d
 *   refresh   level → top, scale stays                 where Q_l holds the masks
 *
 * d primes are dropped by rescaling after an operation. A scale must be large enough that the noise which enters there, times the gain from there to the logits,
 * stays within the error budget (`minimum`), and small enough that the message fits Q_l. Since weights can raise a scale at will, all that matters about a path is
 * its level and the lowest scale it can have: states are (value, level, refreshes so far) with the Pareto front of (cost, lowest scale). Where branches are apart, a state also
 * has level and scale of the values that wait to be read; they keep the scale at which they are read first. Operations run one after another whatever branch they are of, so
 * the path goes through all of them; where branches meet, values are brought to one level, which is free, and refreshed before if need be.
 */

import { MOST_RESCALINGS } from '../steps/step.js'
import { outdone, prune, type Reach, type State, thinned, type Waiting } from './front.js'
import type { Blockage, Schedule, ScheduledOperation, ScheduledRefresh, ScheduledStep, ScheduleProblem } from './schedule.js'

/** Largest log2 scale at this level of slots of this log2 bound. */
type Capacity = (level: number, magnitude: number) => number

/** No operation on scales of a prime or two gains by dropping more primes at once. */
const MAXIMUM_RESCALINGS = 3
/** Bits between message and modulus: sign, and one of slack. */
const HEADROOM_BITS = 2
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
    if (low <= high) front.push({ cost: problem.inputCost(level), low, high, level, refreshes: 0, waiting: [] })
    else if (level === top && front.length === 0) return { operation: 0, kind: 'scale', needed: low, available: high }
  }
  for (let index = 0; index < operations.length; index++) {
    const operation = operations[index]!
    const costs = remembered(operation)
    const states = index === 0 ? front : prune([...front, ...refreshed(problem, front, index, top)])
    const reached: State[] = []
    // by level; of the same level, whatever comes later and is no better is none that would be kept
    const before: State[][] = []
    for (const state of states) {
      const operands = operandsOf(operation, index, state)
      const highest = highestLevel(operands)
      const lowest = problem.costless ? highest : 0
      for (let level = highest; level >= lowest; level--) {
        const most = mostRescalings(operation, level, operands[0]!.low / primeBits)
        for (let rescalings = fewestRescalings(operation); rescalings <= most; rescalings++) {
          const cost = state.cost + costs(level, rescalings)
          if (cost >= bound) {
            costly = true
            continue
          }
          before[level - rescalings] ??= []
          const rivals = before[level - rescalings]!
          const next = transition(problem, operation, index, state, operands, level, rescalings, cost, capacity, rivals)
          if (!next) continue
          reached.push(next)
          rivals.push(next)
        }
      }
    }
    front = thinned(prune(reached))
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
  const costs = steps.map(({ operation, level, rescalings, refreshed: before = [] }) => {
    const refresh = before.reduce((sum, { value, level: at }) => sum + problem.refreshCost(value, at), 0)
    return refresh + problem.operations[operation]!.cost(level, rescalings)
  })
  return costs.reduce((sum, cost) => sum + cost, problem.inputCost(inputLevel))
}

/** What the operation misses where it gets closest. */
function blockageOf(problem: ScheduleProblem, index: number, states: readonly State[], capacity: Capacity): Blockage {
  const operation = problem.operations[index]!
  const fewest = fewestRescalings(operation)
  const levels = Math.max(...states.map(state => highestLevel(operandsOf(operation, index, state))))
  let closest: Blockage = { operation: index, kind: 'levels', needed: fewest, available: levels }
  let missing = Number.POSITIVE_INFINITY
  for (const state of states) {
    const operands = operandsOf(operation, index, state)
    for (let level = highestLevel(operands); level >= fewest; level--) {
      for (let rescalings = fewest; rescalings <= mostRescalings(operation, level, operands[0]!.low / problem.primeBits); rescalings++) {
        const { scaleIn, largestIn, low, high } = scalesOf(problem, operation, operands, level, rescalings, capacity)
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

/** What an operation reads: the newest value, and those that wait. */
function operandsOf({ operands }: ScheduledOperation, index: number, state: State): readonly Reach[] {
  if (operands.length === 1 && operands[0].value === index) return [state]
  return operands.map(({ value }) => (value === index ? state : state.waiting.find(waiting => waiting.value === value)!))
}

const highestLevel = (operands: readonly Reach[]): number =>
  operands.length === 1 ? operands[0]!.level : Math.min(...operands.map(({ level }) => level))

/** States in which what the operation reads has been refreshed: all of it, or what is lowest. */
function refreshed(problem: ScheduleProblem, front: readonly State[], index: number, top: number): State[] {
  const operation = problem.operations[index]!
  const out: State[] = []
  for (const state of front) {
    const operands = operandsOf(operation, index, state)
    for (const below of new Set(operands.map(({ level }) => level))) {
      // the input is not refreshed: it comes at any level
      const lowest = operation.operands.flatMap(({ value }, k) => (operands[k]!.level <= below && value > 0 ? [k] : []))
      const refreshes = lowest.flatMap((k): ScheduledRefresh[] => {
        const { value } = operation.operands[k]!
        const from = lowestRefresh(problem, value, operands[k]!.level, operands[k]!.low)
        return from === undefined ? [] : [{ value, level: from }]
      })
      if (refreshes.length === 0 || refreshes.length < lowest.length) continue
      const raised = (value: number): number => (refreshes.some(refresh => refresh.value === value) ? top : -1)
      out.push({
        cost: refreshes.reduce((sum, { value, level }) => sum + problem.refreshCost(value, level), state.cost),
        low: state.low,
        high: state.high,
        level: Math.max(state.level, raised(index)),
        refreshes: Math.min(state.refreshes + refreshes.length, problem.minimumRefreshes),
        waiting: state.waiting.map(waiting => ({ ...waiting, level: Math.max(waiting.level, raised(waiting.value)) })),
        refreshed: refreshes,
        previous: state
      })
    }
  }
  return out
}

function lowestRefresh(problem: ScheduleProblem, value: number, highest: number, scale: number): number | undefined {
  for (let level = 0; level <= highest; level++) if (problem.refreshable(value, level, scale)) return level
  return undefined
}

/** Least and largest log2 scales of an operation's first operand and of its result. */
function scalesOf(
  problem: ScheduleProblem,
  operation: ScheduledOperation,
  operands: readonly Reach[],
  level: number,
  rescalings: number,
  capacity: Capacity
): { readonly scaleIn: number; readonly largestIn: number; readonly low: number; readonly high: number } {
  const [first] = operands as readonly [Reach]
  const dropped = rescalings * problem.primeBits
  const minimum = operation.minimum + ROUNDING_BITS
  let scaleIn = first.low
  let largestIn = capacity(level, operation.operands[0].magnitude)
  let low: number
  let high = Math.min(operation.maximum, capacity(level - rescalings, operation.magnitudeOut))
  const { polynomial } = operation
  if (polynomial) {
    scaleIn = Math.max(scaleIn, polynomial.argumentMinimum + ROUNDING_BITS)
    largestIn = Math.min(largestIn, polynomial.argumentMaximum(level - rescalings))
    low = Math.max(minimum, polynomial.resultMinimum(scaleIn) + ROUNDING_BITS)
  } else if (operation.kind === 'affine') {
    low = minimum
    for (let k = 0; k < operation.operands.length; k++) {
      const { weightMinimum, weightMaximum, magnitude } = operation.operands[k]!
      const scale = operands[k]!.low
      low = Math.max(low, scale + weightMinimum + ROUNDING_BITS - dropped)
      high = Math.min(high, scale + weightMaximum - dropped)
      if (k > 0 && scale > capacity(level, magnitude)) high = Number.NEGATIVE_INFINITY
    }
  } else if (operation.kind === 'product') {
    const other = operands[1]!
    scaleIn = Math.max(scaleIn, minimum + dropped - other.low)
    low = scaleIn + other.low - dropped
    high = Math.min(high, Math.min(first.high, largestIn) + other.low - dropped)
    if (other.low > capacity(level, operation.operands[1]!.magnitude)) high = Number.NEGATIVE_INFINITY
  } else {
    scaleIn = Math.max(scaleIn, (minimum + dropped - operation.squareBits) / 2)
    low = 2 * scaleIn + operation.squareBits - dropped
    high = Math.min(high, 2 * Math.min(first.high, largestIn) + operation.squareBits - dropped)
  }
  if (scaleIn > first.low) largestIn = Math.min(largestIn, first.high)
  return { scaleIn, largestIn, low, high }
}

function transition(
  problem: ScheduleProblem,
  operation: ScheduledOperation,
  index: number,
  state: State,
  operands: readonly Reach[],
  level: number,
  rescalings: number,
  cost: number,
  capacity: Capacity,
  rivals: readonly State[]
): State | undefined {
  const { scaleIn, largestIn, low, high: highest } = scalesOf(problem, operation, operands, level, rescalings, capacity)
  if (low > highest || scaleIn > largestIn) return undefined
  const [{ value }] = operation.operands
  // what others read as well keeps its scale, and so does what is made of it without weights
  const high = (operation.kind === 'square' || operation.kind === 'product') && operation.waiting.includes(value) ? low : highest
  if (operation.waiting.length === 0 && outdone(rivals, { cost, low, high, refreshes: state.refreshes })) return undefined
  const [first] = operands as readonly [Reach]
  // a scale that is raised was so before the refresh
  const refresh = scaleIn === first.low ? undefined : state.refreshed?.find(other => other.value === value)
  if (refresh && !problem.refreshable(value, refresh.level, scaleIn)) return undefined
  const scalesIn = operands.map((operand, k) => (k === 0 ? scaleIn : operand.low))
  const waiting = operation.waiting.map((kept): Waiting => {
    const { low: scale, level: at } = kept === index ? state : state.waiting.find(other => other.value === kept)!
    const fixed = kept === value ? scaleIn : scale
    return { value: kept, low: fixed, high: fixed, level: at }
  })
  return {
    cost,
    low,
    high,
    level: level - rescalings,
    refreshes: state.refreshes,
    waiting,
    previous: state,
    from: { level, rescalings, scalesIn }
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

/** Fixes the scales backwards: as low as they can be, except that input and first weights share what slack there is. */
function unwind(problem: ScheduleProblem, last: State): Schedule {
  const steps: ScheduledStep[] = []
  // by value, as its readers need it
  const scales = new Map([[problem.operations.length, last.low]])
  let state = last
  let inputLevel = 0
  for (let index = problem.operations.length - 1; index >= 0; index--) {
    const operation = problem.operations[index]!
    const { level, rescalings, scalesIn } = state.from!
    const before = state.previous!
    const dropped = rescalings * problem.primeBits
    const scale = scales.get(index + 1)!
    const [{ weightMinimum }] = operation.operands
    let scaleIn = scalesIn[0]!
    if (operation.kind === 'square') scaleIn = (scale + dropped - operation.squareBits) / 2
    else if (operation.kind === 'product') scaleIn = scale + dropped - scalesIn[1]!
    else if (operation.kind === 'affine' && index === 0 && !operation.waiting.includes(0))
      scaleIn = Math.min(problem.inputMaximum, scaleIn + Math.max(0, scale + dropped - weightMinimum - scaleIn) / 2)
    operation.operands.forEach((operand, k) => {
      scales.set(operand.value, k === 0 ? scaleIn : scalesIn[k]!)
      if (operand.value === 0) inputLevel = Math.max(inputLevel, level)
    })
    const step: ScheduledStep = { operation: index, level, rescalings, scaleIn, scaleOut: scale }
    steps.unshift(before.refreshed === undefined ? step : { ...step, refreshed: before.refreshed })
    state = before.refreshed === undefined ? before : before.previous!
  }
  return { inputLevel, steps }
}
