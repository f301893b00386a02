/** What a worker of a fleet fetches comes to it while it computes, and is what it asked for. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '@slytherin/fleet'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ContentsThread } from '../dist/service/contents-thread.js'

let directory: string
let contents: ContentsThread
let mismatches: string[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-contents-'))
  mismatches = []
  contents = open(join(directory, 'cache'))
})

afterEach(async () => {
  await contents.close()
  await rm(directory, { recursive: true, force: true })
})

function open(cache: string): ContentsThread {
  return ContentsThread.start(
    { fleet: { store: { directory: join(directory, 'store') } }, cache: { directory: cache, diskBytes: 1e9, memoryBytes: 0 } },
    { mismatch: (_store, space, hash) => void mismatches.push(`${space}/${hash}`) }
  )
}

const bytes = new Uint8Array(100_000).map((_, k) => (7 * k) % 251)

test('what was put is there, byte for byte, until its space is cleared', async () => {
  const hash = await contents.put('release-a', bytes)
  expect(hash).toBe(sha256(bytes))
  expect(bytes).toHaveLength(100_000)
  expect(await contents.has('release-a', hash)).toBe(true)
  expect(await contents.get('release-a', hash)).toEqual(bytes)
  expect(await readdir(join(directory, 'store'))).toEqual(['release-a'])
  await contents.clear('release-a')
  expect(await contents.has('release-a', hash)).toBe(false)
  await expect(contents.get('release-b', '0'.repeat(64))).rejects.toMatchObject({ name: 'ContentMissingError' })
})

test('what is borrowed is kept nowhere, and takes no memory once it is given back', async () => {
  const hash = await contents.put('release-a', bytes)
  const lent = await contents.borrow('release-a', hash)
  expect(lent.bytes).toEqual(bytes)
  lent[Symbol.dispose]()
  expect(lent.bytes).toHaveLength(0)
  lent[Symbol.dispose]()
  expect(existsSync(join(directory, 'cache', hash))).toBe(false)
  await writeFile(join(directory, 'store', 'release-a', hash), 'spoilt')
  await expect(contents.borrow('release-a', hash)).rejects.toMatchObject({ name: 'CorruptStoreError' })
})

test('it fetches, checks and writes to the disk while this thread computes', async () => {
  const hash = await contents.put('release-a', bytes)
  const asked = contents.get('release-a', hash)
  // Said to the thread, and nothing is heard from it.
  await Promise.resolve()
  await Promise.resolve()
  const late = performance.now() + 5_000
  while (!existsSync(join(directory, 'cache', hash)) && performance.now() < late);
  expect(existsSync(join(directory, 'cache', hash))).toBe(true)
  expect(await asked).toEqual(bytes)
})

test('what the store has spoilt is told, and not handed over', async () => {
  const hash = await contents.put('release-a', bytes)
  await writeFile(join(directory, 'store', 'release-a', hash), 'spoilt')
  await expect(contents.get('release-a', hash)).rejects.toMatchObject({ name: 'CorruptStoreError' })
  await expect.poll(() => mismatches).toEqual([`release-a/${hash}`])
})

test('a thread that cannot begin says why, to whoever asks and to whoever runs the worker', async () => {
  await writeFile(join(directory, 'file'), '')
  const broken = open(join(directory, 'file', 'cache'))
  await expect(broken.get('release-a', '0'.repeat(64))).rejects.toMatchObject({ code: 'ENOTDIR' })
  expect(await broken.whenLost()).toMatchObject({ code: 'ENOTDIR' })
  await broken.close()
})
