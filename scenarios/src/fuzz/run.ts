/** Gives every parser its share of mutated messages and judges what it makes of them. */
import type { Kernel } from '@slytherin/ring'
import { exceeded, type Footprint, footprint, growth } from './footprint.js'
import { mutate } from './mutations.js'
import { Keystream } from './random.js'
import type { Target } from './target.js'

/** Longest that one message may take, in ms: a machine that is busy with other things included. */
const LONGEST_MILLISECONDS = 20_000
/** Of a parser's messages, after which its memory is first looked at: caches are full then. */
const WARM_UP = 0.1
/** Failures kept of one parser. */
const KEPT_FAILURES = 5

export interface Failure {
  readonly parser: string
  /** Number of the message: with the seed, all there is to it. */
  readonly message: number
  readonly kind: 'untyped error' | 'accepted' | 'slow' | 'valid message refused'
  readonly detail: string
  readonly bytes: Uint8Array
}

export interface ParserReport {
  readonly parser: string
  readonly contract: Target['contract']
  readonly messages: number
  readonly refused: number
  /** Mutations that changed nothing, or nothing of the value. */
  readonly unchanged: number
  /** Others that were accepted: valid in their own right. */
  readonly accepted: number
  /** By class. */
  readonly refusals: Readonly<Record<string, number>>
  readonly seconds: number
  readonly slowestMilliseconds: number
  readonly growth: Footprint
  readonly grown: readonly (keyof Footprint)[]
  readonly failures: readonly Failure[]
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** How many of all messages each target is given; together exactly as many. */
export function apportion(targets: readonly Target[], messages: number): number[] {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0)
  let reached = 0
  let given = 0
  return targets.map(({ weight }) => {
    reached += weight
    const upTo = Math.round((messages * reached) / total)
    const share = upTo - given
    given = upTo
    return share
  })
}

/** The mutated message of this number, and what it was made from. */
export function messageOf(target: Target, seed: string, number: number): { origin: Uint8Array; bytes: Uint8Array } {
  const random = new Keystream(seed, target.name, number)
  const origin = random.pick(target.corpus)
  return { origin, bytes: mutate(target, origin, random) }
}

/** JSON has the same value, whatever its bytes. */
function canonical(bytes: Uint8Array): string | undefined {
  const sorted = (value: unknown): unknown =>
    typeof value !== 'object' || value === null
      ? value
      : Array.isArray(value)
        ? value.map(sorted)
        : Object.fromEntries(
            Object.entries(value)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, member]) => [key, sorted(member)])
          )
  try {
    return JSON.stringify(sorted(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))))
  } catch {
    return undefined
  }
}

const sameValue = (a: Uint8Array, b: Uint8Array): boolean => {
  const [left, right] = [canonical(a), canonical(b)]
  return left !== undefined && left === right
}

export interface RunOptions {
  readonly seed: string
  readonly first?: number
  readonly messages: number
  readonly kernel: Kernel
  /** Whether heap and buffers are looked at, beside the arena: true by default. */
  readonly heap?: boolean
  readonly onProgress?: (done: number) => void
}

export async function fuzz(
  target: Target,
  { seed, first = 0, messages, kernel, heap = true, onProgress }: RunOptions
): Promise<ParserReport> {
  const failures: Failure[] = []
  const refusals: Record<string, number> = {}
  let [refused, unchanged, accepted, slowest] = [0, 0, 0, 0]
  const fail = (message: number, kind: Failure['kind'], detail: string, bytes: Uint8Array): void => {
    if (failures.length < KEPT_FAILURES) failures.push({ parser: target.name, message, kind, detail: detail.slice(0, 400), bytes })
  }
  for (const valid of target.corpus) {
    try {
      const again = await target.parse(valid, valid)
      if (target.contract !== 'bounded' && !equal(again, valid) && !(target.structure === 'json' && sameValue(again, valid))) {
        fail(-1, 'valid message refused', 'a valid message is not written again as it was', valid)
      }
    } catch (error) {
      fail(-1, 'valid message refused', String(error), valid)
    }
  }
  const start = performance.now()
  const warm = first + Math.ceil(WARM_UP * messages)
  let before: Footprint | undefined
  for (let number = first; number < first + messages; number++) {
    if (number === warm) before = await footprint(kernel, heap)
    const { origin, bytes } = messageOf(target, seed, number)
    const began = performance.now()
    try {
      const again = await target.parse(bytes, origin)
      const alike = (a: Uint8Array, b: Uint8Array): boolean =>
        equal(a, b) || (target.structure === 'json' && target.contract !== 'one form' && sameValue(a, b))
      // Two valid messages spliced may give one of them.
      if (alike(bytes, origin) || (target.contract === 'authenticated' && target.corpus.some(valid => alike(again, valid)))) unchanged++
      else {
        accepted++
        if (target.contract === 'authenticated') fail(number, 'accepted', 'what was proved or signed is not what was accepted', bytes)
        else if (target.contract === 'one form' && !equal(again, bytes))
          fail(number, 'accepted', 'what was accepted is written otherwise', bytes)
        else if (target.contract === 'same value' && !sameValue(again, bytes))
          fail(number, 'accepted', 'what was accepted has another value', bytes)
      }
    } catch (error) {
      if (target.refusals.some(base => error instanceof base)) {
        refused++
        const { name } = (error as Error).constructor
        refusals[name] = (refusals[name] ?? 0) + 1
      } else {
        fail(number, 'untyped error', error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error), bytes)
      }
    }
    const took = performance.now() - began
    slowest = Math.max(slowest, took)
    if (took > LONGEST_MILLISECONDS) fail(number, 'slow', `${Math.round(took)} ms`, bytes)
    if ((number & 0x3ff) === 0x3ff) {
      onProgress?.(number - first + 1)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  const seconds = (performance.now() - start) / 1000
  const grown = before === undefined ? { heapBytes: 0, externalBytes: 0, arenaBytes: 0 } : growth(before, await footprint(kernel, heap))
  return {
    parser: target.name,
    contract: target.contract,
    messages,
    refused,
    unchanged,
    accepted,
    refusals,
    seconds,
    slowestMilliseconds: slowest,
    growth: grown,
    grown: exceeded(grown),
    failures
  }
}
