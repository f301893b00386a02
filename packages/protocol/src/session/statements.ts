/** Making and checking statements (terms/statements.ts) in a session, and handing them to whoever keeps evidence. */
import { hash, toHex } from '../base/digest.js'
import { SignatureError } from '../errors/errors.js'
import { componentsHash, type SignedStatement, type Statement, statementDigest } from '../terms/statements.js'
import type { PartyComponents } from './party-components.js'
import type { PartySession } from './party-session.js'

/** @returns this party's signature over the statement */
export async function signStatement(
  { self, signer, evidence }: Pick<PartyComponents, 'self' | 'signer' | 'evidence'>,
  session: PartySession,
  statement: Statement
): Promise<Uint8Array> {
  const signature = await signer.sign(statementDigest(session.record.sessionId!, self, statement))
  evidence?.keep({ signer: self, statement, signature })
  return signature
}

/**
 * @param found who handed it over, in which message and field
 * @throws SignatureError unless the signer has signed the statement
 */
export async function checkStatement(
  { shareChecks, evidence }: Pick<PartyComponents, 'shareChecks' | 'evidence'>,
  session: PartySession,
  signed: SignedStatement,
  { peer, kind, field }: { peer: string; kind: string; field: string }
): Promise<void> {
  const { signer, statement, signature } = signed
  if (!(await shareChecks.signed(signer, statementDigest(session.record.sessionId!, signer, statement), signature))) {
    throw new SignatureError({ peer, kind, field, expected: `a signature of ${signer} over ${OBJECTS[statement.kind]}`, culprit: peer })
  }
  evidence?.keep(signed)
}

const OBJECTS: Readonly<Record<Statement['kind'], string>> = {
  'key-share': 'its share of the key',
  model: 'the parts of the model',
  query: 'its query and the inputs',
  request: 'what it asks',
  endorsement: 'what it came to itself',
  shares: 'its shares',
  result: 'the result that it gives'
}

/** One hash for byte strings in order, as statements name it. */
export async function hashOfAll(strings: readonly Uint8Array[]): Promise<string> {
  return toHex(componentsHash(await Promise.all(strings.map(hash))))
}
