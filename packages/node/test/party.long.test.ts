import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { ConfigurationError, createLogger, loadConfiguration, Party, type PartyEvent, StateInUseError } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { Cohort, npyOf } from './support/cohort.js'
import { until } from './support/network.js'

const ROLES: Record<string, readonly Role[]> = {
  alice: ['evaluator', 'key-holder'],
  bob: ['key-holder', 'model-owner'],
  carol: ['key-holder', 'querier']
}
const MODEL = 'model: none.onnx\ncalibration: { manifest: none.json }'
/** Bundled: a thread finds and loads some files, not everything that they are made of. */
const module = pathToFileURL(join(inject('processes'), 'fake-cryptography.js')).href

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function make(yaml: string, yamlOf: Record<string, string> = {}): Promise<Cohort> {
  const cohort = await Cohort.make({ roles: ROLES, yaml, yamlOf: { bob: MODEL, ...yamlOf } })
  cleanups.push(() => cohort.remove())
  return cohort
}

interface Running {
  readonly events: PartyEvent[]
  readonly outcome: Promise<unknown>
  readonly party: Party
}

async function run(file: string): Promise<Running> {
  const events: PartyEvent[] = []
  const logger = createLogger('test', { level: 'silent', readable: false })
  const party = await Party.open(await loadConfiguration(file), { file, logger, onEvent: event => events.push(event), worker: { module } })
  cleanups.push(() => party.stop('test over'))
  const outcome = party.run().then(
    summary => summary as unknown,
    (error: unknown) => error
  )
  return { events, outcome, party }
}

interface Child {
  readonly child: ChildProcess
  readonly events: PartyEvent[]
  readonly exit: Promise<number | null>
}

