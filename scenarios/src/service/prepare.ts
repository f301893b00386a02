/** Until a service can be asked: keys, models, grants, and every querier knows of them. */
import type { ServiceScenario } from './description.js'
import { EVALUATOR, OWNER, type ServiceProcesses } from './parties.js'
import { until } from './until.js'

export interface Prepared {
  /** Seconds. */
  readonly keys: number
  /** Seconds to publish each. */
  readonly models: Readonly<Record<string, number>>
}

export interface PrepareOptions {
  readonly signal: AbortSignal
  onLine(text: string): void
  /** How far a command is. */
  /** Names of the key holders, where not all of the roster are. */
  readonly members?: readonly string[]
  /** Keys are made, and nothing is published yet. */
  onKeys?(): Promise<void>
  onProgress?(step: string, done: number | undefined, total: number | undefined): void
}

export async function prepare(
  { models, queriers, holders, threshold, floodingBits, decryptions, expectedQueries, manifest }: ServiceScenario,
  processes: ServiceProcesses,
  { signal, onLine, members, onKeys, onProgress }: PrepareOptions
): Promise<Prepared> {
  const telling = {
    signal,
    onProgress: ({ text, done, total }: { readonly text: string; readonly done?: number; readonly total?: number }) =>
      onProgress?.(text, done, total)
  }
  const planned = expectedQueries === undefined ? {} : { expectedQueries }
  await until(async () => (await processes.ask(EVALUATOR, 'status', {}, { signal })).peers.every(({ state }) => state !== 'down'), signal)
  const keys = await secondsOf(
    async () =>
      await processes.ask(
        EVALUATOR,
        'cohort.create',
        {
          name: 'cohort',
          for: models.map(({ file }) => ({ file, manifest })),
          batch: Math.max(...models.map(({ batch }) => batch)),
          threshold,
          days: 30,
          ...(members === undefined ? {} : { holders: [...members] }),
          ...(floodingBits === undefined ? {} : { floodingBits }),
          ...(decryptions === undefined ? {} : { decryptions }),
          ...planned
        },
        telling
      )
  )
  onLine(`keys of ${holders} holders, any ${threshold} of whom suffice: ${keys.toFixed(1)} s`)
  await onKeys?.()
  const times: Record<string, number> = {}
  for (const { name, file, batch } of models) {
    await until(async () => (await processes.ask(OWNER, 'cohort.status', {}, { signal })).epochs.length > 0, signal)
    const seconds = await secondsOf(
      async () => await processes.ask(OWNER, 'model.publish', { file, manifest, name, batch, ...planned }, telling)
    )
    times[name] = seconds
    onLine(`${name} published: ${seconds.toFixed(1)} s`)
  }
  for (let k = 1; k <= queriers; k++) {
    await processes.ask(OWNER, 'grant.create', {
      querier: `querier-${k}`,
      senders: [],
      models: models.map(({ name }) => name),
      queries: 1_000_000,
      decryptions: 2 ** 30,
      days: 29
    })
    await until(async () => {
      const [listed, grants] = await Promise.all([
        processes.ask(`querier-${k}`, 'model.list', {}, { signal }),
        processes.ask(`querier-${k}`, 'grant.list', {}, { signal })
      ])
      return grants.length > 0 && models.every(({ name }) => listed.some(one => one.name === name))
    }, signal)
  }
  return { keys, models: times }
}

async function secondsOf(task: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await task()
  return (performance.now() - begun) / 1000
}
