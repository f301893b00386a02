/**
 * Commands to a querier, one JSON object per line:
 *
 *   {"command": "query", "samples": [[0.1, …], …]}   asks, answered by a `result` event
 *   {"command": "leave"}                              no more queries in this session
 */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import * as z from 'zod'

const commandSchema = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('query'), samples: z.array(z.array(z.number()).min(1)).min(1) }),
  z.strictObject({ command: z.literal('leave') })
])

/** One command, as parsed: `samples` is one array of features per sample. */
export type QuerierCommand = z.infer<typeof commandSchema>

/** A line that is no command. */
export class CommandError extends Error {
  override name = 'CommandError'

  constructor(
    readonly line: number,
    reason: string
  ) {
    super(`line ${line} is no command: ${reason}; send {"command": "query", "samples": [[…]]} or {"command": "leave"}`)
  }
}

/** The commands of a stream, a CommandError for each line that is none; ends with the stream. */
export async function* readCommands(input: Readable): AsyncGenerator<QuerierCommand | CommandError> {
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    if (line.trim() === '') continue
    yield parseCommand(line, number)
  }
}

function parseCommand(line: string, number: number): QuerierCommand | CommandError {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    return new CommandError(number, (error as Error).message)
  }
  const parsed = commandSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  return new CommandError(number, `${issue.path.join('.') || 'object'}: ${issue.message}`)
}
