/** The socket of a running party, and the commands that are given through it, against a party that only pretends. */
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serviceTemplate } from '../src/configuration/templates.js'
import { controlAddress } from '../src/control/address.js'
import { askParty } from '../src/control/client.js'
import type { CommandHandlers, CommandName } from '../src/control/commands.js'
import { CommandRefusedError } from '../src/control/errors.js'
import { MAXIMUM_LINE_BYTES } from '../src/control/lines.js'
import type { AskableReport, EpochReport, GrantReport, ModelReport, QueryReport, StatusReport } from '../src/control/reports.js'
import { ControlServer } from '../src/control/server.js'
import { identity } from './support/network.js'

const [self, other] = [(await identity()).peer, (await identity()).peer]
const owner = { peer: self, name: 'a' }
const hex = (digit: string): string => digit.repeat(64)

const EPOCH: EpochReport = {
  epoch: hex('e'),
  cohort: 'hospitals',
  state: 'ready',
  threshold: 2,
  holders: [
    { ...owner, point: 1, state: 'this party' },
    { peer: other, name: 'b', point: 2, state: 'down' }
  ],
  witnesses: [{ peer: 'w', name: 'dave', state: 'down' }],
  generation: 3,
  created: 0,
  expires: 86_400_000,
  logN: 14,
  levels: 7,
  floodingBits: 60,
  decryptions: { used: 10, limit: 1000 }
}
const MODEL: ModelReport = { release: hex('a'), epoch: hex('e'), name: 'lenet', revision: '1', owner, created: 0, state: 'ready' }
const GRANT: GrantReport = {
  grant: hex('b'),
  epoch: hex('e'),
  issuer: owner,
  querier: { peer: other, name: 'b' },
  models: ['lenet'],
  queries: { used: 1, limit: 100 },
  decryptions: { limit: 1000 },
  expires: 0,
  state: 'valid'
}
const QUERY: QueryReport = {
  query: '90ab12cd'.repeat(4),
  model: 'lenet',
  querier: owner,
  samples: 2,
  state: 'queued',
  expires: 0,
  position: 4,
  secondsLeft: 12
}
const STATUS: StatusReport = {
  answers: 2,
  party: {
    ...owner,
    roles: ['key-holder'],
    software: '0.1.0',
    pid: 7,
    started: 0,
    addresses: [],
    bytesSent: 1,
    bytesReceived: 2,
    memoryBytes: 3e6,
    crashes: 1
  },
  peers: [{ peer: other, name: 'b', roles: ['querier'], state: 'down' }],
  epochs: [EPOCH],
  models: [MODEL],
  grants: [GRANT],
  queries: [QUERY],
  errors: [{ time: 0, code: 'queue-full', message: 'the queue is full\u001b[31m' }]
}
const ASKABLE: AskableReport = {
  evaluator: { peer: other, name: 'b', state: 'up' },
  models: [
    {
      release: hex('a'),
      name: 'lenet',
      revision: '1',
      owner,
      shape: [2],
      magnitude: 1,
      batch: 4,
      features: 1,
      values: 1,
      task: 'classification',
      grants: [{ grant: hex('b'), expires: 0, queries: 100 }]
    }
  ]
}
const ANSWER = { task: 'classification', predictions: [7, 2], logits: [[0.5], [0.25]], values: [[0.6], [0.4]], nearTies: [1] }

