/** A worker process has so much of a core as its control group grants, and no group is left behind. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CoreQuotas, QuotasUnavailableError } from '../src/fleet/core-quotas.ts'

const root = process.platform === 'linux' && process.getuid?.() === 0
const V1 = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'].find(path => existsSync(join(path, 'cpu.cfs_quota_us')))
const SPIN =
  'const end = Date.now() + 1500; while (Date.now() < end); const { user, system } = process.cpuUsage(); console.log((user + system) / 1e6)'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-quotas-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

describe.runIf(root)('quotas of worker processes', () => {
  test('need a processor controller, and say so', async () => {
    await expect(CoreQuotas.make(1, 0.25, [directory])).rejects.toThrow(QuotasUnavailableError)
    await expect(CoreQuotas.make(1, 0.25, [directory])).rejects.toThrow(/takes Linux, root, and control groups .* none of /)
    await expect(CoreQuotas.make(1, 0.01, [directory])).rejects.toThrow(/less than can be granted/)
  })

  test('are written as version 2 has them', async () => {
    // A directory as good as a file system of groups, as far as files are written.
    await writeFile(join(directory, 'cgroup.controllers'), 'cpuset cpu io\n')
    const quotas = await CoreQuotas.make(2, 0.25, [directory])
    const groups = (await readdir(directory)).filter(name => name.startsWith('slytherin-fleet-'))
    expect(groups).toHaveLength(2)
    expect(await readFile(join(directory, 'cgroup.subtree_control'), 'utf8')).toBe('+cpu')
    const written = async (): Promise<string> => await readFile(join(directory, groups[0]!, 'cpu.max'), 'utf8')
    expect(await written()).toBe('max 20000')
    await quotas.limit()
    expect(await written()).toBe('5000 20000')
    for (const group of groups) await rm(join(directory, group, 'cpu.max'))
    await quotas.remove()
    expect((await readdir(directory)).filter(name => name.startsWith('slytherin-fleet-'))).toEqual([])
  })

  test('of processes that are gone are removed', async () => {
    await writeFile(join(directory, 'cgroup.controllers'), 'cpu\n')
    await mkdir(join(directory, 'slytherin-fleet-999999999-0'))
    await mkdir(join(directory, `slytherin-fleet-${process.ppid}-0`))
    const quotas = await CoreQuotas.make(1, 1, [directory])
    const left = await readdir(directory)
    expect(left).not.toContain('slytherin-fleet-999999999-0')
    expect(left).toContain(`slytherin-fleet-${process.ppid}-0`)
    await rm(join(directory, `slytherin-fleet-${process.pid}-0`), { recursive: true })
    await quotas.remove()
  })

  test.runIf(V1 !== undefined)('hold, and are gone afterwards', async () => {
    const quotas = await CoreQuotas.make(1, 0.2)
    try {
      await quotas.limit()
      const [file, ...rest] = [...quotas.through(0), process.execPath, '-e', SPIN]
      const { stdout } = await execa(file!, rest)
      expect(Number(stdout)).toBeLessThan(0.5)
    } finally {
      await quotas.remove()
    }
    expect((await readdir(V1!)).filter(name => name.startsWith(`slytherin-fleet-${process.pid}-`))).toEqual([])
  })
})
