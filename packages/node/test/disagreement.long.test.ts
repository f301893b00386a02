/** Processes that come back: started anew before they were missed, or suspended until everybody else had given them up. */
import { readFile, writeFile } from 'node:fs/promises'
import type { PartyEvent } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Cohort } from './support/cohort.js'
import { until } from './support/network.js'
import { answers, type Child, of, ready, start, startAll } from './support/processes.js'

/** Every role in a process of its own. */
const ROLES: Record<string, readonly Role[]> = {
  clinic: ['evaluator'],
  first: ['key-holder'],
  second: ['key-holder'],
  third: ['key-holder'],
  owner: ['model-owner'],
  patient: ['querier', 'data-owner']
}
const MODEL = 'model: none.onnx\ncalibration: { manifest: none.json }'

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** Another roster in one party's configuration: its lines, given back changed. */
async function rewriteRoster(cohort: Cohort, name: string, change: (lines: string[]) => string[]): Promise<void> {
  const { file } = cohort.members[name]!
  const lines = (await readFile(file, 'utf8')).split('\n')
  const isEntry = (line: string): boolean => line.startsWith('  - { name:')
  const entries = change(lines.filter(isEntry))
  await writeFile(file, lines.map(line => (isEntry(line) ? entries.shift()! : line)).join('\n'))
}

const SERVING = 'session: { batch: 4 }\ndeadlines: { idle: 6000 }\nkeepServing: true'

/** One cohort goes through all of it, whose holder `second` has its roster in another order. */
describe('a cohort that keeps serving', () => {
  const own: (() => Promise<unknown> | unknown)[] = []
  let cohort: Cohort
  let children: Record<string, Child>
  beforeAll(async () => {
    cohort = await Cohort.make({ roles: ROLES, yaml: SERVING, yamlOf: { owner: MODEL } })
    own.push(() => cohort.remove())
    await rewriteRoster(cohort, 'second', lines => lines.reverse())
    children = Object.fromEntries(Object.keys(ROLES).map(name => [name, start(cohort, name, own)]))
    await ready(children, 1)
  })
  afterAll(async () => {
    for (const clean of own.reverse()) await clean()
  })

  /** All but one of them, with how many events of a kind each has told. */
  const others = (name: string, kind: PartyEvent['event']): (Child & { told: number })[] =>
    Object.values(children)
      .filter(child => child.name !== name)
      .map(child => ({ ...child, told: of(child.events, kind).length }))

  it('answers with a roster in another order at one holder', async () => {
    await answers(children['patient']!, 5)
  })

  it('whose querier is killed while nothing happens and started again at once: its session ends by name, and the next one serves it', async () => {
    const left = others('patient', 'ready')
    const errors = new Map(others('patient', 'error').map(({ name, told }) => [name, told]))
    children['patient']!.child.kill('SIGKILL')
    await children['patient']!.exit
    children['patient'] = start(cohort, 'patient', own)
    for (const { name, events, told } of left) await until(() => of(events, 'ready').length === told + 1, 40_000, `${name} ready again`)
    for (const { name, events } of left) {
      expect(of(events, 'error')[errors.get(name)!]!.error, name).toMatchObject({
        code: 'party-missing',
        peer: cohort.members['patient']!.peer,
        peerName: 'patient',
        message: expect.stringContaining(`patient (${cohort.members['patient']!.peer})`)
      })
    }
    await answers(children['patient'], 7)
  })

  it('whose evaluator is suspended until the others have given it up: it ends its session when it comes back, and leads the next one', async () => {
    const clinic = children['clinic']!
    const sessions = others('', 'ready')
    const known = of(clinic.events, 'error').length
    const left = others('clinic', 'error')
    clinic.child.kill('SIGSTOP')
    for (const { name, events, told } of left) {
      await until(() => of(events, 'error').length > told, 20_000, `${name} has given the evaluator up`)
      expect(of(events, 'error')[told]!.error, name).toMatchObject({ code: 'party-missing', peer: cohort.members['clinic']!.peer })
    }
    clinic.child.kill('SIGCONT')
    for (const { told, ...child } of sessions) await ready({ [child.name]: child }, told + 1)
    expect(of(clinic.events, 'error')[known]!.error).toMatchObject({ code: 'party-missing' })
    await answers(children['patient']!, -3)
  })
})