/** Remembers what it was told, and says what a party would. */
function pretend(heard: [string, unknown][], overrides: Partial<CommandHandlers> = {}): CommandHandlers {
  const says = <R>(command: string, result: R) => {
    return async (parameters: unknown): Promise<R> => {
      heard.push([command, parameters])
      return result
    }
  }
  const roster = { added: [{ peer: other, name: 'c' }], removed: [], parties: 2 }
  return {
    status: says('status', STATUS),
    'roster.reload': says('roster.reload', roster),
    'cohort.create': async (parameters, { progress }) => {
      progress({ text: 'dealing shares', phase: 'dealing', done: 1, total: 3 })
      return await says('cohort.create', EPOCH)(parameters)
    },
    'cohort.status': says('cohort.status', { epochs: [EPOCH] }),
    'cohort.join': says('cohort.join', EPOCH),
    'cohort.leave': says('cohort.leave', EPOCH),
    'cohort.reshare': says('cohort.reshare', EPOCH),
    'cohort.renew': says('cohort.renew', EPOCH),
    'cohort.next': says('cohort.next', EPOCH),
    'model.publish': says('model.publish', MODEL),
    'model.list': says('model.list', [MODEL]),
    'model.withdraw': says('model.withdraw', { ...MODEL, state: 'withdrawn' }),
    'grant.create': says('grant.create', GRANT),
    'grant.list': says('grant.list', [GRANT]),
    'grant.revoke': says('grant.revoke', { ...GRANT, state: 'revoked' as const }),
    'query.models': says('query.models', ASKABLE),
    'query.ask': async parameters => {
      heard.push(['query.ask', parameters])
      return parameters.follow ? { ...QUERY, state: 'done', answer: ANSWER } : QUERY
    },
    'query.status': says('query.status', [QUERY]),
    'query.cancel': says('query.cancel', { ...QUERY, state: 'cancelled' }),
    'query.fetch': says('query.fetch', { ...QUERY, state: 'fetched', answer: ANSWER }),
    ...overrides
  }
}

let directory: string
let file: string
let state: string
let server: ControlServer | undefined
let heard: [string, unknown][]

async function serve(overrides: Partial<CommandHandlers> = {}): Promise<void> {
  server = await ControlServer.listen({
    address: controlAddress(state),
    handlers: pretend(heard, overrides),
    failure: error => {
      const { code = 'internal', message, remedy } = error as CommandRefusedError
      return { code, message, ...(remedy === undefined ? {} : { remedy }) }
    }
  })
}

async function slytherin(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram([...parameters, '--config', file], {
    out: text => out.push(text),
    err: text => err.push(text),
    terminal: false
  })
  return { code, out: out.join(''), err: err.join('') }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-control-'))
  heard = []
  state = join(directory, 'a')
  file = join(directory, 'party.yaml')
  await mkdir(state, { mode: 0o700 })
  const rosterLine = `- { name: a, peerId: ${self}, roles: [evaluator, key-holder], addresses: [] }`
  await writeFile(file, serviceTemplate({ name: 'a', state: 'a', keystore: ['keyFile', 'a.key'], listen: [], rosterLine, evaluator: 'a' }))
})
afterEach(async () => {
  await server?.close()
  server = undefined
  await rm(directory, { recursive: true, force: true })
})

