/** `slytherin serve`: a gateway in front of the querier's party that runs with the same configuration: the Open Inference Protocol over HTTP. */
import { join } from 'node:path'
import {
  DEFAULT_BATCH_DELAY,
  DEFAULT_BODY_LIMIT,
  DEFAULT_TIMEOUT,
  Gateway,
  type GatewayOptions,
  isLoopback,
  type TlsFiles,
  TokenFile
} from '@slytherin/gateway'
import { Command, InvalidArgumentError } from 'commander'
import { loadServiceConfiguration } from '../configuration/load.js'
import { PartyBackend } from '../gateway/party-backend.js'
import { createLogger } from '../logging.js'
import { VERSION } from '../version.js'
import type { Streams } from './console.js'
import { EXIT_FAILURE } from './exit-codes.js'
import { finite, positive } from './party-socket.js'

interface ServeOptions {
  config: string
  host: string
  port: number
  batchDelay: number
  bodyLimit: number
  timeout: number
  certificate?: string
  certificateKey?: string
  clientAuthority?: string
  behindProxy?: boolean
  metricsPort?: number
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
const MEBIBYTE = 2 ** 20

/** Where a party's tokens are. */
export const tokensOf = (state: string): TokenFile => new TokenFile(join(state, 'gateway-tokens.json'))

export function serveCommand(streams: Streams): Command {
  return new Command('serve')
    .description(
      "Serve models to programs over HTTP (Open Inference Protocol, KServe v2): a gateway to this querier's running party, which encrypts what is sent and decrypts answers. Runs until it is stopped."
    )
    .option('-c, --config <path>', 'party.yaml of the running party', process.env['SLYTHERIN_CONFIG'] ?? 'party.yaml')
    .option('--host <address>', 'where to listen; other than loopback only with tokens or client certificates, and TLS', '127.0.0.1')
    .option('-p, --port <number>', '0: any that is free', portNumber, 8080)
    .option('--batch-delay <milliseconds>', 'how long a request waits for others to share its query with', notNegative, DEFAULT_BATCH_DELAY)
    .option('--body-limit <MiB>', 'largest request', positive, DEFAULT_BODY_LIMIT / MEBIBYTE)
    .option('--timeout <seconds>', 'until an answer must be there', positive, DEFAULT_TIMEOUT / 1000)
    .option('--certificate <path>', 'certificate chain of this gateway (PEM): speak TLS')
    .option('--certificate-key <path>', 'its private key (PEM)')
    .option('--client-authority <path>', "certificates (PEM) that clients' own must come from")
    .option('--behind-proxy', 'a proxy in front of it speaks TLS with clients; tokens are demanded on loopback, too')
    .option('--metrics-port <number>', 'serve http://127.0.0.1:PORT/metrics for Prometheus', portNumber)
    .addHelpText('after', HELP)
    .action(async (options: ServeOptions) => await serve(options, streams))
}

/** Until SIGINT or SIGTERM; the second of them does not wait. */
async function serve(options: ServeOptions, streams: Streams): Promise<void> {
  const { config, host, port, batchDelay, bodyLimit, timeout, behindProxy = false, metricsPort } = options
  const { state, name, log } = await loadServiceConfiguration(config)
  const logger = createLogger(name, { level: log.level, readable: process.stderr.isTTY }).child({ component: 'gateway' })
  const tell = (text: string): void => streams.out(`${new Date().toISOString().slice(0, 19)}Z  ${text}\n`)
  const stopping = Promise.withResolvers<NodeJS.Signals>()
  let interrupted = false
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interrupted) process.exit(EXIT_FAILURE)
    interrupted = true
    stopping.resolve(signal)
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  const backend = new PartyBackend({ state, file: config, name })
  const tokens = tokensOf(state)
  const given: GatewayOptions = {
    backend,
    tokens,
    version: VERSION,
    host,
    port,
    behindProxy,
    batchDelay,
    bodyLimit: bodyLimit * MEBIBYTE,
    timeout: timeout * 1000,
    ...tlsOf(options),
    ...(metricsPort === undefined ? {} : { metricsPort }),
    onRequest: request => logger.info(request, 'answered'),
    onError: error => logger.error(error, 'a request was answered with an internal error')
  }
  try {
    const gateway = await Gateway.start(given)
    try {
      const known = (await tokens.list()).length
      const who =
        known > 0
          ? `${known} token${known === 1 ? '' : 's'}`
          : options.clientAuthority === undefined
            ? 'programs on this machine'
            : 'client certificates'
      tell(`serves ${name} on ${gateway.url()} (${who})${isLoopback(host) ? '' : ', reachable from elsewhere'}`)
      const found = await backend.catalogue().catch((error: Error) => ({ missing: [error.message], models: [] }))
      tell(`models: ${[...new Set(found.models.map(model => model.name))].join(', ') || 'none yet'}`)
      for (const missing of found.missing) tell(`not ready: ${missing}`)
      tell(`stops: ${await stopping.promise}`)
    } finally {
      await gateway.stop()
    }
    tell('stopped')
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
  }
}

function tlsOf({ certificate, certificateKey: key, clientAuthority }: ServeOptions): { tls?: TlsFiles } {
  if (certificate === undefined && key === undefined && clientAuthority === undefined) return {}
  if (certificate === undefined || key === undefined) throw new Error('TLS takes both --certificate FILE and --certificate-key FILE')
  return { tls: { certificate, key, ...(clientAuthority === undefined ? {} : { clientAuthority }) } }
}

function portNumber(text: string): number {
  const value = Number(text)
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError('Give a number from 0 to 65535.')
  return value
}

function notNegative(text: string): number {
  const value = finite(text)
  if (value < 0 || value > 60_000) throw new InvalidArgumentError('Give milliseconds from 0 to 60000.')
  return value
}

const HELP = `
Examples:
  slytherin serve --config clinic.yaml
  curl -s localhost:8080/v2/models/lenet/infer -H 'content-type: application/json' \\
    -d '{"inputs": [{"name": "input", "shape": [1, 784], "datatype": "FP32", "data": [0, …]}]}'
  slytherin token create dashboard --grant 90ab12cd --config clinic.yaml
  slytherin serve --config clinic.yaml --host 0.0.0.0 --certificate chain.pem --certificate-key key.pem

Requests that arrive together share a query, as many samples as the model's plan takes, and so use one query of the grant.`
