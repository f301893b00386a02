/** What `slytherin doctor` finds wrong, and that it finds nothing where nothing is. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { createLogger, loadServiceConfiguration, ServiceParty } from '@slytherin/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Check } from '../src/doctor/check.js'
import { checkDisk, checkMemory, checkNode } from '../src/doctor/machine.js'
import { checkPeers } from '../src/doctor/network.js'
import { VERSION } from '../src/version.js'
import { ServiceCohort, slytherin, until } from './support/service-cohort.js'

let cohort: ServiceCohort
beforeAll(async () => {
  cohort = await ServiceCohort.make({ carol: ['evaluator'], a: ['key-holder'], clinic: ['querier'] })
})
afterAll(async () => {
  await cohort.remove()
})

interface Found {
  readonly code: number
  readonly ok: boolean
  readonly checks: readonly Check[]
}

async function doctor(name: string, seconds = 10): Promise<Found> {
  const { code, out } = await slytherin('doctor', '--config', cohort.file(name), '--json', '--seconds', String(seconds))
  return { code, ...(JSON.parse(out) as Omit<Found, 'code'>) }
}

/** The one check of this name. */
function only({ checks }: Found, name: string): Check {
  const found = checks.filter(({ check }) => check === name)
  expect(found, name).toHaveLength(1)
  return found[0]!
}

/** With a file changed for a while. */
async function changed<T>(path: string, change: (text: string) => string, body: () => Promise<T>): Promise<T> {
  const before = await readFile(path)
  await writeFile(path, change(before.toString('latin1')), 'latin1')
  try {
    return await body()
  } finally {
    await writeFile(path, before)
  }
}

async function start(name: string): Promise<ServiceParty> {
  const file = cohort.file(name)
  return await ServiceParty.open(await loadServiceConfiguration(file), {
    file,
    logger: createLogger(name, { level: 'silent', readable: false }),
    worker: { module: new URL('./support/crashing-cryptography.ts', import.meta.url).href }
  })
}

