import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Model } from 'slytherin'
import { expect, it, vi } from 'vitest'

it('the example of the README runs, and prints a prediction a row', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const file = fileURLToPath(new URL('../../../models/onnx/breast-cancer-wdbc-logreg.onnx', import.meta.url))
  const code = /```ts\nimport [^\n]*\n([\s\S]*?)```/.exec(readme)![1]!.replace('model.onnx', file)
  const rows = Array.from({ length: 3 }, (_, seed) => Float64Array.from({ length: 30 }, (_, k) => Math.sin(seed + k)))
  const log = vi.fn()
  const names = { Model, calibrationRows: rows, rows, console: { log } }
  await new Function(...Object.keys(names), `return (async () => { ${code} })()`)(...Object.values(names))
  expect(log.mock.calls).toEqual([[[expect.any(Number), expect.any(Number), expect.any(Number)]]])
})
