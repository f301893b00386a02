/** What the parties of a service have on their disks. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceProcesses } from './parties.js'

/** Bytes in the state directory of each party. */
export async function disksOf({ parties }: ServiceProcesses): Promise<Record<string, number>> {
  return Object.fromEntries(await Promise.all(parties.map(async ({ name, state }) => [name, await bytesIn(state)] as const)))
}

async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  // What is gone by now takes no room.
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => undefined))?.size ?? 0)
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
