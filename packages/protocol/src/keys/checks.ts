/** A commitment and a share, as their holder sent them or as they were handed on: checked alike by the coordinator and by everybody else. */
import { hash } from '../base/digest.js'
import { SignatureError } from '../errors/errors.js'
import type { ShareChecks } from '../session/share-checks.js'
import { checkBytes, checkExactly, checkHash } from '../wire/checks.js'
import type { Bodies } from '../wire/kinds.js'
import { type CommittedProtocol, commitmentDigest, SALT_BYTES, shareCommitment, shareDigest } from './digests.js'

export interface Binding {
  readonly protocol: CommittedProtocol
  readonly sessionId: Uint8Array
  readonly checks: ShareChecks
}

/** Where something was found: who sent it, in which message, and the holder whose it is said to be. */
export interface Found {
  readonly peer: string
  readonly kind: string
  readonly holder: string
}

/** @throws MalformedMessageError; SignatureError unless the holder has signed the commitment */
export async function checkCommitment(
  { protocol, sessionId, checks }: Binding,
  { commitment, signature }: Bodies['shareCommitment'],
  { peer, kind, holder }: Found,
  field: string
): Promise<void> {
  checkHash(commitment, field, kind, peer)
  if (await checks.signed(holder, commitmentDigest(protocol, sessionId, holder, commitment), signature)) return
  throw new SignatureError({ peer, kind, field, expected: `a signature of ${holder} over its commitment`, culprit: peer })
}

/**
 * @returns the share's hash
 * @throws MalformedMessageError; SignatureError unless the holder has signed the share, and the share opens the holder's commitment
 */
export async function checkRevealed(
  { protocol, sessionId, checks }: Binding,
  { share, salt, signature }: Bodies['revealedShare'],
  commitment: Uint8Array,
  { peer, kind, holder }: Found,
  bytes: number
): Promise<Uint8Array> {
  checkBytes(share, bytes, 'share', kind, peer)
  checkExactly(salt, SALT_BYTES, 'salt', kind, peer)
  const shareHash = await hash(share)
  if (!(await checks.signed(holder, shareDigest(protocol, sessionId, holder, shareHash, salt), signature))) {
    throw new SignatureError({ peer, kind, field: 'signature', expected: `a signature of ${holder} over its share`, culprit: peer })
  }
  if (!checks.opens(commitment, shareCommitment(protocol, sessionId, holder, shareHash, salt))) {
    throw new SignatureError({
      peer,
      kind,
      field: 'share',
      expected: `the share that ${holder} committed to`,
      actual: 'another, with its signature',
      culprit: holder
    })
  }
  return shareHash
}
