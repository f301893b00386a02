import { readFile } from 'node:fs/promises'
import * as library from '@slytherin/ring'
import { expect, it } from 'vitest'

it('the example of the README runs', async () => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = /```ts\n(.*?)```/s.exec(text)![1]!
  const body = code.replace(/^import \{(.*)\} from '@slytherin\/ring'$/m, 'const {$1} = library')
  expect(body).not.toBe(code)
  const AsyncFunction = (async () => {}).constructor as new (...parameters: string[]) => (module: typeof library) => Promise<Uint8Array>
  const bytes = await new AsyncFunction('library', `${body}\nreturn bytes`)(library)
  expect(bytes.length).toBe((3 * 49 * 2 ** 14) / 8)
})
