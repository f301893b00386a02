/** Worker processes of a fleet on this machine: `slytherin worker`, as an operator starts it. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa, type ResultPromise } from 'execa'
import { stringify } from 'yaml'
import { COMMAND } from '../service/parties.js'
import { atExit } from './leaving.js'

export interface WorkerProcessOptions {
  /** Its own, for configuration, log and cache. */
  readonly directory: string
  readonly fleet: { readonly name?: string; readonly redis: string; readonly store: object }
  readonly threads?: number
  readonly weightBytes?: number
  /** The command as a few files, where it is started often. */
  readonly command?: string
  /** What is run with the command as its arguments, to run it elsewhere. */
  readonly through?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Of a clock of the kernel, a second, as /proc counts. */
const TICKS = 100
/** In its directory. */
const LOG = 'log'
/** Characters of a log, in errors. */
const LAST = 2000

export class WorkerProcess {
  /** Its own; another that is started in it finds what this one has fetched. */
  readonly directory: string
  readonly #child: ResultPromise
  readonly #log: string
  readonly #lost = Promise.withResolvers<never>()
  /** Rejects when it ends, or is killed, by anybody else. */
  readonly lost: Promise<never> = this.#lost.promise
  #ending = false

  private constructor(child: ResultPromise, directory: string) {
    this.directory = directory
    this.#child = child
    this.#log = join(directory, LOG)
    this.lost.catch(() => undefined)
    const gone = atExit(() => child.kill('SIGKILL'))
    void child.then(async ({ shortMessage = 'it ended' }) => {
      gone()
      if (!this.#ending) this.#lost.reject(new Error(`a worker is gone (${shortMessage}): ${(await this.log()).slice(-LAST)}`))
    })
  }

  static async start(options: WorkerProcessOptions): Promise<WorkerProcess> {
    const { directory, fleet, threads = 1, weightBytes, command = COMMAND, through = [], environment = {} } = options
    await mkdir(directory, { recursive: true })
    const configuration = join(directory, 'worker.yaml')
    const path = join(directory, LOG)
    const settings = {
      fleet,
      threads,
      cache: { directory: join(directory, 'cache') },
      ...(weightBytes === undefined ? {} : { weightBytes }),
      log: { level: 'info' }
    }
    await writeFile(configuration, stringify(settings))
    const log = createWriteStream(path, { flags: 'a' })
    await once(log, 'open')
    const [file = process.execPath, ...rest] = [...through, process.execPath, command, 'worker', '--config', configuration]
    const child = execa(file, rest, {
      env: environment,
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      cleanup: true
    })
    log.close()
    return new WorkerProcess(child, directory)
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#ending = true
    this.#child.kill('SIGKILL')
    await this.#child
  }

  async stop(): Promise<void> {
    this.#ending = true
    this.#child.kill('SIGTERM')
    await this.#child
  }

  /** That its process has computed so far, seconds of a core; 0 where the system does not say. */
  async coreSeconds(): Promise<number> {
    const text = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8').catch(() => '')
    // Behind the name, which may have blanks: user and system time are the fields 14 and 15.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields.length < 13 ? 0 : (Number(fields[11]) + Number(fields[12])) / TICKS
  }

  /** When it first logged a message, milliseconds of the epoch; undefined unless it has. */
  async saidAt(message: string): Promise<number | undefined> {
    return await loggedAt(this.#log, message)
  }

  /** What it has said. */
  async log(): Promise<string> {
    return await readFile(this.#log, 'utf8').catch(() => '')
  }
}

/** When a log first has a message, milliseconds of the epoch; undefined unless it has. @param path lines of JSON, and others */
export async function loggedAt(path: string, message: string): Promise<number | undefined> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
  // What it tells people stands between, and the last may be half written.
  for (const line of lines.slice(0, -1)) {
    if (!line.startsWith('{')) continue
    const { msg, time } = JSON.parse(line) as { readonly msg?: string; readonly time: number }
    if (msg === message) return time
  }
  return undefined
}