describe('the socket of a party', () => {
  it('is open to its user alone, takes the place of one that was left behind, and goes with the party', async () => {
    await writeFile(join(state, 'control.sock'), 'left behind')
    await serve()
    const info = await stat(controlAddress(state))
    expect(info.isSocket()).toBe(true)
    expect(info.mode & 0o777).toBe(0o600)
    await server!.close()
    server = undefined
    await expect(stat(controlAddress(state))).rejects.toThrow('ENOENT')
    await expect(askParty('status', {}, { state, file })).rejects.toMatchObject({
      code: 'no-party',
      message: expect.stringContaining(`slytherin party --config ${file}`)
    })
  })

  it('lies in a directory that only its user enters, or nowhere', async () => {
    const open = join(directory, 'open')
    await mkdir(open, { mode: 0o755 })
    const listening = ControlServer.listen({
      address: controlAddress(open),
      handlers: pretend(heard),
      failure: () => ({ code: '', message: '' })
    })
    await expect(listening).rejects.toThrow(/can be entered by others.*chmod 700/)
    const linked = join(directory, 'linked')
    await symlink(state, linked)
    const through = ControlServer.listen({
      address: controlAddress(linked),
      handlers: pretend(heard),
      failure: () => ({ code: '', message: '' })
    })
    await expect(through).rejects.toThrow(/can be entered by others/)
  })

  it('has a short path where the state directory is deep, and a pipe on Windows', () => {
    const deep = join('/srv', 'x'.repeat(120))
    expect(Buffer.byteLength(controlAddress(deep))).toBeLessThanOrEqual(103)
    expect(controlAddress(deep)).not.toBe(controlAddress(`${deep}y`))
    expect(controlAddress('C:\\state', 'win32')).toMatch(/^\\\\\.\\pipe\\slytherin-[0-9a-f]{32}$/)
  })

  it('answers what is no request, no command or has wrong parameters with what is expected', async () => {
    await serve()
    const send = async (line: string): Promise<unknown> => {
      const socket = createConnection(controlAddress(state))
      socket.write(line)
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      return JSON.parse(text)
    }
    expect(await send('what\n')).toMatchObject({ failure: { code: 'control-protocol' } })
    expect(await send('{"version":2,"command":"status","parameters":{}}\n')).toMatchObject({ failure: { code: 'control-protocol' } })
    expect(await send('{"version":1,"command":"toString","parameters":{}}\n')).toMatchObject({ failure: { code: 'no-such-command' } })
    expect(await send('{"version":1,"command":"status","parameters":{"more":1}}\n')).toMatchObject({
      failure: { code: 'wrong-parameters' }
    })
    expect(await send(`${'x'.repeat(MAXIMUM_LINE_BYTES + 1)}\n`)).toMatchObject({
      failure: { message: expect.stringContaining('more than') }
    })
    expect(heard).toEqual([])
    const wrong = askParty('grant.revoke', { grant: 'xyz' }, { state, file })
    await expect(wrong).rejects.toMatchObject({
      code: 'wrong-parameters',
      message: expect.stringContaining('grant.revoke: grant: expected an identifier'),
      remedy: 'Run "slytherin grant revoke --help".'
    })
  })

  it('ends a command whose caller has hung up, and says so to callers when the party ends', async () => {
    const [started, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()]
    await serve({
      'model.withdraw': async (_, { signal }) => {
        started.resolve()
        return await new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            ended.resolve(signal.reason)
            reject(signal.reason)
          })
        )
      }
    })
    const controller = new AbortController()
    const hungUp = askParty('model.withdraw', { name: 'x' }, { state, file, signal: controller.signal })
    await started.promise
    controller.abort(new Error('interrupted'))
    await expect(hungUp).rejects.toThrow('interrupted')
    expect(await ended.promise).toMatchObject({ message: 'whoever gave the command has left' })
    const lost = askParty('model.withdraw', { name: 'x' }, { state, file })
    await new Promise(resolve => setTimeout(resolve, 100))
    await server!.close()
    server = undefined
    await expect(lost).rejects.toMatchObject({ code: 'control-protocol', message: expect.stringContaining('see its log') })
  })
})

