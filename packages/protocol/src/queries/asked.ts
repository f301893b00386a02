/** What holders of a shared key and of a whole one have in common when they help with a query: signatures, quota, the key that a result goes to. */
import { digest, hash } from '../base/digest.js'
import { UnknownMemberError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import type { SwitchQuota } from '../session/quota.js'
import { checkStatement, hashOfAll, signStatement } from '../session/statements.js'
import type { Assisted, Computed, QueryStatement, SignedStatement } from '../terms/statements.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, Kind } from '../wire/kinds.js'

type SignedQuery = SignedStatement<QueryStatement>

/** Whether help with a query may be asked for. @returns what its owner has signed of it */
export type Permit = (body: { readonly query: string; readonly querier: string }, kind: Kind, context: HandlerContext) => SignedQuery

/** What is said of a signed query, in a session of this model. @throws OutOfOrderMessageError before the model was announced */
export function computedOf(
  session: PartySession,
  { query, querier, inputs }: QueryStatement,
  kind: string,
  context: Pick<HandlerContext, 'peer'>
): Computed {
  return { query, querier, inputs, model: session.modelHash(kind, context) }
}

interface Asked {
  readonly kind: 'refresh' | 'switch' | 'refreshWhole' | 'switchWhole'
  readonly body: Pick<Bodies['switch'], 'instance' | 'signature'>
  /** As its owner has signed it. */
  readonly of: SignedQuery
  /** Whatever of the ciphertexts was sent: second components and, where one party holds the whole key, masked first ones behind them. */
  readonly components: readonly Uint8Array[]
  readonly step: number
}

/** What is asked, with the evaluator's signature. @throws SignatureError */
export async function checkAsked(
  party: Pick<PartyComponents, 'shareChecks' | 'evidence'>,
  session: PartySession,
  { kind, body, of, components, step }: Asked,
  context: HandlerContext
): Promise<Assisted> {
  const { instance, signature } = body
  const { peer } = context
  const assist = kind === 'refresh' || kind === 'refreshWhole' ? 'refresh' : 'switch'
  const computed = computedOf(session, of.statement, kind, context)
  const assisted: Assisted = { assist, ...computed, step, instance, c1: await hashOfAll(components) }
  const signed = { signer: session.descriptor.coordinator, statement: { kind: 'request', ...assisted } as const, signature }
  await checkStatement(party, session, signed, { peer, kind, field: 'signature' })
  return assisted
}

/** This party's signature over what it gives. */
export async function signGiven(
  party: Pick<PartyComponents, 'self' | 'signer' | 'evidence'>,
  session: PartySession,
  assisted: Assisted,
  given: readonly Uint8Array[]
): Promise<Uint8Array> {
  return await signStatement(party, session, { kind: 'shares', ...assisted, shares: await hashOfAll(given) })
}

/** The key that a querier has bound. @throws UnknownMemberError */
export function resultKeyOf(
  resultKeys: ReadonlyMap<string, Uint8Array>,
  querier: string,
  kind: string,
  { peer }: HandlerContext
): Uint8Array {
  const key = resultKeys.get(querier)
  if (key !== undefined) return key
  const expected = 'a querier with a registered result key'
  throw new UnknownMemberError({ peer, kind, field: 'querier', expected, actual: querier.slice(0, 120) })
}

/**
 * Gives what a querier can decrypt, and counts it against that querier's quota; what fails is not counted.
 * @param counted undefined for what was given before and is not counted again (see session/once.ts)
 */
export async function switchTo<T>(
  counted: SwitchQuota | undefined,
  { querier, count, allowed }: { readonly querier: string; readonly count: number; readonly allowed: number },
  kind: string,
  context: HandlerContext,
  give: () => Promise<T>
): Promise<T> {
  counted?.take(querier, count, allowed, kind, context)
  try {
    return await give()
  } catch (error) {
    counted?.giveBack(querier, count)
    throw isKeyFault(error) ? translateError(error, { peer: context.peer, kind, culprit: querier }) : error
  }
}

export async function inputHash(head: readonly (string | number)[], ciphertexts: readonly Uint8Array[]): Promise<Uint8Array> {
  const hashes = await Promise.all(ciphertexts.map(hash))
  return digest('slytherin input', JSON.stringify(head), ...hashes)
}

/** The result key is what its querier bound, whoever handed it on. By its name: an error that comes out of a worker may have lost its class. */
function isKeyFault(error: unknown): boolean {
  return error instanceof Error && error.name === 'MalformedPublicKeyError'
}
