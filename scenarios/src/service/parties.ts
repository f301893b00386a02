/** The processes of a service on this machine: laid out, started, killed, started again. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askParty, type CommandName, type ParametersOf, type Progress, type Results } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { execa, type ResultPromise } from 'execa'
import { stringify } from 'yaml'
import { deadlinesFor, freePort, makeState } from '../deployment.js'
import { bundleCommand } from './bundle.js'
import type { ServiceScenario } from './description.js'

/** The command that a party is, as it is installed: for what is started once. */
export const COMMAND = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('@slytherin/node')))

export const EVALUATOR = 'evaluator'
export const OWNER = 'model-owner'

/** How long a party may take until it answers its socket. */
const START_PATIENCE = 600_000
/** How long one may take to end when it is asked to. */
const STOP_PATIENCE = 60_000
const SPAWN_TRIES = 10
/** As units and containers start a party: bounds the part of its heap that is for new objects, MiB (docs/operations.md). */
const NODE_OPTIONS = ['--max-semi-space-size=4']
/** Of a party's log, in errors. */
const LAST_LINES = 12

export interface ServiceParty {
  readonly name: string
  readonly roles: readonly Role[]
  readonly peer: string
  readonly state: string
  readonly configuration: string
  readonly log: string
  /** Address of its dashboard, where it has one. */
  readonly dashboard?: string
  /** How often it was started. */
  starts: number
}

export interface LayOptions {
  /** Whether every party has one, on a port of its own. */
  readonly dashboards?: boolean
  /** Port of the evaluator's WebSockets, for pages; none when not given. */
  readonly webSockets?: number
  /** The evaluator's, as in party.yaml. */
  readonly fleet?: object
  /** Of the cohort at the evaluator, as in party.yaml. */
  readonly limits?: object
  /** Of Node, for the evaluator's process. */
  readonly evaluatorFlags?: readonly string[]
}

/** Names of all parties with their roles, holders first. */
export function rolesOfService({ holders, witnesses, queriers }: ServiceScenario): { name: string; roles: readonly Role[] }[] {
  const many = (name: string, count: number, roles: readonly Role[]): { name: string; roles: readonly Role[] }[] =>
    Array.from({ length: count }, (_, k) => ({ name: `${name}-${k + 1}`, roles }))
  return [
    ...many('holder', holders, ['key-holder']),
    ...many('witness', witnesses, ['witness']),
    { name: EVALUATOR, roles: ['evaluator'] },
    { name: OWNER, roles: ['model-owner'] },
    ...many('querier', queriers, ['querier', 'data-owner'])
  ]
}

/** Wrapped: a child on its own is waited for to end. */
interface Spawned {
  readonly child: ResultPromise
}

/** What a party said last. */
async function lastLines(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-LAST_LINES).join('\n')
}

export class ServiceProcesses {
  readonly parties: readonly ServiceParty[]
  readonly #command: string
  readonly #evaluatorFlags: readonly string[]
  readonly #running = new Map<string, ResultPromise>()
  readonly #killed = new WeakSet<ResultPromise>()

  private constructor(parties: readonly ServiceParty[], command: string, evaluatorFlags: readonly string[]) {
    this.parties = parties
    this.#command = command
    this.#evaluatorFlags = evaluatorFlags
  }

  /** @param directory made anew */
  static async lay(
    scenario: ServiceScenario,
    directory: string,
    { dashboards = false, webSockets, fleet, limits, evaluatorFlags = [] }: LayOptions = {}
  ): Promise<ServiceProcesses> {
    await rm(directory, { recursive: true, force: true })
    const command = await bundleCommand(directory)
    const described = rolesOfService(scenario)
    const made = await Promise.all(
      described.map(async ({ name, roles }) => {
        const home = join(directory, name)
        const state = join(home, 'state')
        const keyFile = join(home, 'key')
        const peer = await makeState(state, keyFile)
        const addresses = name === EVALUATOR ? [`/ip4/127.0.0.1/tcp/${await freePort()}`] : []
        const port = dashboards ? await freePort() : undefined
        return { name, roles, home, state, keyFile, peer, addresses, port }
      })
    )
    const roster = made.map(({ name, peer, roles, addresses }) => ({ name, peerId: peer, roles: [...roles], addresses }))
    const { insecureLogN } = scenario
    const pages = webSockets === undefined ? [] : [`/ip4/127.0.0.1/tcp/${webSockets}/ws`]
    const parties = await Promise.all(
      made.map(async ({ name, roles, home, state, keyFile, peer, addresses, port }) => {
        const configuration = join(home, 'party.yaml')
        await mkdir(home, { recursive: true })
        const content = {
          name,
          state,
          keystore: { keyFile },
          network: { listen: [...addresses, ...(name === EVALUATOR ? pages : [])], deadlines: deadlinesFor(made.length) },
          roster,
          cohort: {
            evaluator: EVALUATOR,
            ...(insecureLogN === undefined ? {} : { policy: { insecureLogN } }),
            ...(name === EVALUATOR && limits !== undefined ? { limits } : {})
          },
          costs: 'reference',
          ...(name === EVALUATOR ? (fleet === undefined ? {} : { fleet }) : { threads: 1 }),
          ...(port === undefined ? {} : { metrics: { port, dashboard: true } }),
          log: { level: 'warn' }
        }
        await writeFile(configuration, stringify(content), { mode: 0o600 })
        const dashboard = port === undefined ? {} : { dashboard: `http://127.0.0.1:${port}/` }
        return { name, roles, peer, state, configuration, log: join(home, 'log'), ...dashboard, starts: 0 }
      })
    )
    return new ServiceProcesses(parties, command, evaluatorFlags)
  }