describe('a querier that is killed while nothing happens and started again at once', () => {
  it('where nobody serves for ever, ends every process', async () => {
    // Where the others have ended before the new process could meet them, it waits as long as a roster may take.
    const { cohort, children } = await startAll(ROLES, 'session: { batch: 4 }\ndeadlines: { roster: 60000 }', cleanups)
    await ready(children, 1)
    children['patient']!.child.kill('SIGKILL')
    await children['patient']!.exit
    const again = start(cohort, 'patient', cleanups)
    const others = Object.values(children).filter(({ name }) => name !== 'patient')
    expect(await Promise.all(others.map(({ exit }) => exit))).toEqual([1, 1, 1, 1, 1])
    expect(await again.exit).toBe(1)
    expect(of(again.events, 'error').at(-1)!.error).toMatchObject({ code: 'party-missing', peer: cohort.members['clinic']!.peer })
  })
})

describe('a roster at one holder', () => {
  it('that differs is refused at the hello: everybody ends, and hears what is different', async () => {
    const cohort = await Cohort.make({ roles: ROLES, yaml: 'session: { batch: 4 }', yamlOf: { owner: MODEL } })
    cleanups.push(() => cohort.remove())
    await rewriteRoster(cohort, 'second', lines => lines.map(line => line.replace('[querier, data-owner]', '[querier]')))
    // The others first: who comes after the evaluator has given up waits for it in vain, as long as a roster may take.
    const early = Object.keys(ROLES)
      .filter(name => name !== 'second')
      .map(name => start(cohort, name, cleanups))
    const clinic = early.find(({ name }) => name === 'clinic')!
    await until(() => of(clinic.events, 'peer').filter(({ state }) => state === 'up').length === early.length - 1, 60_000, 'all but one')
    const children = [...early, start(cohort, 'second', cleanups)]
    expect(await Promise.all(children.map(({ exit }) => exit))).toEqual([1, 1, 1, 1, 1, 1])
    const patient = `patient (${cohort.members['patient']!.peer})`
    for (const { name, events } of children.filter(child => child.name === 'clinic' || child.name === 'second')) {
      const { error } = of(events, 'error').at(-1)!
      expect(error.message, name).toContain(`${patient} is querier here, data-owner,querier there`)
    }
    const others = children.filter(child => child.name !== 'clinic' && child.name !== 'second')
    for (const { name, events } of others) {
      expect(of(events, 'error').at(-1)!.error, name).toMatchObject({ code: 'party-missing', peerName: 'clinic' })
      // The evaluator said goodbye: for those who hear it, that is no crash.
      expect(of(events, 'peer').at(-1), name).toMatchObject({ name: 'clinic', state: 'left', reason: 'done' })
    }
  })
})

describe('a wait', () => {
  it('says for whom, for what and since when, and ends', async () => {
    const cohort = await Cohort.make({ roles: ROLES, yaml: 'deadlines: { idle: 1000, roster: 4000 }', yamlOf: { owner: MODEL } })
    cleanups.push(() => cohort.remove())
    const holder = start(cohort, 'first', cleanups)
    expect(await holder.exit).toBe(1)
    const [waiting] = of(holder.events, 'waiting')
    expect(waiting).toMatchObject({ name: 'clinic', peer: cohort.members['clinic']!.peer, phase: 'roster', message: 'propose' })
    expect(waiting!.seconds).toBeGreaterThan(0.5)
    const { error } = of(holder.events, 'error').at(-1)!
    expect(error).toMatchObject({ code: 'party-missing', peerName: 'clinic', phase: 'roster' })
    expect(error.message).toContain('did not come within 4 s')
  })
})

describe('a serving party whose decryptions run out', () => {
  it('refuses the query by name, says what is left, and goes on', async () => {
    const { cohort, children } = await startAll(ROLES, 'session: { batch: 4, maximumDecryptions: 2 }', cleanups)
    await ready(children, 1)
    const patient = children['patient']!
    await answers(patient, 1)
    await answers(patient, 2)
    for (const times of [1, 2]) {
      patient.child.stdin!.write('{"command":"query","samples":[[3,0]]}\n')
      await until(() => of(patient.events, 'error').length === times, 10_000, 'refused')
      const { error } = of(patient.events, 'error').at(-1)!
      expect(error.message).toContain(`at most 2 ciphertexts for patient (${cohort.members['patient']!.peer})`)
    }
    expect(of(children['clinic']!.events, 'decryptions').map(({ name, left, allowed }) => [name, left, allowed])).toEqual([
      ['patient', 1, 2],
      ['patient', 0, 2]
    ])
    patient.child.stdin!.end('{"command":"leave"}\n')
    expect(await Promise.all(Object.values(children).map(({ exit }) => exit))).toEqual([0, 0, 0, 0, 0, 0])
  })
})
