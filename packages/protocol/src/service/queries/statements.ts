/** What evaluator and key holders sign of a query: the statements of a session (terms/statements.ts), with the epoch for a session. */
import { fromHex, hash, toHex } from '../../base/digest.js'
import { SignatureError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import {
  type Assisted,
  type Computed,
  componentsHash,
  type EndorsementStatement,
  type RequestStatement,
  type ResultStatement,
  type SharesStatement,
  statementDigest
} from '../../terms/statements.js'
import type { Query } from '../objects/query.js'

export type { Assisted }

type ServiceStatement = RequestStatement | EndorsementStatement | SharesStatement | ResultStatement

/** The release stands for the model. */
export function computedOf({ query, querier, inputs, release }: Query): Computed {
  return { query, querier, inputs, model: release }
}

export async function hashOf(components: readonly Uint8Array[]): Promise<string> {
  return toHex(componentsHash(await Promise.all(components.map(hash))))
}

/** This party's signature, hexadecimal. */
export async function signStatement(epoch: string, statement: ServiceStatement, signer: Signer): Promise<string> {
  return toHex(await signer.sign(statementDigest(fromHex(epoch), signer.self, statement)))
}

/** @throws SignatureError */
export async function checkStatement(
  epoch: string,
  by: string,
  statement: ServiceStatement,
  signature: string,
  signer: Pick<Signer, 'verify'>,
  kind: string
): Promise<void> {
  if (await signer.verify(by, statementDigest(fromHex(epoch), by, statement), fromHex(signature))) return
  throw new SignatureError({ peer: by, kind, field: 'signature', expected: `a signature of ${by} under this ${statement.kind}` })
}
