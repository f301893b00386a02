/** Runs one scenario from nothing to a report: deploys, starts a process per party, waits, holds the answers against the clear network. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plan, Prediction, StepReport } from '@slytherin/engine'
import type { ErrorReport, PartyEvent, SessionReport } from '@slytherin/node'
import { type ClearReference, clearReference, loadReference } from './clear-reference.js'
import { checkDataFiles } from './data-files.js'
import { deploy } from './deployment.js'
import { machineModel } from './end-to-end.js'
import { MemoryWatch } from './memory.js'
import { type RunningParty, startParty } from './processes.js'
import { provenanceOf } from './provenance.js'
import { makeReport } from './report/make-report.js'
import type { ScenarioReport } from './report/scenario-report.js'
import type { Scenario } from './scenario.js'
import { simulate } from './simulation.js'

/** The command that a party is. */
const COMMAND = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('@slytherin/node')))

/** As many as a comparison needs; more would take longer to simulate than to compute under encryption. */
export const DEFAULT_SIMULATED_SAMPLES = 1024

/** How long the others may take to notice that a party has failed and to stop by themselves. */
const GRACE_MS = 60_000

/** A party ended before its work was done; says which was the first, how all ended, and what each said last. */
export class PartyFailedError extends Error {
  override name = 'PartyFailedError'
  constructor(
    readonly party: string,
    /** Exit code of every party; 1 for one that a signal ended. */
    readonly exitCodes: ReadonlyMap<string, number>,
    readonly errors: ReadonlyMap<string, ErrorReport>,
    /** From the first failure until the last process had ended. */
    readonly secondsToStop: number
  ) {
    const lines = [...errors].map(([name, error]) => `  ${name}: ${error.name}: ${error.message}`)
    super([`${party} failed with exit code ${exitCodes.get(party)}`, ...lines].join('\n'))
  }
}

/** All parties ended well, but the evaluator never told its plan. */
export class MissingPlanError extends Error {
  override name = 'MissingPlanError'
  constructor() {
    super('the evaluator ended without having told its plan')
  }
}

export interface ScenarioOutcome {
  readonly report: ScenarioReport
  readonly predictions: readonly Prediction[]
  /** What the querier read. */
  readonly logits: readonly (readonly number[])[]
  readonly clear: ClearReference
}

export interface ScenarioRunOptions {
  /** Called for every event of every party. */
  readonly onEvent?: (party: string, event: PartyEvent) => void
  /** Called for every line that is not an event. */
  readonly onNoise?: (party: string, line: string) => void
  /** Leave states and configurations in place. */
  readonly keep?: boolean
  /** Where parties keep evidence, each in a directory of its name; gone with their states when absent. */
  readonly evidence?: string | undefined
  /** So many of the first samples are simulated, too, once all parties have ended; none when absent. */
  readonly simulatedSamples?: number
  /** Called as the simulation goes, in samples. */
  readonly onSimulated?: (done: number, total: number) => void
  /** Another program than `slytherin` for a party, with the same command line: one that deviates. */
  readonly commandOf?: (party: string) => string | undefined
  readonly signal?: AbortSignal
}

/** @throws PartyFailedError; ScenarioFileError where data are missing */
export async function runScenario(scenario: Scenario, options: ScenarioRunOptions = {}): Promise<ScenarioOutcome> {
  await checkDataFiles(scenario)
  const reference = await loadReference(scenario)
  const start = performance.now()
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-scenario-'))
  const memory = new MemoryWatch()
  const running: RunningParty[] = []
  try {
    const parties = await deploy(scenario, directory, options.evidence)
    const sessions = new Map<string, SessionReport>()
    const errors = new Map<string, ErrorReport>()
    let plan: Plan | undefined
    const steps: StepReport[] = []
    const logits: (readonly number[])[] = []
    const predictions: Prediction[] = []
    let firstAnswerSeconds: number | undefined
    let lastAnswerSeconds: number | undefined
    for (const party of parties) {
      const child = startParty(
        party,
        options.commandOf?.(party.name) ?? COMMAND,
        event => {
          options.onEvent?.(party.name, event)
          if (event.event === 'session') sessions.set(party.name, event)
          else if (event.event === 'plan') plan = event.plan
          else if (event.event === 'layers') steps.push(...event.steps)
          else if (event.event === 'error') errors.set(party.name, event.error)
          else if (event.event === 'result') {
            firstAnswerSeconds ??= event.seconds
            lastAnswerSeconds = event.seconds
            event.logits.forEach((row, k) => {
              logits[(event.first ?? 0) + k] = row
            })
            event.predictions.forEach((prediction, k) => {
              predictions[(event.first ?? 0) + k] = prediction
            })
          }
        },
        line => options.onNoise?.(party.name, line)
      )
      running.push(child)
      memory.watch(party.name, child.processId)
    }
    memory.start()
    options.signal?.addEventListener('abort', () => stopAll(running), { once: true })
    await allEnded(running, errors).catch((error: unknown) => {
      options.signal?.throwIfAborted()
      throw error
    })
    options.signal?.throwIfAborted()
    const totalSeconds = (performance.now() - start) / 1000
    const clear = clearReference(reference)
    if (plan === undefined) throw new MissingPlanError()
    const { evaluator } = scenario
    const { signal, onSimulated, simulatedSamples = 0 } = options
    const simulation =
      simulatedSamples > 0
        ? await simulate(plan, clear.network, clear.samples.slice(0, simulatedSamples), {
            evaluator,
            ...(signal === undefined ? {} : { signal }),
            ...(onSimulated === undefined ? {} : { onProgress: onSimulated })
          })
        : undefined
    const computing = parties.find(({ roles }) => roles.includes('evaluator'))!
    const [costModel, provenance] = await Promise.all([machineModel(evaluator, computing.state), provenanceOf(scenario.model)])
    const seen = {
      parties,
      sessions,
      plan,
      steps,
      logits,
      totalSeconds,
      firstAnswerSeconds,
      lastAnswerSeconds,
      costModel,
      provenance,
      peakMemoryBytes: memory.peak,
      peakMemoryByParty: memory.peaks
    }
    const report = makeReport(scenario, simulation === undefined ? seen : { ...seen, simulation }, clear)
    return { report, predictions, logits, clear }
  } finally {
    memory.stop()
    stopAll(running)
    await Promise.allSettled(running.map(child => child.ended))
    if (options.keep !== true) await rm(directory, { recursive: true, force: true })
  }
}

/** @throws PartyFailedError when all have ended and one failed, or some have not ended long after one failed */
async function allEnded(running: readonly RunningParty[], errors: ReadonlyMap<string, ErrorReport>): Promise<void> {
  const exitCodes = new Map<string, number>()
  let failed: { readonly party: string; readonly at: number } | undefined
  let timer: NodeJS.Timeout | undefined
  await Promise.all(
    running.map(async child => {
      const code = await child.ended
      exitCodes.set(child.party.name, code)
      if (code === 0 || failed !== undefined) return
      failed = { party: child.party.name, at: performance.now() }
      timer = setTimeout(() => stopAll(running), GRACE_MS)
    })
  )
  clearTimeout(timer)
  if (failed !== undefined) throw new PartyFailedError(failed.party, exitCodes, errors, (performance.now() - failed.at) / 1000)
}

function stopAll(running: readonly RunningParty[]): void {
  for (const child of running) child.kill()
}
