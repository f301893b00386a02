/** Whether a new sharing takes the place of the one before: all of its holders say so, and as many of the holders before as make the secret. */
import { fromHex } from '../../base/digest.js'
import { SignatureError, StaleSharingError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import { SHARING, type SharingRecord } from './epoch.js'
import { checkSigned, type Signed, signedDigest } from './signed.js'

/** @throws StaleSharingError unless it is the next one; SignatureError unless enough of both have signed it */
export async function checkSharing(
  next: Signed<SharingRecord>,
  before: SharingRecord,
  signer: Pick<Signer, 'verify'>,
  peer: string
): Promise<void> {
  const { epoch, generation } = next.document
  if (epoch !== before.epoch || generation !== before.generation + 1) {
    throw new StaleSharingError({
      peer,
      kind: 'sharing',
      field: 'generation',
      expected: `${before.generation + 1}`,
      actual: `${generation}`,
      remedy: 'A holder that works from a restored backup must be given a new share: slytherin cohort reshare.'
    })
  }
  const identifier = await checkSigned(SHARING, next, signer, peer)
  let agreed = 0
  for (const { peer: holder } of before.holders) {
    const found = next.signatures.find(signature => signature.peer === holder)
    if (found !== undefined && (await signer.verify(holder, signedDigest(identifier, holder), fromHex(found.signature)))) agreed++
  }
  if (agreed >= before.threshold) return
  throw new SignatureError({
    peer,
    kind: 'sharing',
    field: 'signatures',
    expected: `signatures of ${before.threshold} holders of generation ${before.generation}`,
    actual: `${agreed}`
  })
}
