/** JSON lines over a socket, bounded: one value a line. */
import type { Socket } from 'node:net'
import { ControlProtocolError } from './errors.js'

/** A list of files or of queries is short; answers are numbers of one query. */
export const MAXIMUM_LINE_BYTES = 64 * 2 ** 20

/**
 * The values that arrive, until the other side has ended.
 * @throws ControlProtocolError for a line that is too long or no JSON
 */
export async function* readLines(socket: Socket, maximumBytes = MAXIMUM_LINE_BYTES): AsyncGenerator<unknown> {
  let pending: Buffer[] = []
  let length = 0
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let rest = chunk
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      pending.push(rest.subarray(0, end))
      if (length + end > maximumBytes) throw tooLong(maximumBytes)
      yield parse(Buffer.concat(pending))
      ;[pending, length, rest] = [[], 0, rest.subarray(end + 1)]
    }
    pending.push(rest)
    length += rest.length
    if (length > maximumBytes) throw tooLong(maximumBytes)
  }
  if (length > 0) throw new ControlProtocolError('the connection ended within a line')
}

/** Resolves when the socket has taken the line, or is gone. */
export async function writeLine(socket: Socket, value: unknown): Promise<void> {
  await new Promise<void>(resolve => {
    if (socket.writable) socket.write(`${JSON.stringify(value)}\n`, () => resolve())
    else resolve()
  })
}

const tooLong = (maximumBytes: number): ControlProtocolError => new ControlProtocolError(`a line of more than ${maximumBytes} bytes`)

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (error) {
    throw new ControlProtocolError('a line that is no JSON', { cause: error })
  }
}
