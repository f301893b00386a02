/** A query as its sender has signed it, against what was opened and what has come of it. */
import { fromHex, toHex } from '../../base/digest.js'
import { MalformedMessageError, OutOfOrderMessageError, ProofMissingError } from '../../errors/errors.js'
import type { Plan } from '../../terms/plan.js'
import { inputBatches } from '../../terms/proof-batches.js'
import { componentsHash } from '../../terms/statements.js'
import type { Query } from '../objects/query.js'
import type { QueryRecord } from './journal.js'

/** What clocks may differ by, milliseconds. */
export const TOLERANCE = 5 * 60_000
const kind = 'query/submit'

/**
 * That it is the one that was opened, and for a time that makes sense.
 * @param longest milliseconds that it may wait
 * @throws MalformedMessageError
 */
export function checkSubmitted(asked: Query, record: QueryRecord, now: number, longest: number): void {
  const { sender } = asked
  if (asked.created > now + TOLERANCE) throw malformed(sender, kind, 'created', `at most ${now}`, `${asked.created}`)
  if (asked.expires + TOLERANCE < now || asked.expires > now + longest) {
    throw malformed(sender, kind, 'expires', `from now until in ${longest / 86_400_000} days`, `${asked.expires}`)
  }
  for (const field of ['epoch', 'release', 'querier', 'samples'] as const) {
    if (asked[field] !== record[field]) throw malformed(sender, kind, field, `${record[field]}`, `${asked[field]}`)
  }
}

/** That the inputs that it names are there, and proved where they must be. @throws OutOfOrderMessageError, MalformedMessageError, ProofMissingError */
export function checkComplete(asked: Query, record: QueryRecord, plan: Plan, proved: boolean): void {
  const { sender } = asked
  const missing = record.inputs.indexOf(null)
  if (missing >= 0) throw new OutOfOrderMessageError({ peer: sender, kind, field: `inputs[${missing}]`, reason: 'not there' })
  const inputs = toHex(componentsHash(record.inputs.map(name => fromHex(name!))))
  if (inputs !== asked.inputs) throw malformed(sender, kind, 'inputs', inputs, asked.inputs)
  const unproved = proved ? inputBatches(plan).find(({ number }) => !record.proved.includes(number)) : undefined
  if (unproved !== undefined) {
    const remedy = 'Send the proof of this batch first.'
    throw new ProofMissingError({ peer: sender, kind, field: `batch ${unproved.number}`, remedy })
  }
}

export function malformed(peer: string, kind: string, field: string, expected: string, actual: string): MalformedMessageError {
  return new MalformedMessageError({ peer, kind, field, expected, actual })
}
