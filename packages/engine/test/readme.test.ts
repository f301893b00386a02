import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Runs the README's example as it stands, with paths taken from the repository root. */
test('the example of the README runs', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!
  const body = example
    .replace(/^import \{ readFileSync \}.*$/m, '')
    .replace(/^import \{(.*)\} from '@slytherin\/engine'$/m, 'const {$1} = engine')
    .replace(/'models\//, "root + 'models/")
  const root = new URL('../../../', import.meta.url).pathname
  const engine = await import('@slytherin/engine')
  const run = new Function('readFileSync', 'engine', 'root', `${body}\nreturn text`)
  const text: string = run(readFileSync, engine, root)
  expect(text).toMatch(/plan for breast-cancer-wdbc-mlp-square: encrypted data, encrypted model, 3 key holder/)
})
