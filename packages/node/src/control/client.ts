/** The command's side of a party's socket. */
import { createConnection, type Socket } from 'node:net'
import * as z from 'zod'
import { controlAddress } from './address.js'
import type { CommandName, ParametersOf, Progress, Results } from './commands.js'
import { CommandFailedError, ControlProtocolError, NoPartyError } from './errors.js'
import { readLines, writeLine } from './lines.js'
import { CONTROL_VERSION } from './server.js'

const replySchema = z.union([
  z.object({ progress: z.object({ text: z.string() }).loose() }),
  z.object({ failure: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional(), field: z.string().optional() }) }),
  z.object({ result: z.unknown() })
])

export interface Asking {
  /** State directory of the party. */
  readonly state: string
  /** Its configuration, for what to do where it does not run. */
  readonly file: string
  readonly onProgress?: (progress: Progress) => void
  readonly signal?: AbortSignal
}

/**
 * Gives a running party a command and waits for its result.
 * @throws NoPartyError when none is running; CommandFailedError with the party's own words; ControlProtocolError when it ends in between; the signal's reason
 */
export async function askParty<C extends CommandName>(command: C, parameters: ParametersOf<C>, asking: Asking): Promise<Results[C]> {
  const { state, file, onProgress, signal } = asking
  signal?.throwIfAborted()
  const socket = await connect(state, file)
  const abort = (): void => void socket.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await writeLine(socket, { version: CONTROL_VERSION, command, parameters })
    for await (const line of readLines(socket)) {
      const { data: reply } = replySchema.safeParse(line)
      if (reply === undefined) throw new ControlProtocolError('the party has sent a line that is no reply')
      if ('failure' in reply) {
        const { code, message, remedy, field } = reply.failure
        throw new CommandFailedError({
          code,
          message,
          ...(remedy === undefined ? {} : { remedy }),
          ...(field === undefined ? {} : { field })
        })
      }
      if ('progress' in reply) onProgress?.(reply.progress as unknown as Progress)
      else return reply.result as Results[C]
    }
    throw new ControlProtocolError('the party has ended before it answered: see its log')
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof CommandFailedError || error instanceof ControlProtocolError) throw error
    throw new ControlProtocolError('the connection to the party was lost before it answered: see its log', { cause: error })
  } finally {
    signal?.removeEventListener('abort', abort)
    socket.destroy()
  }
}

async function connect(state: string, file: string): Promise<Socket> {
  const socket = createConnection(controlAddress(state))
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  } catch (error) {
    socket.destroy()
    throw new NoPartyError(state, file, { cause: error })
  }
  return socket
}
