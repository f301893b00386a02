/** What the commands of this package have in common. */
import { InvalidArgumentError } from 'commander'

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

/** @throws InvalidArgumentError */
export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a positive whole number')
  return value
}

/** @throws InvalidArgumentError */
export function natural(text: string): number {
  const value = Number(text)
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('expected a whole number, 0 or more')
  return value
}

/** @throws InvalidArgumentError */
export function finite(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number')
  return value
}

/** Names with commas between them. @throws InvalidArgumentError */
export function list(text: string): readonly string[] {
  const names = text.split(',').map(name => name.trim())
  if (names.some(name => name === '')) throw new InvalidArgumentError('expected names with commas between them')
  return names
}

/** Dimensions, as 3x32x32 or 3,32,32. @throws InvalidArgumentError */
export const shape = (text: string): readonly number[] => text.split(/[x×,]/).map(positive)

/**
 * Aborted when this process is asked to end; asked again, it ends at once. The handlers stay: with none left, the library that starts the parties would end this process
 * before it has removed their states.
 */
export function stopping(): AbortSignal {
  const controller = new AbortController()
  const stop = (reason: string): void => {
    if (controller.signal.aborted) process.exit(EXIT_FAILED)
    controller.abort(new Error(reason))
  }
  process.on('SIGINT', () => stop('interrupted'))
  process.on('SIGTERM', () => stop('terminated'))
  return controller.signal
}
