/** A Redis or Valkey server of a test's own, on a port of its own, that keeps nothing. */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { execa, type ResultPromise } from 'execa'
import { freePort } from '../deployment.js'
import { atExit } from './leaving.js'

const SERVERS = ['valkey-server', 'redis-server'] as const
/** Debian's package, where there is one of the two. */
const PACKAGES = ['valkey-server', 'redis-server'] as const
const HOW =
  'No valkey-server or redis-server is on this machine: "apt-get install redis-server" (Debian, Ubuntu; newer ones have valkey-server), "brew install valkey" (macOS), ' +
  'or put either of them on the PATH.'
/** How long a server may take to be there, milliseconds. */
const PATIENCE = 20_000
const LOOPBACK = '127.0.0.1'
/** Between two looks. */
const PAUSE = 50

export class RedisServer {
  readonly url: string
  readonly #command: string
  readonly #host: string
  readonly #port: number
  #child: ResultPromise | undefined
  readonly #lost = Promise.withResolvers<never>()
  /** Rejects when it ends, or is killed, by anybody else. */
  readonly lost: Promise<never> = this.#lost.promise

  private constructor(command: string, host: string, port: number) {
    this.#command = command
    this.#host = host
    this.#port = port
    this.url = `redis://${host}:${port}`
    this.lost.catch(() => undefined)
  }

  /** Name and version, as it says them. */
  version = ''

  /** Installs Debian's package where there is no server and this process may. @param host address that it listens on @throws Error that says how to get one */
  static async start(directory: string, onLine: (text: string) => void, host = LOOPBACK): Promise<RedisServer> {
    const server = new RedisServer((await found()) ?? (await installed(onLine)), host, await freePort())
    const { stdout } = await execa(server.#command, ['--version'])
    server.version = stdout.split(' sha=')[0]!.replace(' server', '').replace('v=', '')
    await server.up(directory)
    return server
  }

  /** Whether a server is on this machine. */
  static async isThere(): Promise<boolean> {
    return (await found()) !== undefined
  }

  /** Starts it, empty. */
  async up(directory: string): Promise<void> {
    const settings = {
      port: this.#port,
      bind: this.#host,
      'protected-mode': 'no',
      save: '',
      appendonly: 'no',
      dir: directory,
      loglevel: 'warning'
    }
    const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, `${value}`])
    const child = execa(this.#command, flags, { reject: false, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore', cleanup: true })
    this.#child = child
    const gone = atExit(() => child.kill('SIGKILL'))
    void child.then(({ shortMessage = 'it ended' }) => {
      gone()
      if (this.#child === child) this.#lost.reject(new Error(`${this.#command} at ${this.url} is gone: ${shortMessage}`))
    })
    const late = performance.now() + PATIENCE
    while (!(await answers(this.#host, this.#port))) {
      if (performance.now() > late) throw new Error(`${this.#command} does not answer on port ${this.#port}`)
      await new Promise(resolve => setTimeout(resolve, PAUSE))
    }
  }

  /** kill -9. */
  async down(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    child?.kill('SIGKILL')
    await child
  }
}

/** Whether it answers a ping. */
async function answers(host: string, port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const socket = connect(port, host, () => socket.write('PING\r\n'))
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.once('data', data => {
      resolve(data.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

async function found(): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  for (const name of SERVERS) {
    for (const folder of folders) {
      const path = join(folder, name)
      const there = await access(path, constants.X_OK).then(
        () => true,
        () => false
      )
      if (there) return path
    }
  }
  return undefined
}

async function installed(onLine: (text: string) => void): Promise<string> {
  if (process.platform === 'linux' && process.getuid?.() === 0) {
    for (const name of PACKAGES) {
      onLine(`no Redis or Valkey here: apt-get install ${name}`)
      await execa('apt-get', ['install', '-y', '--no-install-recommends', name], { reject: false })
      const path = await found()
      if (path !== undefined) return path
    }
  }
  throw new Error(HOW)
}
