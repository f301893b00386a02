import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fleet from '@slytherin/fleet'
import { expect, test } from 'vitest'

test('the example of the README runs', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(example).toBeDefined()
  const directory = await mkdtemp(join(tmpdir(), 'fleet-readme-'))
  try {
    const body = example!
      .replace(/^import (\{.*\}) from '@slytherin\/fleet'$/m, 'const $1 = fleet')
      .replace("'/mnt/fleet'", 'directory + "/store"')
      .replace("'/var/cache/slytherin'", 'directory + "/cache"')
    const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => (...args: unknown[]) => Promise<Uint8Array>
    expect(await new AsyncFunction('fleet', 'directory', `${body}\nreturn bytes`)(fleet, directory)).toEqual(new Uint8Array(1000))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
