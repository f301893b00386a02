import { readFile } from 'node:fs/promises'
import * as ckks from '@slytherin/ckks'
import * as ring from '@slytherin/ring'
import { expect, it } from 'vitest'

it('the example of the README runs and gives what it says', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  expect(example).toBeDefined()
  const body = example!.replaceAll(/import (\{[^}]*\}) from '([^']*)'/g, "const $1 = modules['$2']")
  const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => (modules: object) => Promise<Float64Array>
  const real = await new AsyncFunction('modules', `${body}\nreturn real`)({ '@slytherin/ckks': ckks, '@slytherin/ring': ring })
  expect(real[0]).toBeCloseTo(2.25, 6)
  expect(real[1]).toBeCloseTo(4, 6)
  expect(real[2]).toBeCloseTo(0, 6)
})