describe('commands to a party', () => {
  const COMMANDS: [string[], CommandName, unknown, string][] = [
    [['status'], 'status', {}, '1.0 MB'],
    [['cohort', 'status'], 'cohort.status', {}, '2 of 2: a, b (down)'],
    [['cohort', 'status', 'hospitals'], 'cohort.status', { name: 'hospitals' }, '990 of 1000 left'],
    [['cohort', 'join', 'hospitals', 'd'], 'cohort.join', { name: 'hospitals', holder: 'd' }, 'hospitals'],
    [['cohort', 'leave', 'hospitals', 'd', '-t', '2'], 'cohort.leave', { name: 'hospitals', holder: 'd', threshold: 2 }, 'hospitals'],
    [
      ['cohort', 'reshare', 'hospitals', '--holders', 'a,b', '--lost', 'b', '-t', '2'],
      'cohort.reshare',
      { name: 'hospitals', holders: ['a', 'b'], threshold: 2, lost: ['b'] },
      'hospitals'
    ],
    [['cohort', 'renew', 'hospitals'], 'cohort.renew', { name: 'hospitals' }, 'hospitals'],
    [['cohort', 'next', 'hospitals', '--days', '90'], 'cohort.next', { name: 'hospitals', days: 90 }, 'hospitals'],
    [['model', 'list'], 'model.list', {}, 'lenet'],
    [['model', 'withdraw', 'lenet'], 'model.withdraw', { name: 'lenet' }, 'withdrawn'],
    [['grant', 'list'], 'grant.list', {}, '99 of 100 left'],
    [['grant', 'revoke', 'bbbbbbbb'], 'grant.revoke', { grant: 'bbbbbbbb' }, 'revoked'],
    [['query', 'status'], 'query.status', {}, 'queued'],
    [['query', 'cancel', '90ab12cd'], 'query.cancel', { query: '90ab12cd' }, 'cancelled'],
    [['query', 'fetch', '90ab12cd'], 'query.fetch', { query: '90ab12cd' }, 'predictions: 7 2?']
  ]

  it('pass on what they are given, and show what comes back as text and as JSON', async () => {
    await serve()
    for (const [words, command, parameters, shown] of COMMANDS) {
      const text = await slytherin(...words)
      expect(text, words.join(' ')).toMatchObject({ code: 0, err: '' })
      expect(heard.pop()).toEqual([command, parameters])
      if (command !== 'status') expect(text.out).toContain(shown)
      const json = await slytherin(...words, '--json')
      expect(json.out.trim().split('\n')).toHaveLength(1)
      expect(JSON.parse(json.out)).toBeTypeOf('object')
      const { out } = await slytherin(...words, '--help')
      expect(out, words.join(' ')).toContain(`Example:\n  slytherin ${words[0]}`)
    }
  })

  it('make keys, models, grants and queries with paths and defaults that the party can use', async () => {
    await serve()
    const created = await slytherin('cohort', 'create', 'hospitals', '--for', 'x.onnx', '/y.onnx', '--holders', 'a,b', '--threshold', '2')
    expect(created).toMatchObject({ code: 0, err: '      1/3  dealing shares\n' })
    const models = [{ file: join(process.cwd(), 'x.onnx') }, { file: '/y.onnx' }]
    const cohort = { name: 'hospitals', for: models, batch: 64, days: 365, threshold: 2, holders: ['a', 'b'] }
    expect(heard.pop()).toEqual(['cohort.create', cohort])
    await slytherin('model', 'publish', '/m/lenet.onnx', '--data', '/d.npy', '--scale', '0.5', '--mean', '-1', '--batch', '8')
    expect(heard.pop()).toEqual([
      'model.publish',
      { file: '/m/lenet.onnx', name: 'lenet', batch: 8, data: { file: '/d.npy', scale: 0.5, mean: -1 } }
    ])
    await slytherin('grant', 'create', 'b', '--models', 'a,b', '--queries', '7', '--days', '0.5')
    expect(heard.pop()).toEqual(['grant.create', { querier: 'b', models: ['a', 'b'], queries: 7, days: 0.5, senders: [] }])
    const asked = await slytherin('query', 'lenet', '--samples', '/s.npy', '--offset', '0', '--count', '2')
    expect(heard.pop()).toEqual(['query.ask', { model: 'lenet', samples: { file: '/s.npy', offset: 0, count: 2 }, follow: false }])
    expect(asked.out).toContain('slytherin query fetch 90ab12cd90ab')
    const out = join(directory, 'answer.json')
    const followed = await slytherin('query', 'lenet', '--samples', '/s.npy', '--out', out)
    expect(followed.out).toBe(`query ${QUERY.query}\npredictions: 7 2?\n`)
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual({ query: QUERY.query, model: 'lenet', ...ANSWER })
    expect((await stat(out)).mode & 0o777).toBe(0o600)
  })

  it('show a status without what a peer could do to a terminal', async () => {
    await serve()
    const { out } = await slytherin('status')
    expect(out).toContain('a (key-holder), version 0.1.0, process 7')
    expect(out).toContain('cryptography started again 1 times')
    expect(out).not.toContain('\u001b')
  })

  it('fail with code, words and remedy of the party, in JSON where that is asked for', async () => {
    await serve({
      'model.list': async () => {
        throw new CommandRefusedError('not-ready', 'the evaluator is down', 'Start it.')
      }
    })
    expect(await slytherin('model', 'list')).toEqual({ code: 1, out: '', err: 'not-ready: the evaluator is down. Start it.\n' })
    const { err } = await slytherin('model', 'list', '--json')
    expect(JSON.parse(err)).toEqual({ error: { code: 'not-ready', message: 'the evaluator is down. Start it.', remedy: 'Start it.' } })
    await server!.close()
    server = undefined
    expect(await slytherin('status')).toMatchObject({
      code: 1,
      err: expect.stringContaining(`Start it with: slytherin party --config ${file}`)
    })
    expect(await slytherin('query', 'lenet')).toMatchObject({ code: 2, err: expect.stringContaining('--samples') })
    expect(await slytherin('grant', 'create', 'b', '--models', 'a,,b')).toMatchObject({ code: 2 })
  })
})

