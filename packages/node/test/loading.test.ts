/** A command loads what it needs, and no other command: a worker is started while somebody waits for it. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
/** Says at the end which modules were loaded. */
const WATCHING = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
  process.on('exit', () => process.stderr.write(loaded.join('\\n')))
`)}`

async function loadedBy(...parameters: string[]): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', WATCHING, MAIN, ...parameters], {
    maxBuffer: 2 ** 24
  })
  expect(stdout).toContain('Usage: slytherin')
  return stderr.split('\n')
}

test('a worker loads no network between parties and no gateway; help loads every command', async () => {
  const [worker, help] = (await Promise.all([loadedBy('worker', '--help'), loadedBy('--help')])) as [string[], string[]]
  const others = [/\/node_modules\/libp2p\//, /\/gateway\/dist\//, /\/cli\/party\.js$/]
  for (const other of others) {
    expect(worker.some(url => other.test(url))).toBe(false)
    expect(help.some(url => other.test(url))).toBe(true)
  }
  expect(worker.some(url => url.endsWith('/cli/worker.js'))).toBe(true)
}, 180_000)
