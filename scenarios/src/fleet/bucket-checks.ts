/** What a fleet relies on in an S3-compatible service, tried with the store that workers and coordinators use: lists in pages, deletes in lots, large objects, what is not there. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { S3Store, StoreUnreachableError } from '@slytherin/fleet'

/** Where the service is; its bucket exists. */
export interface Bucket {
  readonly endpoint: string
  readonly bucket: string
}

/** More than a service lists, or deletes, at once. */
const MANY = 1_050
/** Requests at the same time. */
const WIDTH = 16
/** Of the largest object: keys and parts of models are as large. */
const LARGE = 24 << 20

/** @param prefix in the bucket, of this run alone: nothing is left of it @throws AssertionError, StoreUnreachableError */
export async function checkBucket({ endpoint, bucket }: Bucket, prefix: string, say: (text: string) => void): Promise<void> {
  const opened = async (under: string, name = bucket): Promise<S3Store> =>
    await S3Store.open({ bucket: name, prefix: under, endpoint, pathStyle: true })
  const missing = await opened(prefix, `${bucket}-that-is-not-there`)
  await assert.rejects(missing.write('release-a', hashOf(new Uint8Array(1)), new Uint8Array(1)), StoreUnreachableError)
  missing.close()
  const [store, neighbour] = [await opened(`${prefix}/a`), await opened(`${prefix}/ab`)]
  try {
    await checkObjects(store)
    say('objects of 0 bytes to 24 MB come back as they were')
    await checkMany(store, neighbour)
    say(`spaces of ${MANY} objects, and ${MANY} spaces, are listed and erased as a whole; neighbours stay`)
  } finally {
    for (const one of [store, neighbour]) {
      const left = await one.spaces().catch(() => [])
      await several(left.length, async k => await one.clear(left[k]!)).catch(() => undefined)
      one.close()
    }
  }
}

async function checkObjects(store: S3Store): Promise<void> {
  for (const length of [0, 1, 65_537, LARGE]) {
    const bytes = new Uint8Array(randomBytes(length))
    const hash = hashOf(bytes)
    assert.equal(await store.read('release-a', hash), undefined)
    assert.equal(await store.has('release-a', hash), false)
    await store.write('release-a', hash, bytes)
    // A worker that is a second time at a part writes what is there.
    await store.write('release-a', hash, bytes)
    assert.equal(await store.has('release-a', hash), true)
    const read = await store.read('release-a', hash)
    assert.equal(read?.length, length)
    assert.equal(hashOf(read), hash)
  }
  // Many ask for the same at once.
  const bytes = new Uint8Array(randomBytes(100_000))
  await store.write('release-a', hashOf(bytes), bytes)
  await several(WIDTH, async () => assert.equal(hashOf((await store.read('release-a', hashOf(bytes)))!), hashOf(bytes)))
  await store.clear('release-a')
  assert.deepEqual(await store.spaces(), [])
}

async function checkMany(store: S3Store, neighbour: S3Store): Promise<void> {
  const small = (k: number): Uint8Array => new TextEncoder().encode(`${k}`)
  const put = async (to: S3Store, space: string, k: number): Promise<void> => await to.write(space, hashOf(small(k)), small(k))
  await put(neighbour, 'query-a', 0)
  await put(store, 'query-ab', 0)
  await several(MANY, async k => await put(store, 'query-a', k))
  assert.deepEqual(await store.spaces(), ['query-a', 'query-ab'])
  await store.clear('query-a')
  assert.deepEqual(await store.spaces(), ['query-ab'])
  assert.deepEqual(await neighbour.spaces(), ['query-a'])
  for (const k of [0, MANY - 1]) assert.equal(await store.has('query-a', hashOf(small(k))), false)
  await store.clear('query-a')
  await store.clear('query-ab')
  await several(MANY, async k => await put(store, `query-${k}`, k))
  assert.equal((await store.spaces()).length, MANY)
  await several(MANY, async k => await store.clear(`query-${k}`))
  assert.deepEqual(await store.spaces(), [])
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** 0 … count-1, some at the same time. */
async function several(count: number, task: (k: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: Math.min(WIDTH, count) }, async () => {
      while (next < count) await task(next++)
    })
  )
}
