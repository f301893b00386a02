/** What a request for a refresh says of its message. */
import { InvalidShareRequestError } from './errors.js'

/** @throws InvalidShareRequestError unless scale and bound are finite and in range */
export function checkMessage(scale: number, magnitude: number): void {
  if (!(scale > 0) || !Number.isFinite(scale)) throw new InvalidShareRequestError('refresh', 'scale', 'positive and finite', scale)
  if (!(magnitude >= 0) || !Number.isFinite(magnitude)) {
    throw new InvalidShareRequestError('refresh', 'magnitude', 'finite and not negative', magnitude)
  }
}
