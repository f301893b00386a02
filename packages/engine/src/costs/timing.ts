/**
 * How long an operation takes, on a machine that does other things as well. Other processes make single runs longer by whole factors, and a plan should be the same while there are
 * some: what counts is the time in which the processor was at work on it, where the host tells it.
 */
import { nextTurn } from '../event-loop.js'

/** Runs of an operation at least and at most, and seconds of work after which no further one begins. */
const LEAST_RUNS = 4
const MAXIMUM_RUNS = 20
const BUDGET_SECONDS = 0.1
/** On a busy machine more, until so many runs are at most this factor longer than the shortest; seconds after which there are no more in any case. */
const ALIKE_RUNS = 4
const ALIKE = 1.25
const LONGEST_SECONDS = 0.8
/** Runs and seconds of work before time is taken, whichever end later: until then the engine may still be compiling. */
const WARM_RUNS = 2
const WARM_SECONDS = 0.08
/** What several threads do is repeated for so long in a run: a system adds up what other threads have worked a few milliseconds late. */
const SHARED_RUN_SECONDS = 0.01

/** Seconds since some moment. */
export interface ClockReading {
  /** by the clock on the wall */
  readonly wall: number
  /** that this thread was at work */
  readonly thread: number
  /** the same of all threads of the process together */
  readonly process: number
}

/** Tells the time; the same three times where there is nothing but a clock on the wall. */
export type Clock = () => ClockReading

/** Systems that tell to a fraction of a millisecond what a thread has worked. */
const PRECISE_SYSTEMS: readonly string[] = ['linux', 'darwin']

/** The clocks of this host. */
export const hostClock: Clock = () => {
  const wall = performance.now() / 1000
  const host = (globalThis as { process?: Partial<NodeJS.Process> }).process
  if (host?.threadCpuUsage === undefined || host.cpuUsage === undefined || !PRECISE_SYSTEMS.includes(host.platform ?? ''))
    return { wall, thread: wall, process: wall }
  // in this order: asking for the whole process brings Linux's figure for this thread up to the moment, which is otherwise some milliseconds old
  const whole = host.cpuUsage()
  const own = host.threadCpuUsage()
  return { wall, thread: (own.user + own.system) / 1e6, process: (whole.user + whole.system) / 1e6 }
}

export interface TimingOptions {
  /** That share the work: this one, and those that it waits for. */
  readonly threads: number
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/**
 * Seconds of a run as it usually is while nothing else works: the median of those that come near to the shortest, once there are several. The shortest alone would be what an
 * evaluation takes that nothing ever holds up. Lets the event loop turn after every run.
 * @throws the signal's reason
 */
export async function usualSeconds(work: () => unknown, { threads, signal, clock = hostClock }: TimingOptions): Promise<number> {
  const run = async (times: number): Promise<number> => {
    const start = clock()
    for (let k = 0; k < times; k++) work()
    const taken = undisturbed(start, clock(), threads)
    await nextTurn()
    signal?.throwIfAborted()
    return taken / times
  }
  let warm = 0
  let runs = 0
  for (; runs < WARM_RUNS || warm < WARM_SECONDS; runs++) warm += await run(1)
  const each = threads === 1 ? 1 : Math.max(1, Math.ceil((SHARED_RUN_SECONDS * runs) / warm))
  const times: number[] = []
  const alike = (): number[] => {
    const limit = ALIKE * Math.min(...times)
    return times.filter(taken => taken <= limit)
  }
  const end = clock().wall + LONGEST_SECONDS
  for (let spent = 0; ; ) {
    const taken = await run(each)
    times.push(taken)
    spent += each * taken
    if (times.length < LEAST_RUNS) continue
    const enough = times.length >= MAXIMUM_RUNS || spent >= BUDGET_SECONDS
    if (clock().wall >= end || (enough && alike().length >= ALIKE_RUNS)) return median(alike())
  }
}

/**
 * Seconds between two readings, less those in which the processor was at other things. A thread that has done more than its part while another was held up has worked longer than it
 * would have otherwise, and one that was held up itself less: then what all have worked counts, in equal parts.
 */
function undisturbed(from: ClockReading, to: ClockReading, threads: number): number {
  const worked = to.thread - from.thread
  const shared = threads === 1 ? 0 : (to.process - from.process) / threads
  return Math.min(to.wall - from.wall, Math.max(worked, shared))
}

/** Of an odd number of values, or the mean of the two in the middle. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
