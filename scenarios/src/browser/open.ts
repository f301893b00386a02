/** Opens an address as this machine opens addresses. */
import { execa } from 'execa'

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  linux: ['xdg-open'],
  win32: ['cmd', '/c', 'start', '']
}

/** @returns whether there was something to open it with */
export async function openInBrowser(url: string): Promise<boolean> {
  const [command, ...before] = OPENERS[process.platform] ?? []
  if (command === undefined) return false
  const { failed } = await execa(command, [...before, url], { reject: false, stdio: 'ignore', timeout: 10_000 })
  return !failed
}
