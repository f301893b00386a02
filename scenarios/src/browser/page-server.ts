/**
 * Serves the page of @slytherin/web on this machine alone: files, settings, and one invitation.
 *
 * Everything that a page may do is in the policy that goes with it: scripts and styles of this server, WebAssembly, and connections to this server and to the evaluator.
 */
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Invitations } from './invitations.js'

const ASSETS = fileURLToPath(new URL('./', import.meta.resolve('@slytherin/web/assets/index.html')))
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml'
}
/** Bytes of a request's body. */
const MOST = 4096

export interface PageServerOptions {
  /** 0: any that is free. */
  readonly port: number
  /** What the page asks for as settings.json, as JSON. */
  readonly settings: unknown
  /** Where the evaluator's WebSockets are, `ws:` or `wss:`. */
  readonly evaluator: string
  readonly invitations: Invitations
}

interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly compressed: Buffer
}

export class PageServer {
  readonly #server: Server
  /** Of the page, without a path. */
  readonly origin: string

  private constructor(server: Server) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start({ port, settings, evaluator, invitations }: PageServerOptions): Promise<PageServer> {
    const assets = await readAssets()
    assets.set('/settings.json', assetOf('.json', Buffer.from(JSON.stringify(settings))))
    assets.set('/', assets.get('/index.html')!)
    const headers = headersFor(new URL(evaluator).origin)
    const server = createServer((request, response) => {
      void answer(request, response, assets, invitations, headers).catch(() => response.destroy())
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new PageServer(server)
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

function headersFor(evaluator: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    `connect-src 'self' ${evaluator}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ]
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache'
  }
}

async function readAssets(): Promise<Map<string, Asset>> {
  const names = (await readdir(ASSETS)).filter(name => name !== 'sizes.json')
  return new Map(
    await Promise.all(names.map(async name => [`/${name}`, assetOf(extname(name), await readFile(join(ASSETS, name)))] as const))
  )
}

function assetOf(extension: string, body: Buffer): Asset {
  return { type: TYPES[extension] ?? 'application/octet-stream', body, compressed: gzipSync(body, { level: 9 }) }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  assets: ReadonlyMap<string, Asset>,
  invitations: Invitations,
  headers: Readonly<Record<string, string>>
): Promise<void> {
  const own = `127.0.0.1:${request.socket.localPort}`
  const say = (status: number, value: unknown): void => {
    response.writeHead(status, { ...headers, 'Content-Type': 'application/json' }).end(JSON.stringify(value))
  }
  // A name that somebody else has pointed at this machine is none of this server's.
  if (request.headers.host !== own) return say(403, { error: `ask for ${own}` })
  const { pathname } = new URL(request.url ?? '/', `http://${own}`)
  if (request.method === 'POST' && pathname === '/invitation') {
    if (request.headers.origin !== `http://${own}`) return say(403, { error: 'another origin' })
    const outcome = await invitations.accept(await bodyOf(request), `http://${own}`)
    return say(outcome.status, outcome.status === 200 ? {} : { error: outcome.error })
  }
  const asset = assets.get(pathname)
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, { error: 'this is only read' })
  if (asset === undefined) return say(404, { error: 'not found' })
  const compressed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const body = compressed ? asset.compressed : asset.body
  response.writeHead(200, {
    ...headers,
    'Content-Type': asset.type,
    'Content-Length': body.length,
    Vary: 'Accept-Encoding',
    ...(compressed ? { 'Content-Encoding': 'gzip' } : {})
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** @returns JSON; undefined for anything else, and for what is too long */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > MOST) return undefined
    pieces.push(piece)
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch {
    return undefined
  }
}
