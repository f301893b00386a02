/** What the parties of a service have on their disks. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceProcesses } from './parties.js'

/** Bytes in the state directory of each party. */
export async function disksOf({ parties }: ServiceProcesses): Promise<Record<string, number>> {
  return Object.fromEntries(await Promise.all(parties.map(async ({ name, state }) => [name, await bytesIn(state)] as const)))
}

/** Of a party that runs: what is gone by the time that it is looked at takes no room. */
async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries.map(async entry => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return await bytesIn(path)
      return entry.isFile() ? ((await stat(path).catch(() => undefined))?.size ?? 0) : 0
    })
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
