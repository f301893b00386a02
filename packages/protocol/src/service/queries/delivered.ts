/** A result as it is delivered: with the query that it is of, and the evaluator's word for both. */
import { MalformedMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import { QUERY, type Query } from '../objects/query.js'
import { checkSigned, decodeSigned } from '../objects/signed.js'
import { checkStatement, computedOf, hashOf } from './statements.js'

export interface Delivered {
  /** The signed query. */
  readonly signed: Uint8Array
  readonly results: readonly Uint8Array[]
  /** The evaluator's, hexadecimal. */
  readonly signature: string
}

/** That the evaluator vouches for the result, as one of this query and release, for this party. @throws SignatureError, MalformedMessageError */
export async function checkDelivered(
  { signed: bytes, results, signature }: Delivered,
  { query, release }: Pick<Query, 'query' | 'release'>,
  evaluator: string,
  signer: Signer
): Promise<void> {
  const signed = decodeSigned(QUERY, bytes, evaluator)
  const { document } = signed
  await checkSigned(QUERY, signed, signer, evaluator)
  for (const [field, expected] of Object.entries({ query, release, querier: signer.self })) {
    const actual = document[field as 'query' | 'release' | 'querier']
    if (actual !== expected) throw new MalformedMessageError({ peer: evaluator, kind: 'query/result', field, expected, actual })
  }
  const statement = { kind: 'result', ...computedOf(document), result: await hashOf(results) } as const
  await checkStatement(document.epoch, evaluator, statement, signature, signer, 'query/result')
}
