/** What will be asked for comes to the disk while nobody waits for anything, and is fetched once. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CorruptStoreError, DiskCache, FleetContents, MemoryStore, sha256 } from '@slytherin/fleet'
import type { ContentName } from '@slytherin/protocol/service'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-staging-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(directory, { recursive: true, force: true })
})

describe('contents that will be asked for', () => {
  async function filled(
    count: number,
    budget = 1e6
  ): Promise<{ contents: FleetContents; backend: MemoryStore; names: ContentName[]; cache: string }> {
    const backend = new MemoryStore()
    const names: ContentName[] = []
    for (let k = 0; k < count; k++) {
      const content = new Uint8Array(randomBytes(1000))
      names.push({ space: 'release-a', hash: sha256(content) })
      await backend.write('release-a', names[k]!.hash, content)
    }
    const cache = join(directory, 'cache')
    return { contents: new FleetContents({ backend, memoryBytes: 0, disk: await DiskCache.open(cache, budget) }), backend, names, cache }
  }

  test('come to the disk before, in their order and once each', async () => {
    const { contents, backend, names, cache } = await filled(20)
    const read = vi.spyOn(backend, 'read')
    expect(await contents.stage(names)).toBe(true)
    // Four at the same time: others overtake one that is late, as many as there are, and go on by one place each.
    const late = read.mock.calls.map(([, hash], at) => Math.abs(names.findIndex(name => name.hash === hash) - at))
    expect(late).toHaveLength(20)
    expect(late.reduce((sum, places) => sum + places, 0) / late.length).toBeLessThan(6)
    expect((await readdir(cache)).sort()).toEqual(names.map(({ hash }) => hash).sort())
    expect(await contents.stage(names)).toBe(true)
    for (const { space, hash } of names) expect(sha256(await contents.load(space, hash))).toBe(hash)
    expect(read).toHaveBeenCalledTimes(20)
  })

  test('do not come again while they are on their way to the disk', async () => {
    const { backend, names } = await filled(40)
    const disk = await DiskCache.open(join(directory, 'slow'), 1e6)
    const put = disk.put.bind(disk)
    vi.spyOn(disk, 'put').mockImplementation(async (hash, content) => {
      await new Promise(resolve => setTimeout(resolve, 100))
      await put(hash, content)
    })
    const contents = new FleetContents({ backend, memoryBytes: 0, disk })
    const staged = contents.stage(names)
    await Promise.all(names.slice(1).map(async ({ space, hash }) => await contents.load(space, hash)))
    expect(await staged).toBe(true)
    expect(backend.reads).toBe(names.length)
    // The directory is removed after the test.
    await Promise.all(vi.mocked(disk.put).mock.results.map(({ value }) => value))
  })

  test('are fetched once where somebody asks meanwhile', async () => {
    const { contents, backend, names } = await filled(60)
    const order: string[] = []
    const read = backend.read.bind(backend)
    vi.spyOn(backend, 'read').mockImplementation(async (space, hash) => {
      order.push(hash)
      await new Promise(resolve => setTimeout(resolve, 2))
      return await read(space, hash)
    })
    const staged = contents.stage(names)
    await vi.waitFor(() => expect(order.length).toBeGreaterThan(0))
    const wanted = names.slice(20)
    const asked = await Promise.all(wanted.map(async ({ space, hash }) => await contents.load(space, hash)))
    expect(asked.map(sha256)).toEqual(wanted.map(({ hash }) => hash))
    expect(await staged).toBe(true)
    expect(order).toHaveLength(names.length)
  })

  test('that are on their way are the asker’s own, and wait for nothing that was asked for later', async () => {
    const { contents, backend, names } = await filled(40)
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const read = backend.read.bind(backend)
    vi.spyOn(backend, 'read').mockImplementation(async (space, hash) => {
      order.push(hash)
      await gate.promise
      return await read(space, hash)
    })
    const [has, get] = [vi.spyOn(DiskCache.prototype, 'has'), vi.spyOn(DiskCache.prototype, 'get')]
    const looked = async (spy: typeof has | typeof get, times: number): Promise<void> => {
      await vi.waitFor(() =>
        expect(spy.mock.settledResults.filter(({ type }) => type === 'fulfilled').length).toBeGreaterThanOrEqual(times)
      )
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    const load = async ({ space, hash }: ContentName): Promise<Uint8Array> => await contents.load(space, hash)
    const busy = names.slice(10, 18).map(load)
    await vi.waitFor(() => expect(order).toHaveLength(8))
    const staged = contents.stage(names)
    // The first is in the queue, which is full.
    await looked(has, 4)
    const asked = [0, 0].map(async k => await load(names[k]!))
    const later = names.slice(18).map(load)
    await looked(get, busy.length + later.length)
    gate.resolve()
    const [one, two] = await Promise.all(asked)
    one!.fill(0)
    expect(sha256(two!)).toBe(names[0]!.hash)
    await Promise.all([...busy, ...later, staged])
    expect(order[8]).toBe(names[0]!.hash)
    expect(order.indexOf(names[1]!.hash)).toBeGreaterThan(order.indexOf(names[39]!.hash))
    expect(order).toHaveLength(names.length)
  })

  test('stay where they are without a disk, or with too small a one; what is not what its name says is no more than asked for', async () => {
    const { contents, backend, names, cache } = await filled(20, 5500)
    expect(await new FleetContents({ backend, memoryBytes: 0 }).stage(names)).toBe(false)
    expect(backend.reads).toBe(0)
    expect(await contents.stage(names)).toBe(false)
    expect(await readdir(cache)).toHaveLength(5)
    expect(backend.reads).toBeLessThan(12)
    await backend.write('release-b', names[0]!.hash, new Uint8Array(3))
    const other = new FleetContents({ backend, memoryBytes: 0, disk: await DiskCache.open(join(directory, 'other'), 1e6) })
    await expect(other.stage([{ space: 'release-b', hash: names[0]!.hash }])).rejects.toThrow(CorruptStoreError)
    expect(await readdir(join(directory, 'other'))).toEqual([])
  })
})
