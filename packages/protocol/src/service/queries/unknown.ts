/** What a command or a caller names, and this party does not know. */
import { OutOfOrderMessageError } from '../../errors/errors.js'

export function unknown(field: string, actual: string): OutOfOrderMessageError {
  const remedy = 'See what there is: slytherin status.'
  return new OutOfOrderMessageError({
    kind: 'query',
    field,
    actual: actual.slice(0, 64),
    reason: `this ${field} is not known here`,
    remedy
  })
}
