/**
 * A gateway: the Open Inference Protocol over HTTP in front of a querier's party. It holds samples and answers in the clear, as the party does: it stands in the
 * querier's own domain of trust, and what leaves that domain is encrypted by the party. Nothing of a request's body, of its answer or of a token is ever logged.
 */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Http2ServerRequest } from 'node:http2'
import swagger from '@fastify/swagger'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { Access, type Caller } from './access/access.js'
import { checkBinding } from './access/binding.js'
import type { TokenFile } from './access/tokens.js'
import { type Backend, BackendError } from './backend.js'
import {
  DEFAULT_BATCH_DELAY,
  DEFAULT_BODY_LIMIT,
  DEFAULT_TIMEOUT,
  MAXIMUM_CONNECTIONS,
  MAXIMUM_REQUESTS,
  STOP_PATIENCE
} from './constants.js'
import { problemOf } from './http/errors.js'
import { GatewayMetrics } from './http/metrics.js'
import { Problem } from './http/problem.js'
import { addRoutes } from './http/routes.js'
import { Predictor } from './inference/predictor.js'

/** What tells nothing of models or callers: for those that watch whether it runs, and for those that read what there is. */
const PUBLIC: ReadonlySet<string> = new Set(['/v2/health/live', '/v2/health/ready', '/openapi.json'])

/** What a gateway speaks TLS with: paths of PEM files. */
export interface TlsFiles {
  /** Chain of this gateway. */
  readonly certificate: string
  /** Its private key. */
  readonly key: string
  /** Certificates of the authorities that clients' own must come from; none are demanded without. */
  readonly clientAuthority?: string
}

/** A request that was answered; what the log may know of it. */
export interface AnsweredRequest {
  /** Of the request, as its sender or the gateway named it. */
  readonly id: string
  readonly method: string
  /** Its pattern: what stands in the path is the sender's. */
  readonly route: string
  /** HTTP status of the answer. */
  readonly status: number
  /** That answering took. */
  readonly milliseconds: number
  /** Name of the token or certificate; never the token. */
  readonly caller: string
}

/** What a gateway is given; what is left out has a default. */
export interface GatewayOptions {
  /** What answers. */
  readonly backend: Backend
  /** Who may ask; with none in it, whoever reaches loopback. */
  readonly tokens: TokenFile
  /** Release of the software, for the server's metadata. */
  readonly version: string
  /** Address to listen on; 127.0.0.1 when absent. */
  readonly host?: string
  /** 0 for any that is free. */
  readonly port?: number
  /** Speaks TLS itself; needed on other addresses than loopback. */
  readonly tls?: TlsFiles
  /** That a proxy in front of it speaks TLS; tokens are demanded then. */
  readonly behindProxy?: boolean
  /** Milliseconds that a request waits for others to share its query. */
  readonly batchDelay?: number
  /** Most bytes of a request; more is answered with 413. */
  readonly bodyLimit?: number
  /** Milliseconds until an answer must be there. */
  readonly timeout?: number
  /** For Prometheus, on loopback; none when absent. */
  readonly metricsPort?: number
  /** Told of every request once it is answered. */
  onRequest?(request: AnsweredRequest): void
  /** Something broke; never with anything of a request in it. */
  onError?(error: { readonly id: string; readonly name: string; readonly at: string }): void
}

/** An HTTP server of the Open Inference Protocol (KServe v2) over a backend. */
export class Gateway {
  readonly #app: FastifyInstance
  readonly #predictor: Predictor
  #stopping = false
  #closeMetrics: () => Promise<void> = async () => undefined

  private constructor(
    app: FastifyInstance,
    predictor: Predictor,
    /** Where it listens. */
    readonly url: () => string
  ) {
    this.#app = app
    this.#predictor = predictor
  }

