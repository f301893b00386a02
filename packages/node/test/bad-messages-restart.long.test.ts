/**
 * A key holder's process is killed in the ceremony, started again alone, killed in a refresh, started again alone. The others, who keep serving, say each
 * time who is missing and answer the next query rightly with it back, from the same state directory and with the real cryptography.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fuse, importOnnx } from '@slytherin/engine'
import { createLogger, loadConfiguration, loadSamples, Party, type PartyEvent } from '@slytherin/node'
import { afterEach, expect, it } from 'vitest'
import { Cohort } from './support/cohort.js'
import { until } from './support/network.js'

const BIN = fileURLToPath(new URL('../bin/slytherin.js', import.meta.url))
const models = fileURLToPath(new URL('../../../models/', import.meta.url))
const ONNX = `${models}onnx/breast-cancer-wdbc-mlp-square.onnx`
const SAMPLES = `${models}data/breast-cancer-wdbc-test-x.npy`
/** Two of each class. */
const OFFSET = 6
const COUNT = 4

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

class Observed {
  readonly events: PartyEvent[] = []
  /** Called with every event as it comes. */
  listener: ((event: PartyEvent) => void) | undefined

  of<E extends PartyEvent['event']>(kind: E): Extract<PartyEvent, { event: E }>[] {
    return this.events.filter((event): event is Extract<PartyEvent, { event: E }> => event.event === kind)
  }
}

/** A party in this process, for as long as the test runs. */
async function serve(file: string): Promise<Observed> {
  const observed = new Observed()
  const onEvent = (event: PartyEvent): void => {
    observed.events.push(event)
    observed.listener?.(event)
  }
  const logger = createLogger('test', { level: 'silent', readable: false })
  const party = await Party.open(await loadConfiguration(file), { file, logger, onEvent })
  const outcome = party.run().catch(() => undefined)
  cleanups.push(async () => {
    await party.stop('test over')
    await outcome
  })
  return observed
}

/** A party as its administrator starts it. */
function start(file: string): ChildProcess {
  const child = spawn(BIN, ['party', '--config', file, '--json-events'], { stdio: 'ignore' })
  cleanups.push(() => child.kill('SIGKILL'))
  return child
}

it('a key holder killed in the ceremony or in a refresh is named within 30 s; started again, alone, it takes part in the next session', async () => {
  const cohort = await Cohort.make({
    roles: {
      clinic: ['evaluator'],
      first: ['key-holder'],
      second: ['key-holder'],
      owner: ['model-owner'],
      patient: ['querier', 'data-owner']
    },
    yaml: `keepServing: true\nsession: { batch: ${COUNT}, minimumRefreshes: 1 }`,
    yamlOf: {
      owner: `model: ${ONNX}\ncalibration: { manifest: ${models}manifest.json }`,
      patient: `samples: { npy: ${SAMPLES}, offset: ${OFFSET}, count: ${COUNT} }`
    }
  })
  cleanups.push(() => cohort.remove())
  const { clinic: leader, first, second: victim, owner, patient: asker } = cohort.members
  const network = fuse(importOnnx(await readFile(ONNX)))
  const samples = await loadSamples({ npy: SAMPLES, offset: OFFSET, count: COUNT, normalisation: { scale: 1, mean: 0, deviation: 1 } })
  const clear = samples.map(sample => (network.forward(sample)[0]! > 0 ? 1 : 0))

  const clinic = await serve(leader!.file)
  const patient = await serve(asker!.file)
  const survivors = [clinic, patient, await serve(first!.file), await serve(owner!.file)]
  let child = start(victim!.file)
  const kills: number[] = []
  for (const phase of ['galois-keys', 'refresh'] as const) {
    const told = survivors.map(survivor => survivor.of('error').length)
    clinic.listener = event => {
      if (event.event !== 'progress' || event.phase !== phase) return
      clinic.listener = undefined
      kills.push(performance.now())
      child.kill('SIGKILL')
    }
    const before = kills.length
    await until(() => kills.length > before, 60_000, `a session's ${phase}`)
    await until(() => survivors.every((survivor, i) => survivor.of('error').length > told[i]!), 30_000, 'the missing party named by all')
    for (const [i, survivor] of survivors.entries()) {
      expect(survivor.of('error')[told[i]!]!.error).toMatchObject({ name: 'PartyMissingError', code: 'party-missing', peer: victim!.peer })
    }
    const answered = patient.of('result').length
    const closed = clinic.of('session').length
    child = start(victim!.file)
    await until(() => patient.of('result').length > answered && clinic.of('session').length > closed, 60_000, `an answer after ${phase}`)
    for (const { predictions } of patient.of('result').slice(answered)) expect(predictions).toEqual(clear)
  }
})
