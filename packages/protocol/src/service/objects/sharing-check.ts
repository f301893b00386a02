/** Whether a new sharing takes the place of the one before: all of its holders say so, and as many of the holders before as make the secret. */
import { canonicalJson } from '../../base/canonical.js'
import { fromHex } from '../../base/digest.js'
import { MalformedMessageError, SignatureError, StaleSharingError } from '../../errors/errors.js'
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

/** Of an attempt, what it is asked under. */
interface Asked {
  readonly sharing: {
    readonly generation: number
    readonly lineage: string
    readonly threshold: number
    readonly points: readonly number[]
  }
  readonly active: readonly number[]
}

/**
 * That an attempt is of the sharing in force, and asks a holder that is one of it and of the active set.
 *
 * @throws StaleSharingError for a sharing before, or one that is not known here yet, and at a holder that has left; MalformedMessageError when it is not asked
 */
export function checkInForce(
  { sharing, active }: Asked,
  { generation, lineage, threshold, holders }: SharingRecord,
  self: string,
  kind: string,
  peer: string
): void {
  const points = holders.map(({ point }) => point)
  const stale = (field: string, expected: string, actual: string, remedy: string): StaleSharingError =>
    new StaleSharingError({ peer, kind, field, expected, actual, remedy })
  if (canonicalJson(sharing) !== canonicalJson({ generation, lineage, threshold, points })) {
    const behind = sharing.generation < generation ? 'The evaluator' : 'This holder'
    throw stale(
      'attempt.sharing',
      `generation ${generation} of ${threshold} of ${points.length}`,
      `generation ${sharing.generation} of ${sharing.threshold} of ${sharing.points.length}`,
      `${behind} is behind: it is told of the current sharing when it connects.`
    )
  }
  const own = holders.find(holder => holder.peer === self)
  if (own === undefined) {
    throw stale('attempt.active', `holders of generation ${generation}`, `${self}, which has left`, 'Ask holders of the current sharing.')
  }
  if (active.includes(own.point)) return
  throw new MalformedMessageError({ peer, kind, field: 'attempt.active', expected: `with point ${own.point}`, actual: active.join(', ') })
}
