/** `fleet` in party.yaml, and worker.yaml: every fault is named with what was meant. */
import { ConfigurationError, parseServiceConfiguration, parseWorkerConfiguration } from '@slytherin/node'
import { describe, expect, test } from 'vitest'
import { serviceTemplate } from '../src/configuration/templates.js'
import { identity } from './support/network.js'

const { peer } = await identity()
const PARTY = serviceTemplate({
  name: 'clinic',
  state: 'clinic',
  keystore: ['keyFile', 'clinic.key'],
  listen: ['/ip4/0.0.0.0/tcp/4001'],
  rosterLine: `- { name: clinic, peerId: ${peer}, roles: [evaluator], addresses: [/dns4/clinic.example/tcp/4001] }`,
  evaluator: 'clinic'
})

const WORKER = `
fleet:
  redis: redis://10.0.0.5:6379
  redisPasswordFile: redis.password
  store: { directory: shared }
cache: { directory: cache }
threads: 2
`

function faults(parse: () => unknown): Record<string, string> {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return Object.fromEntries(error.issues.map(({ key, expected, remedy = '' }) => [key, `${expected} ${remedy}`]))
  }
  return {}
}

describe('worker.yaml', () => {
  test('has paths relative to itself, and defaults', () => {
    const worker = parseWorkerConfiguration(WORKER, '/etc/slytherin/worker.yaml')
    expect(worker.fleet).toEqual({
      name: 'fleet',
      redis: 'redis://10.0.0.5:6379',
      redisPasswordFile: '/etc/slytherin/redis.password',
      store: { directory: '/etc/slytherin/shared' }
    })
    expect(worker.cache).toEqual({ directory: '/etc/slytherin/cache', diskBytes: 50e9, memoryBytes: 2 ** 28 })
    expect(worker).toMatchObject({ name: 'worker', threads: 2, weightBytes: 2 ** 30 })
  })

  test('names what is wrong in it', () => {
    const found = faults(() =>
      parseWorkerConfiguration(
        'fleet: { redis: "http://10.0.0.5", store: { directory: a, s3: { bucket: b } }, chekc: 1 }\nthread: 2\n',
        'worker.yaml'
      )
    )
    expect(found['fleet.redis']).toContain('redis://HOST:PORT')
    expect(found['fleet.store']).toContain('exactly one of "directory" and "s3"')
    expect(found['fleet.chekc']).toContain('a known key')
    expect(found['thread']).toContain('Did you mean "threads"?')
  })

  test('has no password in an address', () => {
    const found = faults(() =>
      parseWorkerConfiguration('fleet: { redis: "redis://:word@host:6379", store: { directory: a } }', 'worker.yaml')
    )
    expect(found['fleet.redis']).toContain('redisPasswordFile')
  })
})

describe('fleet in party.yaml', () => {
  const party = (fleet: string): string => `${PARTY}\nfleet: ${fleet}\n`

  test('is none unless it is there, and has defaults', () => {
    expect(parseServiceConfiguration(PARTY, '/etc/slytherin/party.yaml').fleet).toBeUndefined()
    const { fleet } = parseServiceConfiguration(
      party('{ redis: "rediss://queue:6380", store: { s3: { bucket: b } } }'),
      '/etc/slytherin/party.yaml'
    )
    expect(fleet).toEqual({
      name: 'fleet',
      redis: 'rediss://queue:6380',
      store: { s3: { bucket: 'b', pathStyle: false } },
      here: true,
      queries: 8,
      check: 0.01,
      partSeconds: 30,
      clearModels: false
    })
  })

  test('suggests what was meant', () => {
    const found = faults(() => parseServiceConfiguration(party('{ redsi: "redis://q", store: { directory: a }, check: 2 }'), 'party.yaml'))
    expect(found['fleet.redsi']).toContain('Did you mean "redis"?')
    expect(found['fleet.redis']).toBeDefined()
    expect(found['fleet.check']).toContain('1')
  })
})
