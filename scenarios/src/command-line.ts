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

/** Aborted when this process is asked to end. */
export function stopping(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Error('interrupted')))
  process.once('SIGTERM', () => controller.abort(new Error('terminated')))
  return controller.signal
}
