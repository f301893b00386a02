/** A measurement of a fleet that is stopped, or whose queue dies, ends within seconds and leaves nothing: no process, no directory, no namespace. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { RedisServer } from '../src/fleet/redis.js'

const MAIN = fileURLToPath(new URL('../dist/fleet/main.js', import.meta.url))
/** Far more than it could answer meanwhile. */
const WORKLOAD = ['--workers', '1', '--images', '0', '--queries', '100', '--model', 'breast-cancer-wdbc-mlp-square', '--batch', '8']
/** Milliseconds. */
const SOON = 10_000

const there = await RedisServer.isThere()
const root = process.platform === 'linux' && process.getuid?.() === 0

async function childrenOf(pid: number): Promise<{ pid: number; command: string }[]> {
  const pids = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number)
  return await Promise.all(
    pids.map(async child => ({ pid: child, command: await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '') }))
  )
}

/** Whether it runs: whoever takes the place of its parent may leave it a zombie for a while. */
const isThere = async (pid: number): Promise<boolean> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return text !== undefined && !/^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2))
}

const namespaces = async (): Promise<string[]> => (await readdir('/var/run/netns').catch(() => [])).filter(name => name.startsWith('slyb'))

/** Ends it while queries are under way. @param end is given its process and that of its queue */
async function ended(
  flags: readonly string[],
  end: (own: number, queue: number) => void
): Promise<{ code: number | undefined; said: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-ending-'))
  const child = execa(process.execPath, [MAIN, ...WORKLOAD, ...flags], { env: { TMPDIR: directory }, reject: false, cleanup: true })
  try {
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (text: Buffer) => {
        if (text.toString().includes('queries of 8 samples encrypted')) resolve()
      })
      void child.then(({ stderr }) => reject(new Error(stderr)))
    })
    // Its worker has been started, and has its first parts.
    await new Promise(resolve => setTimeout(resolve, 5_000))
    const children = await childrenOf(child.pid!)
    const queue = children.find(({ command }) => /redis|valkey/.test(command))!
    const begun = performance.now()
    end(child.pid!, queue.pid)
    const { exitCode, stderr } = await child
    expect(performance.now() - begun).toBeLessThan(SOON)
    await expect.poll(async () => await Promise.all(children.map(async ({ pid }) => await isThere(pid)))).not.toContain(true)
    expect(await readdir(directory)).toEqual([])
    return { code: exitCode, said: stderr }
  } finally {
    child.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
}

test.skipIf(!there)('stopped while queries are under way', { timeout: 300_000 }, async () => {
  const { code, said } = await ended([], own => process.kill(own, 'SIGTERM'))
  expect(code).toBe(1)
  expect(said).toContain('terminated')
})

test.skipIf(!there)('its queue dies', { timeout: 300_000 }, async () => {
  const { code, said } = await ended([], (_, queue) => process.kill(queue, 'SIGKILL'))
  expect(code).toBe(1)
  expect(said).toMatch(/(redis|valkey)-server at .* is gone/)
})

test.skipIf(!there || !root)('stopped with its workers in network namespaces', { timeout: 300_000 }, async () => {
  const before = await namespaces()
  expect((await ended(['--namespaces'], own => process.kill(own, 'SIGTERM'))).code).toBe(1)
  expect(await namespaces()).toEqual(before)
})
