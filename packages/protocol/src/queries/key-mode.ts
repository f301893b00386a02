/** A key is shared, and its holders give shares, or it is one party's, and that party re-encrypts: what is asked in the manner of the other is refused. */
import { NotPermittedError } from '../errors/errors.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { isWholeKey } from '../terms/share-requests.js'
import type { HandlerContext } from '../wire/connection.js'

/** @throws NotPermittedError where one party holds the whole key */
export function demandSharedKey(
  { policy }: Pick<PartyComponents, 'policy'>,
  session: PartySession,
  kind: 'refresh' | 'switch',
  { peer }: HandlerContext
): void {
  if (!isWholeKey(session.plan) || policy.allowSoleShares === true) return
  throw new NotPermittedError({
    peer,
    kind,
    field: 'parties',
    expected: `${kind}Whole: a holder of the whole key gives no shares`,
    actual: kind
  })
}

/** @throws NotPermittedError where several parties hold the key */
export function demandWholeKey(session: PartySession, kind: 'refreshWhole' | 'switchWhole', { peer }: HandlerContext): void {
  if (isWholeKey(session.plan)) return
  const { parties } = session.plan
  throw new NotPermittedError({ peer, kind, field: 'parties', expected: `shares of ${parties} key holders`, actual: kind })
}
