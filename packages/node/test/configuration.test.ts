import { resolve } from 'node:path'
import { ConfigurationError, type ConfigurationIssue, keySourceOf, loadConfiguration, parseConfiguration, suggest } from '@slytherin/node'
import { describe, expect, it } from 'vitest'
import { planRequest } from '../src/party/plan-request.ts'
import { identity } from './support/network.js'

const [self, other] = [(await identity()).peer, (await identity()).peer]

const GOOD = `
name: hospital-a
state: ./state
keystore: { keyFile: ../secrets/party.key }
network:
  listen: [/ip4/127.0.0.1/tcp/4001]
roster:
  - { name: hospital-a, peerId: ${self}, roles: [evaluator, querier], addresses: [/dns4/a.example/tcp/4001] }
  - { name: hospital-b, peerId: ${other}, roles: [key-holder, model-owner] }
model: models/net.onnx
calibration: { manifest: models/manifest.json, margin: 1.5 }
approximation: { method: minimax, accuracy: 0.002 }
samples: { idx: data/images.gz, count: 64, normalisation: { scale: 0.00392156862745098, mean: 0.1307, deviation: 0.3081 } }
`

function issuesOf(text: string): readonly ConfigurationIssue[] {
  try {
    parseConfiguration(text, '/etc/slytherin/party.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError)
    expect((error as ConfigurationError).file).toBe('/etc/slytherin/party.yaml')
    return (error as ConfigurationError).issues
  }
  return []
}

describe('party.yaml', () => {
  it('says how many queries the session’s keys are made for, and leaves it to the cost model otherwise', () => {
    const asked = (session: string) => planRequest(parseConfiguration(`${GOOD}\nsession: ${session}`, '/etc/slytherin/party.yaml'))
    expect(asked('{ expectedQueries: 64 }')).toMatchObject({ expectedQueries: 64, parties: 1 })
    expect(asked('{}')).not.toHaveProperty('expectedQueries')
    expect(issuesOf(`${GOOD}\nsession: { expectedQueries: 0 }`)).toHaveLength(1)
  })

  it('says how large evaluation keys may be, and otherwise leaves it to what pays', () => {
    const asked = (session: string) => planRequest(parseConfiguration(`${GOOD}\nsession: ${session}`, '/etc/slytherin/party.yaml'))
    expect(asked('{ maximumKeyBytes: 60000000 }')).toMatchObject({ maximumKeyBytes: 60e6 })
    expect(asked('{}')).not.toHaveProperty('maximumKeyBytes')
    expect(issuesOf(`${GOOD}\nsession: { maximumKeyBytes: 0 }`)).toHaveLength(1)
  })

  it('is read with defaults, paths relative to the file', () => {
    const configuration = parseConfiguration(GOOD, '/etc/slytherin/party.yaml')
    expect(configuration).toMatchObject({
      name: 'hospital-a',
      state: '/etc/slytherin/state',
      model: '/etc/slytherin/models/net.onnx',
      calibration: { manifest: '/etc/slytherin/models/manifest.json', margin: 1.5 },
      approximation: { method: 'minimax', accuracy: 0.002 },
      samples: { idx: '/etc/slytherin/data/images.gz', offset: 0, count: 64 },
      evaluator: 'kernel',
      keepServing: false,
      session: { batch: 64, minimumFloodingBits: 30, minimumRefreshes: 0 },
      log: { level: 'info' }
    })
    expect(keySourceOf(configuration)).toEqual({ kind: 'key-file', path: '/etc/secrets/party.key' })
    expect(configuration.roster[1]!.addresses).toEqual([])
    expect(parseConfiguration(GOOD, 'party.yaml').state).toBe(resolve('state'))
  })

  it('says which output and which input shape of a model are meant, and only of a model', () => {
    const more = `${GOOD}output: risk\ninputShape: [3, 32, 32]\n`
    expect(parseConfiguration(more, 'party.yaml')).toMatchObject({ output: 'risk', inputShape: [3, 32, 32] })
    const without = more.replace(/model: .*\n/, '')
    expect(issuesOf(without).map(({ key }) => key)).toEqual(['output', 'inputShape'])
  })

  it('says what answers mean, how exact they must be, and how samples lie', () => {
    const wished = parseConfiguration(
      `${GOOD.replace('count: 64,', 'count: 64, layout: nhwc,')}task: { kind: binary, threshold: 0.3 }\nsession: { precision: { bits: 12 } }\n`,
      'party.yaml'
    )
    expect(wished).toMatchObject({
      task: { kind: 'binary', threshold: 0.3 },
      session: { precision: { bits: 12 } },
      samples: { layout: 'nhwc' }
    })
    expect(parseConfiguration(`${GOOD}task: regression\n`, 'party.yaml').task).toEqual({ kind: 'regression' })
    expect(parseConfiguration(`${GOOD}session: { precision: { logitError: 0.5 } }\n`, 'party.yaml').session.precision).toEqual({
      logitError: 0.5
    })
    expect(parseConfiguration(GOOD, 'party.yaml').session.precision).toBeUndefined()
    for (const [text, at] of [
      ['session: { precision: { bits: 12, logitError: 0.5 } }\n', 'session.precision'],
      ['session: { precision: {} }\n', 'session.precision'],
      ['task: guessing\n', 'task']
    ] as const) {
      expect(issuesOf(`${GOOD}${text}`).map(({ key }) => key)).toEqual([at])
    }
  })

  it('names every fault at once: file, key, expected, got, remedy', () => {
    const issues = issuesOf(
      GOOD.replace('state: ./state', 'stat: ./state')
        .replace('/ip4/127.0.0.1/tcp/4001', '127.0.0.1:4001')
        .replace('key-holder', 'keyholder')
        .replace(other, 'QmNobody')
        .replace('count: 64', 'count: -1')
        .concat('session: { flodingBits: 40, batch: "many" }\nevaluator: kernl\n')
    )
    const at = (key: string): ConfigurationIssue | undefined => issues.find(issue => issue.key === key)
    expect(at('stat')).toMatchObject({ got: '"stat"', remedy: 'Did you mean "state"?' })
    expect(at('state')).toMatchObject({ expected: 'string', got: 'nothing', remedy: 'Add the key.' })
    expect(at('network.listen[0]')).toMatchObject({ expected: expect.stringContaining('/ip4/'), got: '"127.0.0.1:4001"' })
    expect(at('roster[1].roles[0]')).toMatchObject({ got: '"keyholder"', remedy: 'Did you mean "key-holder"?' })
    expect(at('roster[1].peerId')).toMatchObject({ expected: expect.stringContaining('12D3KooW'), got: '"QmNobody"' })
    expect(at('session.flodingBits')).toMatchObject({ remedy: 'Did you mean "floodingBits"?' })
    expect(at('session.batch')).toMatchObject({ expected: 'number', got: '"many"' })
    expect(at('evaluator')).toMatchObject({ expected: '"seal" or "kernel"', got: '"kernl"', remedy: 'Did you mean "kernel"?' })
    expect(at('samples.count')).toMatchObject({ got: '-1' })
    expect(issues).toHaveLength(9)
  })

  it('lists the known keys where none is near', () => {
    expect(issuesOf(`${GOOD}\nlog: { colour: red }\n`)[0]).toMatchObject({ key: 'log.colour', remedy: 'Known keys: level.' })
  })

  it('takes no passphrase inline and does not repeat it', () => {
    const issues = issuesOf(GOOD.replace('keyFile: ../secrets/party.key', 'passphrase: hunter2hunter2'))
    expect(issues.find(issue => issue.key === 'keystore.passphrase')!.remedy).toContain('never stands in the configuration')
    expect(JSON.stringify(issues)).not.toContain('hunter2')
  })

  it('refuses what the schema cannot see: double peers and names, missing roles, flooding below 30 bits', () => {
    expect(issuesOf(GOOD.replace(other, self))[0]).toMatchObject({ key: 'roster[1].peerId', expected: 'every peer once' })
    expect(issuesOf(GOOD.replace('name: hospital-b', 'name: hospital-a'))[0]).toMatchObject({ key: 'roster[1].name' })
    expect(issuesOf(GOOD.replace('[evaluator, querier]', '[querier]'))[0]).toMatchObject({
      key: 'roster',
      expected: 'exactly 1 evaluator',
      got: '0'
    })
    expect(issuesOf(GOOD.replace('[key-holder, model-owner]', '[key-holder, evaluator, model-owner]'))[0]).toMatchObject({ got: '2' })
    expect(issuesOf(`${GOOD}\nsession: { floodingBits: 29 }\n`)[0]).toMatchObject({ key: 'session.floodingBits', got: '29' })
    expect(issuesOf(GOOD.replace(/^calibration.*$/m, ''))[0]).toMatchObject({ key: 'calibration', got: 'nothing' })
    const limits = GOOD.replace('network:', 'network:\n  limits: { streamWindow: 8388608, readBuffer: 4194304 }')
    expect(issuesOf(limits)[0]).toMatchObject({ key: 'network.limits.streamWindow' })
  })

  it('relies on a witness for proofs only where there is one, and it is asked', () => {
    const witnessed = GOOD.replace('[key-holder, model-owner]', '[key-holder, model-owner, witness]')
    expect(parseConfiguration(witnessed, 'party.yaml').assist).toEqual({})
    const relying = 'assist: { proofs: witness }\n'
    expect(parseConfiguration(witnessed + relying, 'party.yaml').assist).toEqual({ proofs: 'witness' })
    expect(issuesOf(GOOD + relying)).toMatchObject([
      { key: 'roster', expected: expect.stringContaining('assist.proofs: witness'), got: 'none' }
    ])
    const unasked = `${witnessed}assist: { proofs: witness, witnesses: 0 }\n`
    expect(issuesOf(unasked)).toMatchObject([
      { key: 'assist.witnesses', expected: expect.stringContaining('assist.proofs: witness'), got: '0' }
    ])
  })

  it('says where YAML is broken and which file is missing', async () => {
    expect(issuesOf('name: [a')[0]!.got).toMatch(/line 1/)
    const error = await loadConfiguration('/no/such/party.yaml').catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error).toMatchObject({ file: '/no/such/party.yaml', issues: [{ got: 'ENOENT' }] })
  })
})

describe('suggestions', () => {
  it('are near or none', () => {
    const known = ['floodingBits', 'batch', 'maximumDecryptions']
    expect(suggest('flodingbits', known)).toBe('floodingBits')
    expect(suggest('bacth', known)).toBe('batch')
    expect(suggest('colour', known)).toBeUndefined()
  })
})
