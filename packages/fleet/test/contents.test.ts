/** What is fetched is what its name says, or the store is named; what was used last stays on this machine within a budget. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ContentMissingError,
  CorruptStoreError,
  DirectoryStore,
  DiskCache,
  FleetContents,
  MemoryStore,
  S3Store,
  type StoreBackend,
  StoreUnreachableError,
  sha256
} from '@slytherin/fleet'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

let directory: string
const closing: (() => Promise<void> | void)[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-store-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await rm(directory, { recursive: true, force: true })
})

/** As much of S3 as a store asks for, in memory. */
async function bucketServer(): Promise<{ url: string; objects: Map<string, Uint8Array>; requests: string[]; locked: Set<string> }> {
  /** Keys that are not deleted. */
  const locked = new Set<string>()
  const objects = new Map<string, Uint8Array>()
  const requests: string[] = []
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost')
    const key = decodeURIComponent(url.pathname).replace(/^\/bucket\/?/, '')
    requests.push(`${request.method} ${key}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const found = objects.get(key)
      const missing = (): void => {
        response.writeHead(404, { 'content-type': 'application/xml' })
        response.end(request.method === 'HEAD' ? undefined : '<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>')
      }
      if (request.method === 'PUT') {
        objects.set(key, new Uint8Array(unchunked(Buffer.concat(chunks), request.headers['content-encoding'] ?? '')))
        response.end()
      } else if (request.method === 'POST' && url.searchParams.has('delete')) {
        for (const [, name] of Buffer.concat(chunks)
          .toString()
          .matchAll(/<Key>([^<]*)<\/Key>/g))
          if (!locked.has(name!)) objects.delete(name!)
        response.setHeader('content-type', 'application/xml')
        const errors = [...locked].map(name => `<Error><Key>${name}</Key><Code>AccessDenied</Code><Message>no</Message></Error>`)
        response.end(`<DeleteResult>${errors.join('')}</DeleteResult>`)
      } else if (key === '') {
        const prefix = url.searchParams.get('prefix') ?? ''
        const names = [...objects.keys()].filter(name => name.startsWith(prefix))
        const folders = [...new Set(names.map(name => `${prefix}${name.slice(prefix.length).split('/')[0]}/`))]
        response.setHeader('content-type', 'application/xml')
        const listed = url.searchParams.has('delimiter')
          ? folders.map(name => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`)
          : names.map(name => `<Contents><Key>${name}</Key></Contents>`)
        response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${listed.join('')}</ListBucketResult>`)
      } else if (found === undefined) missing()
      else response.end(request.method === 'HEAD' ? undefined : found)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, objects, requests, locked }
}

/** The body of a request that is sent in chunks with a checksum behind them. */
function unchunked(body: Buffer, encoding: string): Buffer {
  if (!encoding.includes('aws-chunked')) return body
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.subarray(at, end).toString().split(';')[0]!, 16)
    if (size === 0) break
    parts.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
  return Buffer.concat(parts)
}

async function s3(): Promise<StoreBackend> {
  const { url } = await bucketServer()
  process.env['AWS_ACCESS_KEY_ID'] = 'test'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test'
  const store = await S3Store.open({ bucket: 'bucket', prefix: 'some/fleet', endpoint: url, pathStyle: true })
  closing.push(() => store.close())
  return store
}

test('a bucket that deletes all but one object has not erased the space', async () => {
  const { url, locked } = await bucketServer()
  process.env['AWS_ACCESS_KEY_ID'] = 'test'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test'
  const store = await S3Store.open({ bucket: 'bucket', endpoint: url, pathStyle: true })
  closing.push(() => store.close())
  const bytes = randomBytes(10)
  await store.write('query-a', sha256(bytes), bytes)
  locked.add(`query-a/${sha256(bytes)}`)
  await expect(store.clear('query-a')).rejects.toThrow(StoreUnreachableError)
  locked.clear()
  await store.clear('query-a')
  expect(await store.spaces()).toEqual([])
})

describe.each<[string, () => Promise<StoreBackend>]>([
  ['a directory', async () => new DirectoryStore(join(directory, 'store'))],
  ['memory', async () => new MemoryStore()],
  ['a bucket', s3]
])('%s', (_name, make) => {
  test('gives what was put, says what is there, and forgets a space as a whole', async () => {
    const store = await make()
    const [one, two] = [randomBytes(100_000), new Uint8Array(0)]
    expect(await store.spaces()).toEqual([])
    await store.write('release-a', sha256(one), one)
    await store.write('query-b', sha256(two), two)
    expect(await store.spaces()).toEqual(['query-b', 'release-a'])
    expect(sha256((await store.read('release-a', sha256(one)))!)).toBe(sha256(one))
    expect(await store.read('query-b', sha256(two))).toHaveLength(0)
    expect(await store.read('query-b', sha256(one))).toBeUndefined()
    expect(await store.has('release-a', sha256(one))).toBe(true)
    expect(await store.has('release-b', sha256(one))).toBe(false)
    await store.clear('release-a')
    await store.clear('never-there')
    expect(await store.has('release-a', sha256(one))).toBe(false)
    expect(await store.spaces()).toEqual(['query-b'])
  })

  test('refuses names that are none', async () => {
    const store = await make()
    const hash = sha256(new Uint8Array(1))
    await expect(store.write('../elsewhere', hash, new Uint8Array(1))).rejects.toThrow(RangeError)
    await expect(store.write('space', '../file', new Uint8Array(1))).rejects.toThrow(RangeError)
  })
})

test('a store that cannot be written to is named', async () => {
  await writeFile(join(directory, 'file'), 'no directory')
  const store = new FleetContents({ backend: new DirectoryStore(join(directory, 'file')), memoryBytes: 0 })
  await expect(store.put('space', new Uint8Array(3))).rejects.toThrow(StoreUnreachableError)
  await expect(store.put('space', new Uint8Array(3))).rejects.toThrow(/"fleet.store"/)
})

describe('contents', () => {
  const bytes = randomBytes(1000)
  const hash = sha256(bytes)

  test('are fetched again when they do not match, and the store is named as corrupt when they still do not', async () => {
    const backend = new MemoryStore()
    const mismatches: string[] = []
    const contents = new FleetContents({ backend, memoryBytes: 0, onMismatch: store => mismatches.push(store) })
    await backend.write('space', hash, randomBytes(1000))
    const error = await contents.get('space', hash).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(CorruptStoreError)
    expect(error).toMatchObject({ store: backend.name, space: 'space', hash })
    expect(backend.reads).toBe(2)
    expect(mismatches).toEqual([backend.name])
    // Damaged on the way, once.
    const read = backend.read.bind(backend)
    let times = 0
    backend.read = async (space, name) => (times++ === 0 ? randomBytes(10) : await read(space, name))
    await backend.write('space', hash, bytes)
    expect(sha256(await contents.get('space', hash))).toBe(hash)
    expect(times).toBe(2)
  })

  test('that are missing are missing', async () => {
    const contents = new FleetContents({ backend: new MemoryStore(), memoryBytes: 0 })
    await expect(contents.get('space', hash)).rejects.toThrow(ContentMissingError)
  })

  test('stay in memory within the budget, and are fetched once by many who ask at once', async () => {
    const backend = new MemoryStore()
    const names: string[] = []
    for (let k = 0; k < 4; k++) {
      const content = randomBytes(1000)
      names.push(sha256(content))
      await backend.write('release-a', names[k]!, content)
    }
    const contents = new FleetContents({ backend, memoryBytes: 2500 })
    await Promise.all([1, 2, 3].map(async () => await contents.get('release-a', names[0]!)))
    expect(backend.reads).toBe(1)
    await contents.get('release-a', names[1]!)
    await contents.get('release-a', names[0]!)
    // The second was not used for longest.
    await contents.get('release-a', names[2]!)
    await contents.get('release-a', names[0]!)
    expect(backend.reads).toBe(3)
    await contents.get('release-a', names[1]!)
    expect(backend.reads).toBe(4)
  })

  test('that are handed out are the taker’s own', async () => {
    const contents = new FleetContents({ backend: new MemoryStore(), memoryBytes: 10_000 })
    const name = await contents.put('space', bytes)
    const taken = await contents.get('space', name)
    taken.fill(0)
    expect(sha256(await contents.get('space', name))).toBe(name)
  })

  test('that are handed over are kept on the disk, not in memory, and are the taker’s own', async () => {
    const backend = new MemoryStore()
    const cache = join(directory, 'cache')
    const content = new Uint8Array(randomBytes(1000))
    const name = sha256(content)
    await backend.write('release-a', name, content)
    const contents = new FleetContents({ backend, memoryBytes: 1e6, disk: await DiskCache.open(cache, 10_000) })
    const loaded = await contents.load('release-a', name)
    expect(loaded).toEqual(content)
    // While it may be on its way to the disk.
    loaded.fill(0)
    await vi.waitFor(async () => expect(await readdir(cache)).toEqual([name]))
    expect(await contents.load('release-a', name)).toEqual(content)
    expect(backend.reads).toBe(1)
    await rm(join(cache, name))
    expect(await contents.load('release-a', name)).toEqual(content)
    expect(backend.reads).toBe(2)
  })

  test('that are read once go before weights that were asked for long before', async () => {
    const backend = new MemoryStore()
    const names: string[] = []
    for (let k = 0; k < 50; k++) {
      const content = randomBytes(100)
      names.push(sha256(content))
      await backend.write('release-a', names[k]!, content)
    }
    const order: string[] = []
    const read = backend.read.bind(backend)
    vi.spyOn(backend, 'read').mockImplementation(async (space, name) => {
      order.push(name)
      // Slow enough that the others wait.
      await new Promise(resolve => setTimeout(resolve, 5))
      return await read(space, name)
    })
    const contents = new FleetContents({ backend, memoryBytes: 0 })
    const [input, ...weights] = names as [string, ...string[]]
    const ahead = weights.map(async name => await contents.load('release-a', name))
    using lent = await contents.borrow('release-a', input)
    expect(sha256(lent.bytes)).toBe(input)
    await Promise.all(ahead)
    expect(order.indexOf(input)).toBeLessThan(16)
    expect(order.filter(name => name !== input)).toEqual(weights)
  })

  test('of releases stay on the disk, those of queries do not; a damaged file is fetched again', async () => {
    const backend = new MemoryStore()
    const cache = join(directory, 'cache')
    await backend.write('release-a', hash, bytes)
    const other = randomBytes(10)
    await backend.write('query-a', sha256(other), other)
    const open = async (): Promise<FleetContents> =>
      new FleetContents({ backend, memoryBytes: 0, disk: await DiskCache.open(cache, 10_000) })
    const first = await open()
    await first.get('release-a', hash)
    await first.get('query-a', sha256(other))
    // Written beside what is done with it.
    await vi.waitFor(async () => expect(await readdir(cache)).toEqual([hash]))
    expect(backend.reads).toBe(2)
    await (await open()).get('release-a', hash)
    expect(backend.reads).toBe(2)
    await writeFile(join(cache, hash), randomBytes(1000))
    expect(sha256(await (await open()).get('release-a', hash))).toBe(hash)
    expect(backend.reads).toBe(3)
    await vi.waitFor(async () => expect(sha256(await readFile(join(cache, hash)))).toBe(hash))
  })
})

test('the cache on disk keeps what was used last, and removes what was half written', async () => {
  const contents = [0, 1, 2].map(() => randomBytes(1000))
  const [a, b, c] = contents.map(sha256) as [string, string, string]
  const cache = await DiskCache.open(directory, 2500)
  await cache.put(a, contents[0]!)
  await cache.put(b, contents[1]!)
  await cache.get(a)
  await cache.put(c, contents[2]!)
  expect((await readdir(directory)).sort()).toEqual([a, c].sort())
  expect(cache.bytes).toBe(2000)
  await writeFile(join(directory, `${b}.1234.part`), 'half')
  await utimes(join(directory, `${b}.1234.part`), 1, 1)
  await utimes(join(directory, a), 1, 1)
  const again = await DiskCache.open(directory, 1500)
  expect(await readdir(directory)).toEqual([c])
  expect(sha256((await again.get(c))!)).toBe(c)
  await rm(join(directory, c))
  expect(await again.get(c)).toBeUndefined()
  expect(again.bytes).toBe(0)
  // Larger than all of it.
  await again.put(a, randomBytes(2000))
  expect(await readdir(directory)).toEqual([])
})

test('workers of one machine share a cache on disk', async () => {
  const contents = Array.from({ length: 60 }, () => randomBytes(500))
  const names = contents.map(sha256)
  const budget = 12_000
  const workers = await Promise.all([0, 1, 2].map(async () => await DiskCache.open(directory, budget)))
  await workers[0]!.put(names[0]!, contents[0]!)
  expect(sha256((await workers[1]!.get(names[0]!))!)).toBe(names[0])
  await workers[1]!.remove(names[0]!)
  expect(await workers[0]!.get(names[0]!)).toBeUndefined()
  // What another is writing at the moment stays.
  const writing = join(directory, `${names[0]}.1234.part`)
  await writeFile(writing, 'half')
  const work = async (cache: DiskCache, first: number): Promise<void> => {
    for (let step = 0; step < 120; step++) {
      const k = (first + 7 * step) % contents.length
      const found = await cache.get(names[k]!)
      if (found === undefined) await cache.put(names[k]!, contents[k]!)
      else expect(sha256(found)).toBe(names[k])
    }
  }
  await Promise.all([...workers.map(async (cache, w) => await work(cache, 20 * w)), DiskCache.open(directory, budget)])
  const left = await readdir(directory)
  expect(left).toContain(`${names[0]}.1234.part`)
  expect(500 * (left.length - 1)).toBeLessThanOrEqual(budget * (1 + workers.length / 16))
  expect((await DiskCache.open(directory, budget)).bytes).toBeLessThanOrEqual(budget)
})

describe('bytes that are lent', () => {
  test('are verified, kept nowhere, and read into a buffer that is used again', async () => {
    const cache = await DiskCache.open(join(directory, 'cache'), 1e6)
    const backend = new DirectoryStore(join(directory, 'store'))
    const contents = new FleetContents({ backend, memoryBytes: 1e6, disk: cache })
    const other = new FleetContents({ backend, memoryBytes: 0 })
    const [first, second] = [new Uint8Array(randomBytes(1000)), new Uint8Array(randomBytes(1000))]
    const hashes = [await other.put('release-a', first), await other.put('release-a', second)]
    let buffer: ArrayBufferLike
    {
      using lent = await contents.borrow('release-a', hashes[0]!)
      expect(lent.bytes).toEqual(first)
      buffer = lent.bytes.buffer
      // while it is lent another has its own
      using beside = await contents.borrow('release-a', hashes[1]!)
      expect(beside.bytes).toEqual(second)
      expect(lent.bytes).toEqual(first)
    }
    expect(cache.bytes).toBe(0)
    const again = [await contents.borrow('release-a', hashes[1]!), await contents.borrow('release-a', hashes[0]!)]
    expect(again.map(({ bytes }) => bytes)).toEqual([second, first])
    expect(again.some(({ bytes }) => bytes.buffer === buffer)).toBe(true)
    for (const lent of again) lent[Symbol.dispose]()
    // given back twice is given back once
    for (const lent of again) lent[Symbol.dispose]()
    const three = [hashes[0]!, hashes[1]!, hashes[0]!]
    const lent = await Promise.all(three.map(async hash => await contents.borrow('release-a', hash)))
    expect(new Set(lent.map(({ bytes }) => bytes.buffer)).size).toBe(3)
    await writeFile(join(directory, 'store', 'release-a', hashes[0]!), new Uint8Array(1000))
    await expect(contents.borrow('release-a', hashes[0]!)).rejects.toThrow(CorruptStoreError)
    await expect(contents.borrow('release-a', '0'.repeat(64))).rejects.toThrow(ContentMissingError)
  })

  test('come from memory without a copy, and from a bucket as a whole', async () => {
    const { url, objects } = await bucketServer()
    const backend = await S3Store.open({ bucket: 'bucket', endpoint: url, pathStyle: true })
    const contents = new FleetContents({ backend, memoryBytes: 1e6 })
    closing.push(() => contents.close())
    const bytes = new Uint8Array(randomBytes(300_000))
    const hash = await contents.put('query-1', bytes)
    expect(objects.size).toBe(1)
    using known = await contents.borrow('query-1', hash)
    expect(known.bytes).toEqual(bytes)
    const far = new FleetContents({ backend, memoryBytes: 0 })
    using lent = await far.borrow('query-1', hash)
    expect(lent.bytes).toEqual(bytes)
  })
})
