/**
 * The party's side of its socket: one request a connection, answered by lines of progress and one result or failure.
 *
 *   → {"version": 1, "command": "query.ask", "parameters": {…}}
 *   ← {"progress": {"text": "…"}} …
 *   ← {"result": …} | {"failure": {"code": "…", "message": "…", "remedy": "…"}}
 *
 * Who can open the socket is the user that the party runs as: its mode is 0600, in a directory of mode 0700. A caller that hangs up ends its command.
 */
import { chmod, lstat, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import * as z from 'zod'
import { type CommandHandlers, type CommandName, PARAMETERS, type Progress } from './commands.js'
import { CommandRefusedError, ControlProtocolError, type Failure } from './errors.js'
import { readLines, writeLine } from './lines.js'

export const CONTROL_VERSION = 1
/** Connections at once: more are closed. */
const MAXIMUM_CONNECTIONS = 128

const requestSchema = z.strictObject({ version: z.literal(CONTROL_VERSION), command: z.string().max(64), parameters: z.unknown() })

export interface ControlServerOptions {
  readonly address: string
  readonly handlers: CommandHandlers
  /** An error as it is told. */
  readonly failure: (error: unknown) => Failure
  /** A command that failed, for the log. */
  readonly onFailure?: (command: string, error: unknown) => void
}

export class ControlServer {
  readonly #server: Server
  readonly #options: ControlServerOptions
  readonly #open = new Set<Socket>()

  private constructor(server: Server, options: ControlServerOptions) {
    this.#server = server
    this.#options = options
    server.maxConnections = MAXIMUM_CONNECTIONS
    server.on('connection', socket => void this.#serve(socket))
  }

  /** Takes the place of a socket that a killed process left behind: only one process has the state directory's lock. */
  static async listen(options: ControlServerOptions): Promise<ControlServer> {
    const { address } = options
    const named = process.platform === 'win32'
    if (!named) {
      await ownDirectory(dirname(address))
      await rm(address, { force: true })
    }
    const server = createServer()
    const control = new ControlServer(server, options)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve))
    if (!named) await chmod(address, 0o600)
    return control
  }

  /** Ends every command and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const socket of this.#open) socket.destroy()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    this.#open.add(socket)
    const gone = new AbortController()
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#open.delete(socket)
      gone.abort(new ControlProtocolError('whoever gave the command has left'))
    })
    let command = 'request'
    try {
      const lines = readLines(socket)
      const { value } = await lines.next()
      await lines.return(undefined)
      // Read on, to be told when the caller hangs up.
      socket.resume()
      const request = requestSchema.safeParse(value)
      if (!request.success) throw new ControlProtocolError(`no request of version ${CONTROL_VERSION}`)
      command = request.data.command
      const progress = (told: Progress): void => void writeLine(socket, { progress: told })
      const result = await this.#obey(command, request.data.parameters, { signal: gone.signal, progress })
      await writeLine(socket, { result })
    } catch (error) {
      if (!gone.signal.aborted) this.#options.onFailure?.(command, error)
      await writeLine(socket, { failure: this.#options.failure(error) })
    } finally {
      socket.end()
    }
  }

  async #obey(command: string, given: unknown, context: Parameters<CommandHandlers['status']>[1]): Promise<unknown> {
    const known = Object.keys(PARAMETERS)
    if (!Object.hasOwn(PARAMETERS, command)) {
      throw new CommandRefusedError('no-such-command', `"${command}" is no command of this party`, `It knows ${known.join(', ')}.`)
    }
    const name = command as CommandName
    const parsed = PARAMETERS[name].safeParse(given)
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!
      const where = issue.path.length === 0 ? command : `${command}: ${issue.path.join('.')}`
      throw new CommandRefusedError(
        'wrong-parameters',
        `${where}: ${issue.message}`,
        `Run "slytherin ${command.replace('.', ' ')} --help".`
      )
    }
    const handler = this.#options.handlers[name] as (parameters: unknown, given: typeof context) => Promise<unknown>
    return await handler(parsed.data, context)
  }
}

/** A directory that only this user enters. @throws ControlProtocolError where it is somebody else's */
async function ownDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { uid, mode } = await lstat(directory)
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) {
    throw new ControlProtocolError(`${directory} can be entered by others. Remove it, or run: chmod 700 ${directory}`)
  }
}
