/** `slytherin serve` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { COMMAND, type ServiceParty } from '../service/parties.js'

/** How long it may take until it listens, and until it has ended, milliseconds. */
const PATIENCE = 60_000

export interface GatewayProcessOptions {
  readonly port: number
  /** More of its options, as on a command line. */
  readonly flags?: readonly string[]
}

export class GatewayProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** Where it listens. */
    readonly url: string,
    private readonly lines: readonly string[]
  ) {}

  /** What it has said so far. */
  get told(): string {
    return this.lines.join('\n')
  }

  /** In front of a querier that runs. @throws with its own words when it does not listen */
  static async start(
    { configuration }: Pick<ServiceParty, 'configuration'>,
    { port, flags = [] }: GatewayProcessOptions
  ): Promise<GatewayProcess> {
    const parameters = [COMMAND, 'serve', '--config', configuration, '--port', `${port}`, ...flags]
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
    const told: string[] = []
    const listens = Promise.withResolvers<string>()
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', line => {
        if (told.length < 100) told.push(line)
        const [, url] = /serves \S+ on (https?:\S+)/.exec(line) ?? []
        if (url !== undefined) listens.resolve(url)
      })
    }
    const fail = (): void => listens.reject(new Error(`the gateway does not listen: ${told.join('\n')}`))
    child.once('exit', fail).once('error', fail)
    const late = setTimeout(fail, PATIENCE)
    try {
      return new GatewayProcess(child, await listens.promise, told)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  /** Asks it to end. @returns its exit code; null when it had to be killed */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const late = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE)
      this.child.kill('SIGTERM')
      await once(this.child, 'exit')
      clearTimeout(late)
    }
    return this.child.exitCode
  }
}
