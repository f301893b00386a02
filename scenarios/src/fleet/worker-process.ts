/** Worker processes of a fleet on this machine: `slytherin worker`, as an operator starts it. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa, type ResultPromise } from 'execa'
import { stringify } from 'yaml'
import { COMMAND } from '../service/parties.js'

export interface WorkerProcessOptions {
  /** Its own, for configuration, log and cache. */
  readonly directory: string
  readonly fleet: { readonly name?: string; readonly redis: string; readonly store: object }
  readonly threads?: number
  readonly weightBytes?: number
}

export class WorkerProcess {
  readonly #child: ResultPromise
  readonly #log: string

  private constructor(child: ResultPromise, log: string) {
    this.#child = child
    this.#log = log
  }

  static async start({ directory, fleet, threads = 1, weightBytes }: WorkerProcessOptions): Promise<WorkerProcess> {
    await mkdir(directory, { recursive: true })
    const configuration = join(directory, 'worker.yaml')
    const path = join(directory, 'log')
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
    const child = execa(process.execPath, [COMMAND, 'worker', '--config', configuration], {
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      cleanup: true
    })
    log.close()
    return new WorkerProcess(child, path)
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#child
  }

  /** What it has said. */
  async log(): Promise<string> {
    return await readFile(this.#log, 'utf8').catch(() => '')
  }
}
