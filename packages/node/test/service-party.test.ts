/** A party of a service in this process: its life, its roster, and a crash of its thread of cryptography. */
import { createLogger, loadServiceConfiguration, ServiceParty } from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askParty } from '../src/control/client.js'
import type { CommandName, ParametersOf, Results } from '../src/control/commands.js'
import { ServiceCohort, slytherin, until } from './support/service-cohort.js'

let cohort: ServiceCohort
const parties = new Map<string, ServiceParty>()

beforeEach(async () => {
  cohort = await ServiceCohort.make({ carol: ['evaluator'], a: ['key-holder'], owner: ['model-owner'] })
})
afterEach(async () => {
  await Promise.all([...parties.values()].map(async party => await party.stop()))
  parties.clear()
  await cohort.remove()
})

async function start(name: string): Promise<ServiceParty> {
  const file = cohort.file(name)
  const party = await ServiceParty.open(await loadServiceConfiguration(file), {
    file,
    logger: createLogger(name, { level: 'silent', readable: false }),
    worker: { module: new URL('./support/crashing-cryptography.ts', import.meta.url).href }
  })
  parties.set(name, party)
  return party
}

async function ask<C extends CommandName>(name: string, command: C, parameters: ParametersOf<C>): Promise<Results[C]> {
  const file = cohort.file(name)
  const { state } = await loadServiceConfiguration(file)
  return await askParty(command, parameters, { state, file })
}

async function up(at: string, name: string): Promise<void> {
  await until(async () => {
    const { peers } = await ask(at, 'status', {})
    return peers.find(peer => peer.name === name && peer.state === 'up' && peer.software !== undefined)
  }, `${name} up at ${at}`)
}

describe('a party of a service', () => {
  it('starts its thread of cryptography again after a crash, and goes on with the same connections', async () => {
    const carol = await start('carol')
    await start('a')
    await up('carol', 'a')
    const { cryptography } = await carol.core.get()
    await cryptography.setModel('crash', { path: 'none', calibration: { manifest: 'none' } }).catch(() => undefined)
    await until(async () => (carol.core.crashes === 1 ? true : undefined), 'the crash is counted')
    await up('carol', 'a')
    const status = await ask('carol', 'status', {})
    expect(status.party.crashes).toBe(1)
    expect(status.errors.map(({ code }) => code)).toContain('WorkerCrashedError')
    expect((await carol.core.get()).cryptography).not.toBe(cryptography)
    await carol.stop()
    await expect(ask('carol', 'status', {})).rejects.toMatchObject({ code: 'no-party' })
  })

  it('lets in who is added to the roster while it runs, and out who is removed', async () => {
    await slytherin('roster', 'remove', 'owner', '-c', cohort.file('carol'))
    await start('carol')
    await start('owner')
    await start('a')
    await up('carol', 'a')
    expect((await ask('owner', 'status', {})).peers.find(({ name }) => name === 'carol')?.state).toBe('down')
    const added = await slytherin('roster', 'add', cohort.lines['owner']!, '-c', cohort.file('carol'), '--json')
    expect(JSON.parse(added.out)).toMatchObject({ running: true, added: [{ name: 'owner' }], removed: [], parties: 3 })
    await up('carol', 'owner')
    await up('owner', 'carol')
    const removed = await slytherin('roster', 'remove', 'owner', '-c', cohort.file('carol'), '--json')
    expect(JSON.parse(removed.out)).toMatchObject({ removed: [{ name: 'owner' }] })
    await until(async () => {
      const { peers } = await ask('owner', 'status', {})
      return peers.find(({ name, state }) => name === 'carol' && state === 'down')
    }, 'carol has ended the connection')
    // The others stay.
    expect((await ask('carol', 'status', {})).peers).toMatchObject([{ name: 'carol' }, { name: 'a', state: 'up' }])
    // What cannot be used changes nothing.
    const self = await slytherin('roster', 'remove', 'carol', '-c', cohort.file('carol'))
    expect(self).toMatchObject({ code: 2, err: expect.stringContaining('cohort.evaluator') })
    expect((await ask('carol', 'status', {})).peers).toHaveLength(2)
  })

  it('says what a command cannot do here, and where or how it could', async () => {
    await start('carol')
    await start('owner')
    const create = { name: 'x', for: [{ file: '/none.onnx' }], batch: 2, days: 1 }
    await expect(ask('owner', 'cohort.create', create)).rejects.toMatchObject({
      code: 'not-permitted',
      remedy: 'Give the command at carol.'
    })
    await expect(ask('carol', 'cohort.create', create)).rejects.toMatchObject({
      code: 'not-ready',
      message: expect.stringContaining('not connected: a')
    })
    await expect(ask('carol', 'cohort.create', { ...create, holders: ['nobody'] })).rejects.toMatchObject({ code: 'not-found' })
    await expect(ask('carol', 'cohort.create', { ...create, holders: ['owner'] })).rejects.toMatchObject({ code: 'wrong-parameters' })
    await expect(ask('carol', 'cohort.create', { ...create, threshold: 2 })).rejects.toMatchObject({ code: 'wrong-parameters' })
    const grant = { querier: 'a', senders: [], models: ['m'], queries: 1, days: 1 }
    await expect(ask('carol', 'grant.create', grant)).rejects.toMatchObject({ code: 'not-permitted' })
    await expect(ask('owner', 'grant.create', grant)).rejects.toMatchObject({
      code: 'not-found',
      remedy: expect.stringContaining('slytherin cohort create')
    })
    await expect(ask('owner', 'model.withdraw', { name: 'm' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(ask('owner', 'query.ask', { model: 'm', samples: { file: '/x.npy' }, follow: true })).rejects.toMatchObject({
      code: 'not-found'
    })
    await expect(ask('owner', 'query.fetch', { query: 'abcd' })).rejects.toMatchObject({ code: 'not-found' })
    expect(await ask('owner', 'query.status', {})).toEqual([])
  })
})
