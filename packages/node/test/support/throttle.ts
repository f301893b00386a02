/** A slow line: a TCP relay that lets so many bytes per second through in each direction, all connections together. */
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Between two releases of bytes, in ms. */
const TICK = 20

export class Throttle {
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly port: number
  ) {}

  /** @param rate bytes per second */
  static async start(target: number, rate: number): Promise<Throttle> {
    const server = createServer({ pauseOnConnect: true })
    const up = new Bucket(rate)
    const down = new Bucket(rate)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const throttle = new Throttle(server, (server.address() as { port: number }).port)
    server.on('connection', near => {
      const far = connect(target, '127.0.0.1')
      for (const socket of [near, far]) {
        throttle.sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          throttle.sockets.delete(socket)
          near.destroy()
          far.destroy()
        })
      }
      void relay(near, far, up)
      void relay(far, near, down)
    })
    return throttle
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
  }
}

async function relay(from: Socket, to: Socket, bucket: Bucket): Promise<void> {
  try {
    for await (const chunk of from) {
      for (let offset = 0; offset < chunk.length; ) {
        const count = await bucket.take(chunk.length - offset)
        to.write(chunk.subarray(offset, offset + count))
        offset += count
      }
    }
    to.end()
  } catch {
    to.destroy()
  }
}

/** Bytes that may pass, refilled by the clock; whoever comes first is served first. */
class Bucket {
  private level = 0
  private last = performance.now()
  private turn: Promise<unknown> = Promise.resolve()

  constructor(private readonly rate: number) {}

  async take(most: number): Promise<number> {
    const taken = this.turn.then(async () => await this.wait(most))
    this.turn = taken
    return await taken
  }

  private async wait(most: number): Promise<number> {
    const wanted = Math.min(most, Math.ceil((this.rate * TICK) / 1000))
    for (;;) {
      const now = performance.now()
      // No savings: a line that was idle is not faster afterwards.
      this.level = Math.min(this.level + ((now - this.last) * this.rate) / 1000, (2 * this.rate * TICK) / 1000)
      this.last = now
      if (this.level >= wanted) break
      await new Promise(resolve => setTimeout(resolve, TICK))
    }
    this.level -= wanted
    return wanted
  }
}
