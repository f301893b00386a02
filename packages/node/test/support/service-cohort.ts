/** Parties of a service, made by commands as people give them, each a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { inject } from 'vitest'

const START_PATIENCE = 120_000

export interface Told {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command of `slytherin`, in this process. */
export async function slytherin(...parameters: string[]): Promise<Told> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

export class ServiceCohort {
  readonly directory: string
  /** Roster lines by name. */
  readonly lines: Record<string, string>
  /** Ports of metrics and health, of parties that were started with them. */
  readonly ports = new Map<string, number>()
  readonly #processes = new Map<string, ChildProcess>()

  private constructor(directory: string, lines: Record<string, string>) {
    this.directory = directory
    this.lines = lines
  }

  /** Everybody knows everybody; rings are small. @param roles by name; who has the role evaluator is it */
  static async make(roles: Record<string, readonly Role[]>): Promise<ServiceCohort> {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-service-'))
    const evaluator = Object.keys(roles).find(name => roles[name]!.includes('evaluator'))!
    const port = await freePort()
    const lines: Record<string, string> = {}
    for (const [name, own] of Object.entries(roles)) {
      const address = name === evaluator ? ['--address', `/ip4/127.0.0.1/tcp/${port}`] : []
      const given = own.flatMap(role => ['--role', role])
      const { out } = await slytherin('init', '--directory', join(directory, name), ...given, ...address, '--cohort', evaluator)
      lines[name] = /roster line {2}(.*)\n/.exec(out)![1]!
    }
    const cohort = new ServiceCohort(directory, lines)
    for (const name of Object.keys(roles)) {
      const others = Object.keys(roles).filter(other => other !== name)
      for (const other of [evaluator, ...others].filter(one => one !== name))
        await slytherin('roster', 'add', lines[other]!, '-c', cohort.file(name))
      const text = await readFile(cohort.file(name), 'utf8')
      await writeFile(
        cohort.file(name),
        text.replace('  policy:\n', '  policy:\n    insecureLogN: 8\n').replace('#costs: measured', 'costs: reference')
      )
    }
    return cohort
  }

  get names(): string[] {
    return Object.keys(this.lines)
  }

  /** Lines of a log of JSON in the cohort's directory. */
  async logged(path: string): Promise<Record<string, unknown>[]> {
    const text = await readFile(join(this.directory, path), 'utf8')
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Record<string, unknown>)
  }

  /** Changes the configuration of a party that is not running. */
  async configure(name: string, change: (text: string) => string): Promise<void> {
    await writeFile(this.file(name), change(await readFile(this.file(name), 'utf8')))
  }

  file(name: string): string {
    return join(this.directory, `${name}.yaml`)
  }

  /** Resolves when it takes commands. @returns milliseconds until then */
  async start(name: string): Promise<number> {
    const started = performance.now()
    const child = spawn(process.execPath, [inject('command'), 'party', '--config', this.file(name)], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#processes.set(name, child)
    const ready = Promise.withResolvers<void>()
    let told = ''
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString()
      const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(told)?.[1]
      if (port !== undefined) this.ports.set(name, Number(port))
      if (told.includes('ready for commands')) ready.resolve()
    })
    let errors = ''
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-20_000)
    })
    child.once('exit', code => ready.reject(new Error(`${name} ended with ${code}: ${told}${errors}`)))
    const late = setTimeout(() => ready.reject(new Error(`${name} is not ready: ${told}${errors}`)), START_PATIENCE)
    await ready.promise.finally(() => clearTimeout(late))
    return performance.now() - started
  }

  /** SIGTERM as an administrator ends it, or SIGKILL as a power cut does. */
  async stop(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#processes.get(name)
    if (child === undefined) return null
    this.#processes.delete(name)
    const exit = new Promise<number | null>(resolve => child.once('exit', resolve))
    child.kill(signal)
    return await exit
  }

  /** A command at a party, its result parsed. @throws what it says where it fails */
  async ask<R>(name: string, ...words: string[]): Promise<R> {
    const { code, out, err } = await slytherin(...words, '--config', this.file(name), '--json')
    if (code !== 0) throw new Error(err)
    return JSON.parse(out) as R
  }

  async remove(): Promise<void> {
    await Promise.all(this.names.map(async name => await this.stop(name, 'SIGKILL')))
    await rm(this.directory, { recursive: true, force: true })
  }
}

export async function until<T>(probe: () => Promise<T | undefined>, what: string, milliseconds = 60_000): Promise<T> {
  const end = performance.now() + milliseconds
  let last: unknown
  for (;;) {
    const found = await probe().catch((error: unknown) => {
      last = error
      return undefined
    })
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`never: ${what}`, { cause: last })
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
