/** An S3-compatible server of a test's own that keeps everything in memory: moto's, where it is installed. */
import { execa, type ResultPromise } from 'execa'
import { freePort } from '../deployment.js'

const SERVER = 'moto_server'
/** How long it may take to be there, milliseconds. */
const PATIENCE = 30_000
/** Between two looks. */
const PAUSE = 100

export class BucketServer {
  readonly url: string
  readonly #child: ResultPromise

  private constructor(url: string, child: ResultPromise) {
    this.url = url
    this.#child = child
  }

  /** @returns undefined where moto is not installed (`pip install "moto[server]"`) @throws Error when it does not answer */
  static async start(): Promise<BucketServer | undefined> {
    const there = await execa(SERVER, ['--help'], { reject: false, stdio: 'ignore' })
    if (there.exitCode !== 0) return undefined
    const port = await freePort()
    const flags = ['--host', '127.0.0.1', '--port', `${port}`]
    const child = execa(SERVER, flags, { reject: false, stdio: 'ignore', cleanup: true })
    const server = new BucketServer(`http://127.0.0.1:${port}`, child)
    const late = performance.now() + PATIENCE
    while (!(await server.#answers())) {
      if (performance.now() > late) {
        await server.stop()
        throw new Error(`moto_server does not answer on port ${port}`)
      }
      await new Promise(resolve => setTimeout(resolve, PAUSE))
    }
    return server
  }

  /** Makes an empty bucket. */
  async make(bucket: string): Promise<void> {
    const { ok, status } = await fetch(`${this.url}/${bucket}`, { method: 'PUT' })
    if (!ok) throw new Error(`moto_server makes no bucket: ${status}`)
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child
  }

  async #answers(): Promise<boolean> {
    return await fetch(this.url).then(
      () => true,
      () => false
    )
  }
}
