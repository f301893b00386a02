/** The commitments and nonces of all parties, checked alike by the coordinator and by everybody whom it hands them on to. */
import { DIGEST_BYTES, equalBytes } from '../base/digest.js'
import { MalformedMessageError, SignatureError } from '../errors/errors.js'
import type { PartyComponents } from '../session/party-components.js'
import type { SessionDescriptor } from '../terms/descriptor.js'
import { hasRole } from '../terms/roster.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { acceptanceDigest, commitmentTo, NONCE_BYTES, type PartyNonce } from './digests.js'

/** Every party of the roster, in its order, with a signature over its commitment. Used by both sides. @throws MalformedMessageError, SignatureError */
export async function checkCommitments(
  party: Pick<PartyComponents, 'signer'>,
  descriptor: SessionDescriptor,
  proposalId: Uint8Array,
  entries: readonly Bodies['commitments']['entries'][number][],
  context: Pick<HandlerContext, 'peer'>
): Promise<void> {
  const expected = descriptor.roster.map(entry => entry.peer)
  if (entries.length !== expected.length || entries.some((entry, index) => entry.peer !== expected[index])) {
    throw new MalformedMessageError({
      peer: context.peer,
      kind: 'commitments',
      field: 'entries',
      expected: expected.join(', '),
      actual: entries.map(entry => entry.peer.slice(0, 80)).join(', ')
    })
  }
  for (const { peer, commitment, resultKeyHash, signature } of entries) {
    const field = `entries[${peer}]`
    const wanted = hasRole(descriptor.roster, peer, 'querier') ? DIGEST_BYTES : 0
    if (commitment.length !== DIGEST_BYTES || resultKeyHash.length !== wanted) {
      throw new MalformedMessageError({
        peer: context.peer,
        kind: 'commitments',
        field,
        expected: `${DIGEST_BYTES} and ${wanted} bytes`,
        actual: `${commitment.length} and ${resultKeyHash.length} bytes`
      })
    }
    if (!(await party.signer.verify(peer, acceptanceDigest(proposalId, peer, commitment, resultKeyHash), signature))) {
      throw new SignatureError({ peer: context.peer, kind: 'commitments', field, expected: `a signature of ${peer}` })
    }
  }
}

/** Every nonce matches its commitment. @throws MalformedMessageError, SignatureError */
export function checkNonces(
  entries: readonly Bodies['commitments']['entries'][number][],
  nonces: Bodies['open']['nonces'],
  context: HandlerContext
): PartyNonce[] {
  if (nonces.length !== entries.length) {
    throw new MalformedMessageError({
      peer: context.peer,
      kind: 'open',
      field: 'nonces',
      expected: `${entries.length} nonces`,
      actual: String(nonces.length)
    })
  }
  return entries.map((entry, index) => {
    const { peer, nonce } = nonces[index]!
    if (peer !== entry.peer || nonce.length !== NONCE_BYTES || !equalBytes(commitmentTo(peer, nonce), entry.commitment)) {
      throw new SignatureError({
        peer: context.peer,
        kind: 'open',
        field: `nonces[${entry.peer}]`,
        expected: 'the nonce that was committed to'
      })
    }
    return { peer, nonce, resultKeyHash: entry.resultKeyHash }
  })
}
