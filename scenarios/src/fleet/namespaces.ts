/**
 * Network namespaces of one machine as machines of their own: each has a link to a bridge, on which this process has an address, at a rate that can be limited. They are
 * made and removed here, which takes root.
 */
import { spawnSync } from 'node:child_process'
import { execa } from 'execa'
import { atExit } from './leaving.js'

/** Of the network between them: a part of 198.18.0.0/15, which is kept for measurements (RFC 2544). */
const NETWORK = '198.18.213'
/** Bytes that a limited link may send at once: less than it carries in five milliseconds at 1 Gbit/s. */
const BURST = '512kb'
/** How long a packet may wait for a limited link. */
const PATIENCE = '50ms'

export class NamespacesUnavailableError extends Error {
  override name = 'NamespacesUnavailableError'
}

export class Namespaces {
  /** Of this process, for those inside. */
  readonly address = `${NETWORK}.1`
  readonly #bridge: string
  readonly #names: string[] = []
  /** They would outlive this process. */
  readonly #gone = atExit(() => {
    for (const name of this.#names) spawnSync('ip', ['netns', 'delete', name])
    spawnSync('ip', ['link', 'delete', this.#bridge])
  })

  private constructor(bridge: string) {
    this.#bridge = bridge
  }

  /** @param rate of each link both ways, as `tc` writes it: 1gbit @throws NamespacesUnavailableError */
  static async make(count: number, rate?: string): Promise<Namespaces> {
    if (process.platform !== 'linux') throw new NamespacesUnavailableError('network namespaces are of Linux')
    if (process.getuid?.() !== 0)
      throw new NamespacesUnavailableError('network namespaces need root: run this with sudo, or without --namespaces')
    const made = new Namespaces(`slyb${process.pid}`)
    try {
      await run('ip', 'link', 'add', made.#bridge, 'type', 'bridge')
      await run('ip', 'address', 'add', `${made.address}/24`, 'dev', made.#bridge)
      await run('ip', 'link', 'set', made.#bridge, 'up')
      for (let k = 0; k < count; k++) await made.#add(k, rate)
      return made
    } catch (cause) {
      await made.remove()
      throw new NamespacesUnavailableError(`network namespaces cannot be made: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause
      })
    }
  }

  /** What runs a command in one of them. */
  through(index: number): string[] {
    return ['ip', 'netns', 'exec', this.#names[index % this.#names.length]!]
  }

  async remove(): Promise<void> {
    for (const name of this.#names.splice(0)) await execa('ip', ['netns', 'delete', name], { reject: false })
    await execa('ip', ['link', 'delete', this.#bridge], { reject: false })
    this.#gone()
  }

  async #add(index: number, rate: string | undefined): Promise<void> {
    const name = `${this.#bridge}-${index}`
    const link = `slyv${process.pid}.${index}`
    await run('ip', 'netns', 'add', name)
    this.#names.push(name)
    await run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await run('ip', 'link', 'set', link, 'master', this.#bridge, 'up')
    await run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    await run('ip', '-n', name, 'address', 'add', `${NETWORK}.${index + 2}/24`, 'dev', 'eth0')
    await run('ip', '-n', name, 'link', 'set', 'eth0', 'up')
    if (rate === undefined) return
    const limit = ['root', 'tbf', 'rate', rate, 'burst', BURST, 'latency', PATIENCE]
    await run('tc', 'qdisc', 'add', 'dev', link, ...limit)
    await run('tc', '-n', name, 'qdisc', 'add', 'dev', 'eth0', ...limit)
  }
}

/** @throws Error with what the command said */
async function run(command: string, ...parameters: string[]): Promise<void> {
  await execa(command, parameters)
}
