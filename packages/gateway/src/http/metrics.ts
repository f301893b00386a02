/** What a gateway counts, for Prometheus: requests by route and status, how long they took, how full queries were. Served on a port of its own, on loopback alone. */
import { createServer, type Server } from 'node:http'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export class GatewayMetrics {
  readonly #registry = new Registry()
  readonly requests = new Counter({
    name: 'slytherin_gateway_requests_total',
    help: 'Requests answered',
    labelNames: ['route', 'status'],
    registers: [this.#registry]
  })
  readonly seconds = new Histogram({
    name: 'slytherin_gateway_request_seconds',
    help: 'From a request to its answer',
    labelNames: ['route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.#registry]
  })
  readonly samples = new Histogram({
    name: 'slytherin_gateway_query_samples',
    help: 'Samples of a query that the gateway has sent',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096],
    registers: [this.#registry]
  })

  /** @param waiting samples that wait for a query, when it is asked */
  constructor(waiting: () => number) {
    collectDefaultMetrics({ register: this.#registry })
    const registers = [this.#registry]
    new Gauge({
      name: 'slytherin_gateway_waiting_samples',
      help: 'Samples that wait for a query',
      registers,
      collect() {
        this.set(waiting())
      }
    })
  }

  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  /** On 127.0.0.1. @returns what closes it, and its port */
  async listen(port: number): Promise<{ readonly port: number; close(): Promise<void> }> {
    const server: Server = createServer((request, response) => {
      const known = request.method === 'GET' && request.url === '/metrics'
      if (!known) {
        response.writeHead(404).end()
        return
      }
      void this.text().then(text => response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text))
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    const { port: actual } = server.address() as { port: number }
    return {
      port: actual,
      close: async () => {
        server.closeAllConnections()
        await new Promise<void>(resolve => server.close(() => resolve()))
      }
    }
  }
}
