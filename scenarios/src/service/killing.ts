/** Kills random parties at random instants, those that are being started, too, and starts each again. */
import type { ServiceProcesses } from './parties.js'
import type { SeededRandom } from './random.js'
import type { Tally } from './report.js'

/** So many processes are being started at the same time, at most: more would only wait for each other's processor time. */
const STARTING = 2
/** Share of the kills that meet a process as it starts, where one does. */
const WHILE_STARTING = 0.25
/** How long a party stays away, where it does not come back at once: seconds, at most on average. */
const AWAY = 2

export interface KillOptions {
  readonly processes: ServiceProcesses
  readonly tally: Tally
  readonly random: SeededRandom
  /** Seconds between two kills, on average. */
  readonly every: number
  /** Names of those that are killed; all when not given. */
  readonly only?: readonly string[] | undefined
  readonly signal: AbortSignal
  /** Whether there is to be another. */
  goes(): boolean
}

/** @throws Error when a party that nobody killed does not come back */
export async function killAtRandom({ processes, tally, random, every, only, signal, goes }: KillOptions): Promise<void> {
  const victims = processes.parties.filter(({ name }) => only === undefined || only.includes(name))
  if (victims.length === 0)
    throw new Error(`nobody is called ${only?.join(' or ')}: the parties are ${processes.parties.map(({ name }) => name).join(', ')}`)
  const returning = new Map<string, Promise<void>>()
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  while (goes()) {
    await pause(Math.min(60, random.exponential(every)))
    const early = random.next() < WHILE_STARTING
    while (!early && returning.size >= STARTING) await Promise.race([...returning.values(), failed.promise])
    if (!goes()) break
    const starting = victims.filter(({ name }) => returning.has(name) && processes.isRunning(name))
    const up = victims.filter(({ name }) => !returning.has(name))
    if (up.length === 0 && (starting.length === 0 || !early)) {
      await Promise.race([...returning.values(), failed.promise])
      continue
    }
    const { name } = random.pick(early && starting.length > 0 ? starting : up)
    // Sometimes at once, sometimes after a while.
    const away = random.next() < 0.5 ? 0 : random.exponential(Math.min(AWAY, every / 4))
    tally.kill(name, returning.has(name))
    await processes.kill(name)
    const back = comesBack(name, away).finally(() => {
      if (returning.get(name) === back) returning.delete(name)
    })
    back.catch(failed.reject)
    returning.set(name, back)
  }
  await Promise.race([Promise.all(returning.values()), failed.promise])

  async function comesBack(name: string, away: number): Promise<void> {
    await pause(away)
    const seconds = await processes.start(name, signal).catch((error: unknown) => {
      // Whoever ends the run wants its report.
      if (!signal.aborted) throw error
    })
    if (seconds === undefined) return
    tally.restarts++
    tally.ready.push({ name, seconds })
  }
}

async function pause(seconds: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 1000 * seconds))
}
