/** Where a running party listens for commands of its own machine: a Unix domain socket in its state directory, on Windows a named pipe. */
import { createHash } from 'node:crypto'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** The operating system's bound on a socket's path is 104 bytes at the least, the zero at its end included. */
const LONGEST_PATH = 103

/** Where the socket of a state directory is; a directory too deep for one has it in a directory of the user's own among temporary files. */
export function controlAddress(state: string, platform: NodeJS.Platform = process.platform): string {
  const name = createHash('sha256').update(state).digest('hex').slice(0, 32)
  if (platform === 'win32') return `\\\\.\\pipe\\slytherin-${name}`
  const path = join(state, 'control.sock')
  return Buffer.byteLength(path) <= LONGEST_PATH ? path : join(tmpdir(), `slytherin-${userInfo().uid}`, `${name}.sock`)
}