  /** @throws BindingRefusedError where it would let in anybody, or be overheard; what listening fails with */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const { host = '127.0.0.1', port = 8080, tls, behindProxy = false, tokens, metricsPort } = options
    const clientCertificates = tls?.clientAuthority !== undefined
    const hasTokens = (await tokens.list()).length > 0
    checkBinding({ host, hasTokens, tls: tls !== undefined, clientCertificates, behindProxy })
    const open = !behindProxy && !hasTokens
    let metrics: GatewayMetrics | undefined
    const { backend, batchDelay = DEFAULT_BATCH_DELAY } = options
    const predictor = new Predictor({ backend, batchDelay, onBatch: (model, rows) => metrics?.samples.observe({ model }, rows) })
    metrics = new GatewayMetrics(() => predictor.waitingRows)
    const app = await makeApp(options)
    const gateway = new Gateway(app, predictor, () => `${tls === undefined ? 'http' : 'https'}://${addressOf(app)}`)
    await describe(app, options.version)
    const callers = new WeakMap<FastifyRequest, Caller>()
    watch(app, metrics, callers, options)
    admit(app, new Access({ tokens, clientCertificates, open }), callers)
    addRoutes(app, {
      predictor,
      version: options.version,
      isStopping: () => gateway.#stopping,
      callerOf: request => callers.get(request)!,
      waiting: waitingRoom(options.timeout ?? DEFAULT_TIMEOUT)
    })
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port })
    app.server.maxConnections = MAXIMUM_CONNECTIONS
    if (metricsPort !== undefined) {
      try {
        const served = await metrics.listen(metricsPort)
        gateway.#closeMetrics = served.close
      } catch (error) {
        await app.close()
        throw error
      }
    }
    return gateway
  }

  /** Takes no more, lets what waits come to its end, or ends it after a while. Safe to call more than once. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const late = setTimeout(() => this.#predictor.stop(new BackendError('no-answer', 'the gateway is being stopped')), STOP_PATIENCE)
    try {
      await this.#app.close()
    } finally {
      clearTimeout(late)
      this.#predictor.stop(new BackendError('no-answer', 'the gateway is stopped'))
      await this.#closeMetrics()
    }
  }
}

async function makeApp({ tls, bodyLimit = DEFAULT_BODY_LIMIT }: GatewayOptions): Promise<FastifyInstance> {
  const common = {
    logger: false,
    bodyLimit,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    requestIdHeader: false,
    routerOptions: { maxParamLength: 256 },
    genReqId: ({ headers }: { readonly headers: Http2ServerRequest['headers'] }) => requestId(headers['x-request-id'])
  } as const
  const app = tls === undefined ? fastify(common) : ((await fastify({ ...common, https: await secure(tls) })) as unknown as FastifyInstance)
  // Schemas are documentation: requests are checked where they are read, with messages of their own, and answers are written as they are.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => body => JSON.stringify(body))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const { 'content-type': type = 'application/json' } = request.headers
    if (/^application\/(json|octet-stream)\b/i.test(type)) done(null, body)
    else done(new Problem('unsupported-media-type', 'expected application/json or application/octet-stream'))
  })
  return app
}

async function secure({ certificate, key, clientAuthority }: TlsFiles): Promise<Record<string, unknown>> {
  const [cert, own, ca] = await Promise.all([
    readFile(certificate),
    readFile(key),
    clientAuthority === undefined ? undefined : readFile(clientAuthority)
  ])
  const common = { cert, key: own, minVersion: 'TLSv1.3' }
  return ca === undefined ? common : { ...common, ca, requestCert: true, rejectUnauthorized: true }
}

/** Kept as it is given, when it is one. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

async function describe(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'slytherin gateway',
        description:
          'The Open Inference Protocol (KServe v2) for encrypted models: what is sent here is encrypted by the party behind this gateway.',
        version
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }]
    }
  })
}

/** Who asks is known before a byte of a body is read. */
function admit(app: FastifyInstance, access: Access, callers: WeakMap<FastifyRequest, Caller>): void {
  app.addHook('onRequest', async request => {
    if (PUBLIC.has(request.routeOptions.url ?? '')) return
    callers.set(request, await access.callerOf(request.raw))
  })
}

function watch(
  app: FastifyInstance,
  metrics: GatewayMetrics,
  callers: WeakMap<FastifyRequest, Caller>,
  { onRequest, onError }: GatewayOptions
): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  })
  app.addHook('onResponse', async (request, reply) => {
    const { id, method, routeOptions } = request
    const route = routeOptions.url ?? 'none'
    const { statusCode: status, elapsedTime: milliseconds } = reply
    metrics.requests.inc({ route, status })
    metrics.seconds.observe({ route }, milliseconds / 1000)
    onRequest?.({ id, method, route, status, milliseconds: Math.round(milliseconds * 10) / 10, caller: callers.get(request)?.name ?? '-' })
  })
  app.setNotFoundHandler(() => {
    throw new Problem('not-found', 'see /openapi.json for what there is')
  })
  app.setErrorHandler(async (thrown, request, reply) => {
    const problem = problemOf(thrown)
    if (problem.kind === 'internal-error') {
      const { name, stack = '' } = thrown as Error
      // Where it broke, without its message, which could quote a request.
      const at = stack.slice(stack.indexOf('\n    at ') >>> 0).trim()
      onError?.({ id: request.id, name, at })
    }
    const { retryAfter } = problem.extras
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    if (problem.kind === 'unauthenticated') reply.header('www-authenticate', 'Bearer')
    return await reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem))
  })
}

/** Bounds how many requests wait, and for how long; a client that hangs up waits no more. */
function waitingRoom(timeout: number): <T>(reply: FastifyReply, task: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  let waiting = 0
  return async (reply, task) => {
    if (waiting >= MAXIMUM_REQUESTS) throw new Problem('busy', `${waiting} requests wait already`, { retryAfter: 1 })
    waiting++
    const gone = new AbortController()
    const hangUp = (): void => gone.abort(new Problem('no-answer', 'the client has left'))
    const late = setTimeout(() => gone.abort(new Problem('no-answer', `no answer within ${timeout / 1000} s`)), timeout)
    reply.raw.once('close', hangUp)
    try {
      return await task(gone.signal)
    } finally {
      clearTimeout(late)
      reply.raw.off('close', hangUp)
      waiting--
    }
  }
}

function addressOf(app: FastifyInstance): string {
  const address = app.server.address()
  if (address === null || typeof address === 'string') return 'closed'
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
