/**
 * What tests start as processes, as a few files: a party finds and loads two thousand modules, which takes most of what it takes to start. That they are found as they
 * are installed, `npm run test:packages` and others see. Once per run, kept for the next run of the same code.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { bundleCommand } from '../scenarios/dist/service/bundle.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the `slytherin` command. */
    command: string
    /** Folder of the processes in `PROCESSES`, each with its name. */
    processes: string
  }
}

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))
const CACHE = file('node_modules/.cache/processes')
const NODE = 'packages/node/test/support'
/** Beside the command; of threads, too. */
const PROCESSES = ['party-process', 'fake-cryptography', 'echo-process']

const DAY_MS = 86_400_000

/** What no run of the last day has made. */
async function removeOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const { mtimeMs } = await stat(join(CACHE, name)).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > DAY_MS) await rm(join(CACHE, name), { recursive: true, force: true })
  }
}

/** What is written, and under which names. */
async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).sort())
    hash
      .update(`${name}\0`)
      .update(await readFile(join(folder, name)))
      .update('\0')
  return hash.digest('hex').slice(0, 16)
}

export default async function setup(project: TestProject): Promise<void> {
  await mkdir(CACHE, { recursive: true })
  await removeOld()
  const made = await mkdtemp(join(CACHE, 'new-'))
  try {
    const command = await bundleCommand(made, Object.fromEntries(PROCESSES.map(name => [name, file(`${NODE}/${name}.ts`)])))
    const folder = join(command, '..')
    const kept = join(CACHE, await hashOf(folder))
    // Where it is there, it is the same.
    await rename(join(folder, '..'), kept).catch(async () => await utimes(kept, new Date(), new Date()))
    project.provide('processes', join(kept, basename(folder)))
    project.provide('command', join(kept, basename(folder), basename(command)))
  } finally {
    await rm(made, { recursive: true, force: true })
  }
}
