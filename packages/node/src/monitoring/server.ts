/**
 * Metrics and health over HTTP, for this machine alone: it listens on the loopback interface, answers nothing but GET and HEAD, and changes nothing.
 *
 *   /metrics        Prometheus, exposition format 0.0.4
 *   /health/live    200 while the process answers
 *   /health/ready   200 when the party is of use to others, 503 otherwise; JSON says what is missing
 *   /               where it is wanted, the dashboard: a page, its files, and /status.json (packages/dashboard/src/status.ts)
 *
 * Pages of elsewhere that a browser here shows come by nothing: names of other hosts that lead here are refused, and so is what a browser says that another site asks for.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type DashboardStatus, PAGE_FILES, PAGE_HEADERS } from '@slytherin/dashboard'
import type { Missing } from './figures.js'

const HOST = '127.0.0.1'
/** A page of somewhere else that a browser here shows may not read what this machine alone may. */
const OWN_NAMES: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost'])
const MAXIMUM_CONNECTIONS = 16
/** Milliseconds for a request to come, and for its connection to be of use. */
const PATIENCE = 10_000
/** For so many milliseconds all who look at the dashboard are told the same. */
const FRESH = 400

export interface MonitorOptions {
  /** 0 for any that is free. */
  readonly port: number
  metrics(): Promise<{ readonly text: string; readonly type: string }>
  /** What is missing; nothing when the party is ready. */
  missing(): Promise<readonly Missing[]>
  /** Where a dashboard is wanted. */
  dashboard?(): Promise<DashboardStatus>
  onFailure(error: unknown): void
}

export class MonitorServer {
  readonly #server: Server
  readonly #options: MonitorOptions
  #status: { readonly since: number; readonly json: Promise<string> } | undefined

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
      response.writeHead(status, { ...PAGE_HEADERS, ...headers }).end(head ? undefined : text)
    }
    const json = (status: number, value: unknown): void => send(status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`)
    try {
      if (!OWN_NAMES.has((request.headers.host ?? '').replace(/:\d+$/, ''))) return json(403, { error: 'ask for 127.0.0.1 or localhost' })
      if (!head && request.method !== 'GET') return json(405, { error: 'only GET and HEAD are answered' })
      if (!ofThisSite(request)) return json(403, { error: 'nothing is here for other sites' })
      const path = request.url?.split('?')[0] ?? ''
      const { dashboard } = this.#options
      if (dashboard !== undefined) {
        const file = PAGE_FILES.get(path)
        if (file !== undefined) return send(200, file.type, file.body)
        if (path === '/status.json') return send(200, 'application/json; charset=utf-8', await this.#fresh(dashboard))
      }
      switch (path) {
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
          return json(404, {
            error: `there are ${dashboard === undefined ? '' : '/, /status.json, '}/metrics, /health/live and /health/ready`
          })
      }
    } catch (error) {
      this.#options.onFailure(error)
      if (response.headersSent) response.destroy()
      else json(500, { error: 'see the log of the party' })
    }
  }

  async #fresh(dashboard: () => Promise<DashboardStatus>): Promise<string> {
    const now = performance.now()
    if (this.#status === undefined || now - this.#status.since > FRESH) {
      this.#status = { since: now, json: dashboard().then(status => `${JSON.stringify(status)}\n`) }
    }
    return await this.#status.json
  }
}

/**
 * Browsers say on whose behalf they ask: this page's, somebody's who typed the address (`none`), or another site's, which may lead somebody here by a link and read
 * nothing. What is no browser says nothing.
 */
function ofThisSite({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return true
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  return headers.origin === undefined || headers.origin === `http://${headers.host}`
}
