/**
 * Runs a service: keys once, models once, grants; then every querier asks one query after the other and holds each answer against the clear model, while parties are
 * killed at random instants and started again.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Asking, askOnce } from './asking.js'
import { ClearAnswers } from './clear-answers.js'
import type { ServiceScenario } from './description.js'
import { disksOf } from './disk.js'
import { killAtRandom } from './killing.js'
import { secondShares } from './ledgers.js'
import { ServiceMemory } from './memory.js'
import { ServiceProcesses } from './parties.js'
import { prepare } from './prepare.js'
import { SeededRandom } from './random.js'
import { reportOf, type ServiceReport, Tally } from './report.js'

/** Between two lines of progress, milliseconds. */
const TELL = 10_000

export interface ServiceRunOptions {
  readonly seed: number
  readonly signal: AbortSignal
  readonly keep?: boolean
  onLine(text: string): void
}

export async function runService(scenario: ServiceScenario, options: ServiceRunOptions): Promise<ServiceReport> {
  const { seed, signal, keep = false, onLine } = options
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-service-'))
  const processes = await ServiceProcesses.lay(scenario, directory)
  const watch = new ServiceMemory(processes)
  try {
    onLine(`${processes.parties.length} processes in ${directory}, seed ${seed}`)
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    const prepared = await prepare(scenario, processes, { signal, onLine })
    const tally = new Tally()
    watch.begin()
    const begun = performance.now()
    const disks = await serve(scenario, processes, tally, options)
    const serving = (performance.now() - begun) / 1000
    watch.stop()
    const stuck = await processes.stop()
    const after = await disksOf(processes)
    const disk = Object.fromEntries(Object.entries(after).map(([name, end]) => [name, { afterFirstQuarter: disks?.[name] ?? end, end }]))
    return reportOf(scenario, seed, tally, {
      seconds: { ...prepared, serving },
      ...secondShares(processes.parties),
      stuck,
      disk,
      memory: watch.quarters()
    })
  } finally {
    watch.stop()
    await processes.stop()
    if (keep) onLine(`left in place: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}

/** @returns bytes on the disks when a quarter was done */
async function serve(
  scenario: ServiceScenario,
  processes: ServiceProcesses,
  tally: Tally,
  { seed, signal, onLine }: ServiceRunOptions
): Promise<Record<string, number> | undefined> {
  const { minutes, queries: wanted, kills: wantedKills, killsEvery, killed, queriers, models } = scenario
  const clear = new Map(await Promise.all(models.map(async model => [model.name, await ClearAnswers.of(model)] as const)))
  const begun = Date.now()
  /** Share of the run that is done, by whatever ends it first. */
  const done = (): number =>
    Math.max(
      (Date.now() - begun) / (minutes * 60_000),
      wanted === undefined ? 0 : tally.queries / wanted,
      wantedKills === undefined || killsEvery === 0 ? 0 : tally.kills / wantedKills
    )
  const goes = (): boolean => !signal.aborted && tally.ended.length === 0 && done() < 1
  let told = ''
  let refusals = 0
  let disks: Promise<Record<string, number>> | undefined
  const telling = setInterval(() => {
    if (done() >= 0.25) disks ??= disksOf(processes)
    const line = tally.line()
    if (line !== told) onLine(line)
    told = line
    for (const { querier, code, message } of tally.refusedQueries.slice(refusals)) onLine(`${querier}: refused with ${code}: ${message}`)
    refusals = tally.refusedQueries.length
  }, TELL)
  const asking: Asking = { processes, clear, tally, signal }
  const random = new SeededRandom(seed)
  const queries = Array.from({ length: queriers }, async (_, k) => {
    const own = new SeededRandom(seed + 1000 * (k + 1))
    while (goes()) await askOnce(`querier-${k + 1}`, own.pick(models), own, asking)
  })
  // A party that nobody killed and that does not come back ends the run: what there was until then is reported.
  const kills =
    killsEvery === 0
      ? Promise.resolve()
      : killAtRandom({ processes, tally, random, every: killsEvery, only: killed, signal, goes }).catch((error: Error) =>
          tally.ended.push(error.message)
        )
  try {
    await Promise.all([...queries, kills])
    return await disks
  } finally {
    clearInterval(telling)
  }
}
