/** Shares that are committed to by all of an active set before any of them is shown. */
import { hash, toHex } from '../../base/digest.js'
import { MalformedMessageError, SignatureError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { AttemptName } from '../cryptography/epoch.js'
import { attemptIdentifier, SHARE_COMMITMENT, type ShareCommitmentDocument } from '../objects/ceremony.js'
import { checkSigned, type Signed, sign, withSignatures } from '../objects/signed.js'

interface Committed {
  readonly self: string
  readonly signer: Signer
  readonly epoch: string
  readonly protocol: ShareCommitmentDocument['protocol']
  readonly attempt: AttemptName
  readonly made: unknown
  readonly share: Uint8Array
}

/** A holder's signature under the hash of its share. */
export async function commitToShare({
  self,
  signer,
  epoch,
  protocol,
  attempt,
  made,
  share
}: Committed): Promise<Signed<ShareCommitmentDocument>> {
  const document: ShareCommitmentDocument = {
    kind: 'share-commitment',
    version: 1,
    epoch,
    protocol,
    instance: attemptIdentifier(attempt, made),
    holder: self,
    share: toHex(await hash(share))
  }
  return withSignatures(document, [await sign(SHARE_COMMITMENT, document, signer)])
}

/** What a share of round two is for: the level, and the shares of round one whose sum it multiplies. */
export function madeInRoundTwo(level: number, ones: readonly Signed<ShareCommitmentDocument>[]): unknown {
  return { level, ones: ones.map(({ document }) => document.share) }
}

interface CommitmentCheck {
  readonly epoch: string
  readonly protocol: ShareCommitmentDocument['protocol']
  readonly attempt: AttemptName
  readonly made: unknown
  /** The active holders, in the order of their points. */
  readonly peers: readonly string[]
  readonly signer: Pick<Signer, 'verify'>
  /** Who handed them over, in which message. */
  readonly peer: string
  readonly kind: string
}

/** @throws SignatureError, MalformedMessageError unless every active holder has committed to its share in this very attempt */
export async function checkCommitments(commitments: readonly Signed<ShareCommitmentDocument>[], check: CommitmentCheck): Promise<void> {
  const { epoch, protocol, attempt, made, peers, signer, peer, kind } = check
  if (commitments.length !== peers.length) {
    throw new MalformedMessageError({ peer, kind, field: 'commitments', expected: `${peers.length}`, actual: `${commitments.length}` })
  }
  const instance = attemptIdentifier(attempt, made)
  for (const [k, commitment] of commitments.entries()) {
    const expected = { epoch, protocol, instance, holder: peers[k]! }
    for (const field of ['epoch', 'protocol', 'instance', 'holder'] as const) {
      const actual = commitment.document[field]
      if (actual !== expected[field]) {
        throw new MalformedMessageError({ peer, kind, field: `commitments[${k}].${field}`, expected: expected[field], actual })
      }
    }
    await checkSigned(SHARE_COMMITMENT, commitment, signer, peer)
  }
}

/** @throws SignatureError naming the holder whose share is not the one that it committed to */
export async function checkShown(
  commitments: readonly Signed<ShareCommitmentDocument>[],
  shares: readonly Uint8Array[],
  peer: string,
  kind: string
): Promise<void> {
  if (shares.length !== commitments.length) {
    throw new MalformedMessageError({ peer, kind, field: 'blobs', expected: `${commitments.length} shares`, actual: `${shares.length}` })
  }
  for (const [k, { document }] of commitments.entries()) {
    const actual = toHex(await hash(shares[k]!))
    if (actual === document.share) continue
    throw new SignatureError({
      peer,
      kind,
      field: `shares[${k}]`,
      expected: `the share that ${document.holder} committed to`,
      culprit: document.holder
    })
  }
}