describe('slytherin doctor', () => {
  it('sees who cannot be reached, and says so in a line a check that has what to do', async () => {
    const alone = await doctor('a', 0.5)
    expect(alone).toMatchObject({ code: 1, ok: false })
    expect(only(alone, 'running')).toMatchObject({ state: 'warning', remedy: expect.stringContaining('slytherin party --config') })
    expect(only(alone, 'reach carol')).toMatchObject({ state: 'failed', message: expect.stringContaining('/ip4/127.0.0.1/tcp/') })
    expect(only(alone, 'reach clinic')).toMatchObject({ state: 'skipped' })
    expect(only(alone, 'clock').state).toBe('skipped')
    for (const check of ['node', 'configuration', 'state', 'identity', 'secrets', 'disk', 'memory'])
      expect(only(alone, check).state, check).toMatch(/ok|warning/)
    const { code, out } = await slytherin('doctor', '--config', cohort.file('a'), '--seconds', '0.2')
    expect(code).toBe(1)
    expect(out.trimEnd().split('\n')).toHaveLength(alone.checks.length)
    expect(out).toMatch(/^FAIL {2}reach carol {4}\S+ does not answer.*See whether it runs/m)
  })

  it('finds nothing wrong with parties that are in order, running or not', async () => {
    const carol = await start('carol')
    try {
      const holder = await doctor('a')
      expect(holder.checks.filter(({ state }) => state === 'failed')).toEqual([])
      expect(holder).toMatchObject({ code: 0, ok: true })
      expect(only(holder, 'reach carol').state).toBe('ok')
      expect(only(holder, 'clock')).toMatchObject({ state: 'ok', message: expect.stringMatching(/within \d+\.\d s of carol/) })
      expect(only(holder, 'versions')).toMatchObject({ state: 'ok', message: `${VERSION} everywhere` })
      // At the evaluator a key holder that is away counts, a querier that is away is a warning.
      const evaluator = await until(async () => {
        const found = await doctor('carol')
        return only(found, 'reach a').state === 'failed' ? found : undefined
      }, 'the doctor of a has left')
      expect(only(evaluator, 'running')).toMatchObject({ state: 'ok', message: expect.stringContaining(`process ${process.pid}`) })
      expect(only(evaluator, 'reach clinic').state).toBe('warning')
      expect(evaluator.code).toBe(1)
    } finally {
      await carol.stop()
    }
  })

  it('sees files that others can read or change, a key that does not open them, and a configuration that cannot be used', async () => {
    const key = `${cohort.directory}/a.key`
    await chmod(key, 0o644)
    expect(only(await doctor('a', 0.1), 'secrets')).toEqual({
      check: 'secrets',
      state: 'failed',
      message: `${key}: its mode is 0644, so others can read it`,
      remedy: `Run: chmod 600 ${key}`
    })
    await chmod(key, 0o600)
    await chmod(cohort.file('a'), 0o666)
    expect(only(await doctor('a', 0.1), 'configuration')).toMatchObject({ state: 'failed', remedy: `Run: chmod go-w ${cohort.file('a')}` })
    await chmod(cohort.file('a'), 0o644)
    await chmod(`${cohort.directory}/a`, 0o755)
    expect(only(await doctor('a', 0.1), 'state')).toMatchObject({ state: 'failed', remedy: `Run: chmod 700 ${cohort.directory}/a` })
    await chmod(`${cohort.directory}/a`, 0o700)
    const other = await changed(
      key,
      () => 'k'.repeat(32),
      async () => await doctor('a', 0.1)
    )
    expect(only(other, 'secrets')).toMatchObject({ state: 'failed', message: expect.stringContaining('does not open this file') })
    expect(only(other, 'reach').state).toBe('skipped')
    const broken = await changed(
      cohort.file('a'),
      text => text.replace('keystore:', 'keystor:'),
      async () => await doctor('a', 0.1)
    )
    expect(only(broken, 'configuration')).toMatchObject({ state: 'failed', remedy: expect.stringContaining('Did you mean "keystore"?') })
    expect(broken.checks).toHaveLength(2)
    const stranger = await changed(
      cohort.file('a'),
      text => text.replace(/ {2}- \{ name: a,.*\n/, ''),
      async () => await doctor('a', 0.1)
    )
    expect(only(stranger, 'identity')).toMatchObject({ state: 'failed', remedy: expect.stringContaining('slytherin init') })
  })

  it('sees a port that somebody else has', async () => {
    const { network } = await loadServiceConfiguration(cohort.file('carol'))
    const port = Number(/tcp\/(\d+)/.exec(network.listen[0]!)![1])
    const other = createServer()
    await new Promise<void>(resolve => other.listen(port, '127.0.0.1', resolve))
    const found = await doctor('carol', 0.1)
    await new Promise(resolve => other.close(resolve))
    expect(only(found, 'ports')).toMatchObject({ state: 'failed', message: expect.stringContaining('EADDRINUSE') })
  })
})

describe('single checks', () => {
  it('of the machine: releases of Node that are too old, disks that are full, memory that is not enough', async () => {
    expect(checkNode('20.11.1').state).toBe('failed')
    expect(checkNode('24.0.0').state).toBe('ok')
    const configuration = await loadServiceConfiguration(cohort.file('carol'))
    expect((await checkDisk(configuration, true, 1e6)).state).toBe('failed')
    expect(await checkDisk(configuration, true, 10e9)).toMatchObject({ state: 'warning', remedy: expect.stringContaining('queueBytes') })
    expect((await checkDisk(configuration, true, 30e9)).state).toBe('ok')
    expect((await checkDisk(configuration, false, 10e9)).state).toBe('ok')
    expect((await checkDisk(configuration, false, 5e8)).state).toBe('warning')
    expect(checkMemory(configuration, true, 1e8)).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('0 models in service')
    })
    expect(checkMemory(configuration, true, 8e9).state).toBe('ok')
    expect(checkMemory(configuration, false, 5e8).state).toBe('warning')
  })

  it('of the others: clocks that differ and releases that are not the same', async () => {
    const configuration = await loadServiceConfiguration(cohort.file('carol'))
    const peer = (name: string): string => configuration.roster.find(entry => entry.name === name)!.peerId
    const seen = (clockOffsetSeconds: number, software: string): Check[] =>
      checkPeers(configuration, peer('carol'), new Map([[peer('a'), { up: true, software, clockOffsetSeconds }]]))
    const of = (checks: readonly Check[], name: string): Check => checks.find(({ check }) => check === name)!
    expect(of(seen(2, VERSION), 'clock')).toMatchObject({ state: 'ok' })
    expect(of(seen(-90, VERSION), 'clock')).toMatchObject({ state: 'warning', message: 'a is 90 s behind the clock here' })
    expect(of(seen(400, VERSION), 'clock')).toMatchObject({ state: 'failed', message: 'a is 400 s ahead of the clock here' })
    expect(of(seen(0, '0.0.9'), 'versions')).toMatchObject({ state: 'warning', message: `${VERSION} here, a 0.0.9` })
  })
})