function spawnParty(file: string): Child {
  const child = spawn(process.execPath, [join(inject('processes'), 'party-process.js'), file], { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanups.push(() => child.kill('SIGKILL'))
  const events: PartyEvent[] = []
  createInterface({ input: child.stdout! }).on('line', line => events.push(JSON.parse(line) as PartyEvent))
  return { child, events, exit: new Promise(resolve => child.once('exit', resolve)) }
}

const of = <E extends PartyEvent['event']>(events: readonly PartyEvent[], kind: E): Extract<PartyEvent, { event: E }>[] =>
  events.filter((event): event is Extract<PartyEvent, { event: E }> => event.event === kind)

describe('a session of three parties over sockets', () => {
  it('goes from roster to predictions and ends in good order at all of them', async () => {
    const cohort = await make('session: { batch: 4, minimumRefreshes: 2 }', { carol: 'samples: { npy: images.npy }' })
    await writeFile(
      join(cohort.directory, 'images.npy'),
      npyOf([
        [1, 2, 0, 0],
        [-3, 1, 0, 0],
        [0.5, 0.25, 0, 0],
        [-1, 0, 0, 0],
        [7, 7, 0, 0]
      ])
    )
    const { alice, bob, carol } = cohort.members
    const parties = [await run(bob!.file), await run(carol!.file), await run(alice!.file)]
    const outcomes = await Promise.all(parties.map(party => party.outcome))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ session: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const [b, c, a] = parties.map(party => party.events)
    expect(of(c!, 'result')).toMatchObject([
      { first: 0, predictions: [0, 1, 0, 1] },
      { first: 4, predictions: [0], logits: [[14, -14]] }
    ])
    const [report] = of(a!, 'session')
    // Five samples in batches of four: two queries, two refreshes each. What the ring needs for a statistical distance of 2^-40 is 89 bits.
    expect(report).toMatchObject({ queries: 2, refreshes: 4, batch: 4, model: 'tiny', evaluator: 'kernel', floodingBits: 89 })
    expect(report!.phases.refresh!.bytesReceived).toBeGreaterThan(0)
    expect(report!.bytes.peers[bob!.peer]!.sent).toBeGreaterThan(1000)
    expect(report!.peakMemoryBytes).toBeGreaterThan(1 << 24)
    expect(of(b!, 'session')[0]).toMatchObject({ session: report!.session, roles: ['key-holder', 'model-owner'], refreshes: 4 })
    const phases = new Set(of(a!, 'progress').map(event => event.phase))
    for (const phase of [
      'roster',
      'plan',
      'session',
      'public-key',
      'galois-keys',
      'model-upload',
      'evaluation',
      'refresh',
      'switch',
      'result'
    ] as const) {
      expect(phases, phase).toContain(phase)
    }
    expect(JSON.stringify(parties.map(party => party.events))).not.toMatch(/secret|privateKey|seed/i)
  })

  it('in processes: commands in, results out; a killed key holder is named to the others within 30 s, and a second try works', async () => {
    const cohort = await make('session: { batch: 4, minimumRefreshes: 1 }')
    const { alice, bob, carol } = cohort.members
    const attempt = (): Child[] => [alice!, bob!, carol!].map(member => spawnParty(member.file))

    const [a, b, c] = attempt()
    await until(() => of(c!.events, 'ready').length > 0, 20_000, 'ready')
    c!.child.stdin!.write('not json\n{"command":"query","samples":[[2,3]]}\n')
    await until(() => of(c!.events, 'result').length === 1, 10_000, 'result')
    expect(of(c!.events, 'result')[0]).toMatchObject({ predictions: [0], logits: [[5, -5]] })
    expect(of(c!.events, 'error')[0]!.error).toMatchObject({ name: 'CommandError' })
    const killed = performance.now()
    b!.child.kill('SIGKILL')
    expect(await Promise.all([a!.exit, c!.exit])).toEqual([1, 1])
    expect(performance.now() - killed).toBeLessThan(30_000)
    for (const { events } of [a!, c!]) {
      expect(of(events, 'error').at(-1)!.error).toMatchObject({ name: 'PartyMissingError', code: 'party-missing', peer: bob!.peer })
    }

    const again = attempt()
    await until(() => of(again[2]!.events, 'ready').length > 0, 20_000, 'ready again')
    again[2]!.child.stdin!.end('{"command":"query","samples":[[-2,1],[0,9]]}\n{"command":"leave"}\n')
    expect(await Promise.all(again.map(({ exit }) => exit))).toEqual([0, 0, 0])
    expect(of(again[2]!.events, 'result')[0]!.predictions).toEqual([1, 0])
  })
})

describe('a party', () => {
  it('keeps serving where told so, and stops when told so', async () => {
    const cohort = await make('session: { batch: 4 }', { bob: `${MODEL}\nkeepServing: true`, carol: 'samples: { npy: images.npy }' })
    await writeFile(join(cohort.directory, 'images.npy'), npyOf([[1, 2, 0, 0]]))
    const { alice, bob, carol } = cohort.members
    const holder = await run(bob!.file)
    for (const round of [1, 2]) {
      const [querier, evaluator] = [await run(carol!.file), await run(alice!.file)]
      await Promise.all([querier.outcome, evaluator.outcome])
      expect(of(querier.events, 'result')).toHaveLength(1)
      await Promise.all([querier.party.stop(), evaluator.party.stop()])
      await until(() => of(holder.events, 'session').length === round, 5000, 'session reported')
    }
    await holder.party.stop()
    await holder.party.stop()
  })

  it('does not wait for an evaluator that was there and left before a session began', async () => {
    const cohort = await make('')
    const { alice, bob } = cohort.members
    const [holder, evaluator] = [await run(bob!.file), await run(alice!.file)]
    await until(() => of(holder.events, 'peer').some(event => event.state === 'up'), 5000, 'evaluator up')
    await evaluator.party.stop('maintenance')
    expect(await holder.outcome).toMatchObject({ name: 'PartyMissingError', peer: alice!.peer, phase: 'roster' })
    expect(await evaluator.outcome).toMatchObject({ name: 'SessionAbortedError' })
  })

  it('is met while its large model is measured: others hear that they wait, and nobody misses it', async () => {
    const cohort = await make('session: { batch: 4 }\ndeadlines: { roster: 8000 }', {
      bob: 'model: slow.onnx\ncalibration: { manifest: none.json }',
      carol: 'samples: { npy: images.npy }'
    })
    await writeFile(join(cohort.directory, 'images.npy'), npyOf([[1, 2, 0, 0]]))
    const { alice, bob, carol } = cohort.members
    const parties = await Promise.all([run(bob!.file), run(carol!.file), run(alice!.file)])
    const outcomes = await Promise.all(parties.map(party => party.outcome))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ session: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(of(parties[1]!.events, 'waiting')).toContainEqual(
      expect.objectContaining({ phase: 'plan', peer: alice!.peer, name: 'alice', message: 'propose' })
    )
  })

  it('ends where its large model turns out to be of no use', async () => {
    const cohort = await make('', { bob: 'model: late-failure.onnx\ncalibration: { manifest: none.json }' })
    const { bob } = cohort.members
    const owner = await run(bob!.file)
    expect(of(owner.events, 'started')).toHaveLength(1)
    expect(await owner.outcome).toMatchObject({ name: 'MalformedShareError', message: expect.stringContaining('calibration') })
  })

  it('has its state directory for itself', async () => {
    const cohort = await make('')
    await run(cohort.members['alice']!.file)
    await expect(run(cohort.members['alice']!.file)).rejects.toBeInstanceOf(StateInUseError)
  })

  it('refuses a roster without itself, other roles than the roster’s, and releases its state after that', async () => {
    const cohort = await make('')
    const { alice, carol } = cohort.members
    const text = await readFile(alice!.file, 'utf8')
    const stranger = join(cohort.directory, 'stranger.yaml')
    await writeFile(stranger, text.replace(alice!.peer, '12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2'))
    const missing = run(stranger)
    await expect(missing).rejects.toBeInstanceOf(ConfigurationError)
    await expect(missing).rejects.toMatchObject({ issues: [{ key: 'roster', expected: expect.stringContaining(alice!.peer) }] })
    await writeFile(stranger, `${text}\nroles: [querier]\n`)
    await expect(run(stranger)).rejects.toMatchObject({ issues: [{ key: 'roles', got: 'querier' }] })
    await run(alice!.file)
    await run(carol!.file)
  })
})
