/**
 * Metrics and health over HTTP, for this machine alone: it listens on the loopback interface, answers nothing but GET and HEAD, and changes nothing.
 *
 *   /metrics        Prometheus, exposition format 0.0.4
 *   /health/live    200 while the process answers
 *   /health/ready   200 when the party is of use to others, 503 otherwise; JSON says what is missing
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Missing } from './figures.js'

const HOST = '127.0.0.1'
/** A page of somewhere else that a browser here shows may not read what this machine alone may. */
const OWN_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost'])
const MAXIMUM_CONNECTIONS = 16
/** Milliseconds for a request to come, and for its connection to be of use. */
const PATIENCE = 10_000

export interface MonitorOptions {
  /** 0 for any that is free. */
  readonly port: number
  metrics(): Promise<{ readonly text: string; readonly type: string }>
  /** What is missing; nothing when the party is ready. */
  missing(): Promise<readonly Missing[]>
  onFailure(error: unknown): void
}

export class MonitorServer {
  readonly #server: Server
  readonly #options: MonitorOptions

  private constructor(options: MonitorOptions) {
    this.#options = options
    this.#server = createServer(
      { requestTimeout: PATIENCE, headersTimeout: PATIENCE, keepAliveTimeout: PATIENCE, maxHeaderSize: 8192 },
      (request, response) => void this.#answer(request, response)
    )
    this.#server.maxConnections = MAXIMUM_CONNECTIONS
  }

  /** @throws what listening throws: EADDRINUSE where somebody else has the port */
  static async listen(options: MonitorOptions): Promise<MonitorServer> {
    const monitor = new MonitorServer(options)
    await new Promise<void>((resolve, reject) => monitor.#server.once('error', reject).listen(options.port, HOST, resolve))
    return monitor
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nothing that a request carries is of any interest.
    request.resume()
    const head = request.method === 'HEAD'
    const send = (status: number, type: string, text: string): void => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text), 'cache-control': 'no-store' }
      response.writeHead(status, headers).end(head ? undefined : text)
    }
    const json = (status: number, value: unknown): void => send(status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`)
    try {
      if (!OWN_NAMES.has((request.headers.host ?? '').replace(/:\d+$/, ''))) return json(403, { error: 'ask for 127.0.0.1 or localhost' })
      if (!head && request.method !== 'GET') return json(405, { error: 'only GET and HEAD are answered' })
      switch (request.url?.split('?')[0]) {
        case '/metrics': {
          const { text, type } = await this.#options.metrics()
          return send(200, type, text)
        }
        case '/health/live':
          return json(200, { live: true })
        case '/health/ready': {
          const missing = await this.#options.missing()
          return json(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing })
        }
        default:
          return json(404, { error: 'there are /metrics, /health/live and /health/ready' })
      }
    } catch (error) {
      this.#options.onFailure(error)
      if (response.headersSent) response.destroy()
      else json(500, { error: 'see the log of the party' })
    }
  }
}