describe('slytherin roster', () => {
  it('edits party.yaml and tells the running party', async () => {
    await serve()
    const line = `- { name: c, peerId: ${other}, roles: [querier], addresses: [] }`
    expect(await slytherin('roster', 'add', line)).toMatchObject({ code: 0, out: expect.stringContaining('the running party knows') })
    expect(heard.pop()).toEqual(['roster.reload', {}])
    expect((await slytherin('roster', 'list')).out).toContain(`c                    ${other}  querier`)
    await server!.close()
    server = undefined
    const removed = await slytherin('roster', 'remove', 'c', '--json')
    expect(JSON.parse(removed.out)).toEqual({ name: 'c', file, running: false })
    const before = await readFile(file, 'utf8')
    expect(before).not.toContain(other)
    // What would make the file unusable is not written.
    const same = line.replace('name: c', 'name: a')
    expect(await slytherin('roster', 'add', same)).toMatchObject({ code: 2, err: expect.stringContaining('every name once') })
    expect(await readFile(file, 'utf8')).toBe(before)
  })
})

describe('slytherin init --cohort', () => {
  it('writes a configuration that a party starts from as soon as its evaluator is in it', async () => {
    const made = join(directory, 'clinic')
    const run = async (...parameters: string[]): Promise<{ code: number; out: string }> => {
      const out: string[] = []
      const code = await runProgram(parameters, { out: text => out.push(text), err: text => out.push(text), terminal: false })
      return { code, out: out.join('') }
    }
    const init = await run('init', '-d', made, '--role', 'querier', '--address', '/dns4/clinic.example/tcp/4100', '--cohort', 'a')
    expect(init.out).toContain(`party.yaml   ${made}.yaml`)
    file = `${made}.yaml`
    expect(await readFile(file, 'utf8')).toContain('listen: [ /ip4/0.0.0.0/tcp/4100 ]')
    expect(await slytherin('roster', 'list')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Parties of the roster with the role evaluator: none')
    })
    const other_ = `- { name: b, peerId: ${other}, roles: [key-holder], addresses: [] }`
    expect(await slytherin('roster', 'add', other_)).toMatchObject({ code: 0, out: expect.stringContaining('not yet complete') })
    const evaluator = `- { name: a, peerId: ${self}, roles: [evaluator], addresses: [/dns4/a.example/tcp/4001] }`
    expect(await slytherin('roster', 'add', evaluator)).toMatchObject({
      code: 0,
      out: expect.stringContaining('it will know when it starts')
    })
    expect((await slytherin('roster', 'list')).out.split('\n')).toHaveLength(4)
    expect(await run('init', '-d', join(directory, 'x'), '--cohort', 'a', '--config', file)).toMatchObject({ code: 1 })
  })
})