  party(name: string): ServiceParty {
    const party = this.parties.find(one => one.name === name)
    if (party === undefined) throw new Error(`no party ${name}`)
    return party
  }

  isRunning(name: string): boolean {
    return this.#running.has(name)
  }

  processId(name: string): number | undefined {
    return this.#running.get(name)?.pid
  }

  /** Starts a party and waits until it answers commands. @returns seconds that took; undefined when it was killed before */
  async start(name: string, signal: AbortSignal): Promise<number | undefined> {
    const party = this.party(name)
    const begun = performance.now()
    const { child } = await this.#spawn(party)
    party.starts++
    this.#running.set(name, child)
    void child.then(() => {
      if (this.#running.get(name) === child) this.#running.delete(name)
    })
    for (;;) {
      signal.throwIfAborted()
      if (this.#killed.has(child)) return undefined
      if (this.#running.get(name) !== child) {
        const { exitCode, signal: killer, shortMessage = '' } = await child
        throw new Error(`${name} has ended by itself (${killer ?? exitCode ?? shortMessage}): ${await lastLines(party.log)}`)
      }
      try {
        await this.ask(name, 'status', {}, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
        if (this.#killed.has(child)) return undefined
        return (performance.now() - begun) / 1000
      } catch (error) {
        if (performance.now() - begun > START_PATIENCE)
          throw new Error(`${name} does not answer: ${await lastLines(party.log)}`, { cause: error })
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
  }

  /** A machine that is very busy may fail to make a process: it is asked again. */
  async #spawn(party: ServiceParty): Promise<Spawned> {
    for (let tries = 1; ; tries++) {
      const { child } = await this.#spawnOnce(party)
      if (child.pid !== undefined || tries === SPAWN_TRIES) return { child }
      await child
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
  }

  async #spawnOnce(party: ServiceParty): Promise<Spawned> {
    // Its own descriptor: what it says last is there when it has ended.
    const log = createWriteStream(party.log, { flags: 'a' })
    await once(log, 'open')
    const flags = [...NODE_OPTIONS, ...(party.name === EVALUATOR ? this.#evaluatorFlags : [])]
    const child = execa(process.execPath, [...flags, this.#command, 'party', '--config', party.configuration], {
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      cleanup: true
    })
    log.close()
    return { child }
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(name: string): Promise<void> {
    const child = this.#running.get(name)
    if (child === undefined) return
    this.#killed.add(child)
    child.kill('SIGKILL')
    await child
  }

  /** kill -9 of all of them, without waiting. */
  killAll(): void {
    for (const child of this.#running.values()) child.kill('SIGKILL')
  }

  /** Asks a party to end, and waits until it has. */
  async end(name: string): Promise<void> {
    const child = this.#running.get(name)
    child?.kill('SIGTERM')
    await child
  }

  /** Gives a party a command over its socket. */
  async ask<C extends CommandName>(
    name: string,
    command: C,
    parameters: ParametersOf<C>,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void } = {}
  ): Promise<Results[C]> {
    const { state, configuration } = this.party(name)
    return await askParty(command, parameters, { state, file: configuration, ...options })
  }

  /** Asks all to end. @returns how many did not, and were killed */
  async stop(): Promise<number> {
    const ends = await Promise.all(
      [...this.#running.values()].map(async child => {
        child.kill('SIGTERM')
        let stuck = 0
        const late = setTimeout(() => {
          stuck = 1
          child.kill('SIGKILL')
        }, STOP_PATIENCE)
        await child
        clearTimeout(late)
        return stuck
      })
    )
    return ends.reduce((sum, stuck) => sum + stuck, 0)
  }
}
