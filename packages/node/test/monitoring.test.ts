/** Metrics, health, logs that are bounded, and the audit log of a party of a service. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DashboardStatus, PAGE_HEADERS } from '@slytherin/dashboard'
import { createLogger, loadServiceConfiguration, ServiceParty } from '@slytherin/node'
import type { ServiceEvent } from '@slytherin/protocol/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AuditLog } from '../src/monitoring/audit-log.js'
import { Chronicle } from '../src/monitoring/chronicle.js'
import type { Figures } from '../src/monitoring/figures.js'
import { PartyMetrics } from '../src/monitoring/metrics.js'
import { RotatingFile } from '../src/monitoring/rotating-file.js'
import { ServiceCohort, slytherin, until } from './support/service-cohort.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-monitoring-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function lines(path: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(path, 'utf8')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)
}

describe('a file that is turned over', () => {
  it('never takes more room than it may, loses the oldest lines only, and is read by its user alone', async () => {
    const path = join(directory, 'x.log')
    const failures: Error[] = []
    const file = new RotatingFile({ path, bytes: 1000, files: 3, onFailure: error => failures.push(error) })
    for (let k = 0; k < 200; k++) {
      file.write(`${JSON.stringify({ k, text: 'x'.repeat(40) })}\n`)
      await new Promise(resolve => setImmediate(resolve))
    }
    await file.close()
    expect(failures).toEqual([])
    const names = (await readdir(directory)).sort()
    expect(names).toEqual(['x.log', 'x.log.1', 'x.log.2'])
    const kept: unknown[] = []
    for (const name of ['x.log.2', 'x.log.1', 'x.log']) {
      const { size, mode } = await stat(join(directory, name))
      expect(size).toBeLessThanOrEqual(1100)
      expect(mode & 0o777).toBe(0o600)
      kept.push(...(await lines(join(directory, name))).map(({ k }) => k))
    }
    expect(kept.length).toBeGreaterThan(20)
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, k) => 200 - kept.length + k))
  })

  it('is appended to when it is there already', async () => {
    const path = join(directory, 'x.log')
    for (const text of ['a\n', 'b\n']) {
      const file = new RotatingFile({ path, bytes: 1000, files: 2, onFailure: () => undefined })
      file.write(text)
      await file.close()
    }
    expect(await readFile(path, 'utf8')).toBe('a\nb\n')
  })

  it('that cannot be written ends nothing: it says so, counts what it drops, and is tried again', async () => {
    const place = join(directory, 'taken')
    await writeFile(place, '')
    const failures: Error[] = []
    const file = new RotatingFile({ path: join(place, 'x.log'), bytes: 1000, files: 2, pause: 0, onFailure: error => failures.push(error) })
    await until(async () => (failures.length > 0 ? true : undefined), 'it fails')
    await rm(place)
    await mkdir(place)
    file.write('later\n')
    await file.close()
    expect(await readFile(join(place, 'x.log'), 'utf8')).toBe('later\n')
  })
})

const QUERY = 'c0ffee00c0ffee00c0ffee00c0ffee00'
const EVENTS: ServiceEvent[] = [
  { event: 'query', query: QUERY, state: 'queued', epoch: 'e', release: 'r', sender: 'S', querier: 'Q', samples: 4, code: '' },
  { event: 'phase', query: QUERY, phase: 'refresh', seconds: 0.2 },
  { event: 'query', query: QUERY, state: 'failed', epoch: 'e', release: 'r', sender: 'S', querier: 'Q', samples: 4, code: 'internal' },
  { event: 'admitted', query: QUERY, epoch: 'e', release: 'r', grant: 'g', sender: 'S', querier: 'Q', samples: 4 },
  {
    event: 'shares',
    query: QUERY,
    protocol: 'refresh',
    epoch: 'e',
    grant: 'g',
    querier: 'Q',
    step: 'r1.0',
    attempt: 0,
    ciphertexts: 3,
    seconds: 0.1
  },
  { event: 'endorsed', query: QUERY, protocol: 'switch', epoch: 'e', release: 'r', step: 'out', attempt: 0 },
  { event: 'not-endorsed', query: QUERY, evaluator: 'E', code: 'endorsement-refused', culprit: 'E' },
  { event: 'sent', query: QUERY, epoch: 'e', release: 'r', samples: 4 }
]

describe('what happens to queries', () => {
  it('is counted by outcome and phase, and no label names a query', async () => {
    const metrics = new PartyMetrics()
    for (const event of EVENTS) metrics.event(event)
    metrics.watch(
      async (): Promise<Figures> => ({
        queue: { states: { queued: 2, running: 1 }, bytes: 77, limit: 10, limitBytes: 1000 },
        epochs: [
          {
            epoch: 'abcdefabcdefabcdef',
            cohort: 'h',
            expires: 5000,
            threshold: 2,
            holders: 3,
            holdersUp: 1,
            share: 'held',
            decryptions: { used: 3, limit: 10 }
          }
        ],
        models: 1,
        peers: [{ name: 'a', up: true, sent: 5, received: 6, clockOffsetSeconds: -1.5 }],
        restarts: 2,
        started: 1000,
        ready: false
      })
    )
    // Read twice: what is asked whenever it is read does not add up.
    await metrics.text()
    const text = await metrics.text()
    for (const line of [
      'slytherin_queries_total{outcome="failed"} 1',
      'slytherin_query_phase_seconds_count{phase="refresh"} 1',
      'slytherin_share_ciphertexts_total{protocol="refresh"} 3',
      'slytherin_asked_queries_total{outcome="sent"} 1',
      'slytherin_endorsements_total{outcome="switch"} 1',
      'slytherin_endorsements_total{outcome="refused"} 1',
      'slytherin_admitted_queries_total 1',
      'slytherin_queue_queries{state="queued"} 2',
      'slytherin_queue_bytes 77',
      'slytherin_epoch_decryptions_left{cohort="h",epoch="abcdefabcdef"} 7',
      'slytherin_epoch_holders_up{cohort="h",epoch="abcdefabcdef"} 1',
      'slytherin_peer_bytes_total{peer="a",direction="sent"} 5',
      'slytherin_peer_clock_offset_seconds{peer="a"} -1.5',
      'slytherin_cryptography_restarts_total 2',
      'slytherin_ready 0'
    ])
      expect(text.split('\n')).toContain(line)
    expect(text).not.toContain(QUERY)
  })

  it('is in the log and in the audit log under the same name', async () => {
    const logged: string[] = []
    const logger = createLogger('carol', { level: 'debug', readable: false, destination: { write: line => void logged.push(line) } })
    const audit = new AuditLog({ directory: join(directory, 'audit'), bytes: 100_000, files: 2, onFailure: () => undefined, now: () => 0 })
    const chronicle = new Chronicle({ logger, audit, metrics: undefined, name: peer => (peer === 'Q' ? 'clinic' : undefined) })
    for (const event of EVENTS) chronicle.event(event)
    await audit.close()
    expect(logged).toHaveLength(EVENTS.length)
    for (const line of logged) expect(JSON.parse(line)).toMatchObject({ name: 'carol', query: QUERY })
    const entries = await lines(join(directory, 'audit', 'audit.jsonl'))
    expect(entries.map(({ event }) => event)).toEqual([
      'query-queued',
      'query-failed',
      'query-admitted',
      'shares',
      'endorsed',
      'not-endorsed',
      'query-sent'
    ])
    expect(entries[3]).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      event: 'shares',
      query: QUERY,
      protocol: 'refresh',
      epoch: 'e',
      grant: 'g',
      querier: { peer: 'Q', name: 'clinic' },
      step: 'r1.0',
      attempt: 0,
      ciphertexts: 3
    })
  })
})

describe('a running party', () => {
  let cohort: ServiceCohort
  const parties: ServiceParty[] = []
  beforeEach(async () => {
    cohort = await ServiceCohort.make({ carol: ['evaluator'], a: ['key-holder'] })
  })
  afterEach(async () => {
    await Promise.all(parties.splice(0).map(async party => await party.stop()))
    await cohort.remove()
  })

  /** @returns the port of its metrics, where it has one */
  async function start(name: string, metrics = true, dashboard = ''): Promise<number> {
    const file = cohort.file(name)
    if (metrics) await writeFile(file, `${await readFile(file, 'utf8')}metrics: { port: 0${dashboard} }\n`)
    let port = 0
    const party = await ServiceParty.open(await loadServiceConfiguration(file), {
      file,
      logger: createLogger(name, { level: 'silent', readable: false }),
      worker: { module: new URL('./support/crashing-cryptography.ts', import.meta.url).href },
      onLine: text => {
        port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? port)
      }
    })
    parties.push(party)
    return port
  }

  it('says over the loopback interface how it is and what it lacks, and nothing to a page of somewhere else', async () => {
    const port = await start('carol')
    const at = (path: string): string => `http://127.0.0.1:${port}${path}`
    expect(await (await fetch(at('/health/live'))).json()).toEqual({ live: true })
    const ready = await fetch(at('/health/ready'))
    expect(ready.status).toBe(503)
    expect(await ready.json()).toEqual({
      ready: false,
      missing: [{ what: 'keys', message: 'no keys in force are known here', remedy: expect.stringContaining('cohort create') }]
    })
    const metrics = await fetch(at('/metrics'))
    expect(metrics.headers.get('content-type')).toContain('version=0.0.4')
    const text = await metrics.text()
    for (const name of [
      'slytherin_ready 0',
      'slytherin_peer_up{peer="a"} 0',
      'slytherin_queue_bytes 0',
      'process_resident_memory_bytes',
      'libp2p_'
    ])
      expect(text).toContain(name)
    await start('a', false)
    await until(
      async () => ((await (await fetch(at('/metrics'))).text()).includes('slytherin_peer_up{peer="a"} 1') ? true : undefined),
      'a is up'
    )
    const now = await (await fetch(at('/metrics'))).text()
    const offset = Number(/slytherin_peer_clock_offset_seconds{peer="a"} (\S+)/.exec(now)?.[1])
    expect(Math.abs(offset)).toBeLessThan(60)
    expect((await fetch(at('/metrics'), { method: 'POST' })).status).toBe(405)
    expect((await fetch(at('/'))).status).toBe(404)
    // What a browser sends that was led here by somebody's name for 127.0.0.1.
    const status = await new Promise(resolve => {
      const asked = request({ port, host: '127.0.0.1', path: '/metrics', headers: { host: 'evil.example' } }, answer =>
        resolve(answer.statusCode)
      )
      asked.end()
    })
    expect(status).toBe(403)
  })

  it('shows a dashboard where one is wanted, to pages of its own alone, and tells it how it is', async () => {
    const port = await start('carol', true, ', dashboard: true')
    /** As a browser asks, of which `fetch` does not let one say everything. */
    const ask = async (
      path: string,
      headers: Record<string, string> = {}
    ): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> =>
      await new Promise((resolve, reject) => {
        const asked = request({ port, host: '127.0.0.1', path, headers }, async answer => {
          const parts: Buffer[] = []
          for await (const part of answer) parts.push(part as Buffer)
          resolve({ status: answer.statusCode!, headers: answer.headers, text: Buffer.concat(parts).toString() })
        })
        asked.on('error', reject).end()
      })
    const page = await ask('/')
    expect(page.text).toContain('<title>slytherin</title>')
    expect(page.headers).toMatchObject({ ...PAGE_HEADERS, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    expect((await ask('/dashboard.js')).headers['content-type']).toBe('text/javascript; charset=utf-8')
    const status = await ask('/status.json', {
      'sec-fetch-site': 'same-origin',
      origin: `http://127.0.0.1:${port}`,
      host: `127.0.0.1:${port}`
    })
    expect(status.headers['access-control-allow-origin']).toBeUndefined()
    const told = JSON.parse(status.text) as DashboardStatus
    expect(told).toMatchObject({
      version: 1,
      party: { name: 'carol', roles: ['evaluator'] },
      missing: [{ message: 'no keys in force are known here', remedy: expect.stringContaining('cohort create') }],
      peers: [{ name: 'a', state: 'down', bytesSent: 0 }],
      queue: { states: { open: 0 }, limitQueries: 1000 },
      queries: [],
      events: [{ event: 'started', party: 'carol' }]
    })
    expect(Math.abs(told.time - Date.now())).toBeLessThan(60_000)
    // Another site's page, by name, as an image, as a script, by a request of its own; a name of somewhere else that leads here.
    expect((await ask('/status.json', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await ask('/status.json', { 'sec-fetch-site': 'same-site' })).status).toBe(403)
    expect((await ask('/status.json', { origin: 'http://evil.example' })).status).toBe(403)
    expect((await ask('/status.json', { origin: 'null' })).status).toBe(403)
    for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`, 'localhost.'])
      expect((await ask('/status.json', { host })).status).toBe(403)
    // A link that somebody follows, and what comes through a tunnel from another port.
    const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    expect((await ask('/', followed)).status).toBe(200)
    expect((await ask('/', { ...followed, 'sec-fetch-dest': 'iframe' })).status).toBe(403)
    expect((await ask('/status.json', { host: 'localhost:9000' })).status).toBe(200)
  })

  it('has no metrics unless they are asked for, and refuses a port that is taken', async () => {
    expect(await start('a', false)).toBe(0)
    await parties.splice(0)[0]!.stop()
    const port = await start('carol')
    const file = cohort.file('a')
    await writeFile(file, `${await readFile(file, 'utf8')}metrics: { port: ${port} }\n`)
    const opened = ServiceParty.open(await loadServiceConfiguration(file), {
      file,
      logger: createLogger('a', { level: 'silent', readable: false }),
      worker: { module: new URL('./support/crashing-cryptography.ts', import.meta.url).href }
    })
    await expect(opened).rejects.toMatchObject({ issues: [{ key: 'metrics.port', got: 'EADDRINUSE' }] })
  })

  it('keeps an audit log of its own: when it ran, and whom it let in', async () => {
    await start('carol', false)
    await slytherin('roster', 'remove', 'a', '-c', cohort.file('carol'))
    await parties.splice(0)[0]!.stop('enough')
    const path = join(cohort.directory, 'carol', 'audit', 'audit.jsonl')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await lines(path)).toMatchObject([
      { event: 'started', party: 'carol' },
      { event: 'roster-changed', added: [], removed: [{ name: 'a' }] },
      { event: 'stopped', reason: 'enough' }
    ])
  })
})
