/** Logs with pino: JSON lines on standard error, readable lines on a terminal; whatever could be a secret is redacted. */
import { type DestinationStream, type Logger, pino } from 'pino'

/** Least severe of what is written; `silent` for nothing. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Field names that are never written, at the first two depths of what is logged. */
const SECRET_FIELDS = [
  'passphrase',
  'privateKey',
  'secret',
  'secretSeed',
  'sessionKey',
  'shareKey',
  'resultKeySeed',
  'seed',
  'key',
  'raw',
  'logits',
  'samples'
]

/** Where a log goes, how much of it, and in which form. */
export interface LoggerOptions {
  /** Lines below it are not written. */
  readonly level: LogLevel
  /** Readable lines instead of JSON. */
  readonly readable: boolean
  /** Where lines go; standard error when absent. */
  readonly destination?: DestinationStream
}

/**
 * A pino logger whose lines carry the party's name. Fields that may hold secrets or samples are written as `[redacted]`.
 * @param name party, in every line; components add theirs with `child({ component })`
 */
export function createLogger(name: string, { level, readable, destination }: LoggerOptions): Logger {
  const out = destination ?? { write: (line: string) => process.stderr.write(line) }
  return pino(
    {
      name,
      level,
      base: { name },
      redact: { paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`]), censor: '[redacted]' },
      serializers: { error: pino.stdSerializers.err }
    },
    readable ? { write: (line: string) => void out.write(readableLine(line)) } : out
  )
}

const LEVELS: Record<number, string> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' }

/** One JSON log line as people read it: time, level, component, message, fields. */
function readableLine(line: string): string {
  const { time, level, name, component, msg, error, ...fields } = JSON.parse(line) as Record<string, unknown>
  const head = [new Date(Number(time)).toISOString().slice(11, 23), (LEVELS[Number(level)] ?? '').padEnd(5), String(name)]
  if (component !== undefined) head.push(String(component))
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const why = (error as { message?: string } | undefined)?.message
  return `${[...head, String(msg ?? ''), ...rest, ...(why === undefined ? [] : [`— ${why}`])].join(' ')}\n`
}
