/** The receiver's side of a round: opens what was dealt to it, checks it against the dealer's answer, and sums what everybody accepted. */
import { equalBytes, hashParts } from '../hash.js'
import { overwritable } from '../scratch.js'
import { ActiveSet } from './active-set.js'
import { type Fingerprints, liesOn, readAnswer } from './consistency.js'
import { type DealtShare, envelopeHash, readAnnouncement, readDealtShare } from './dealing-format.js'
import { EnvelopeOpeningError, envelopePublicKey, openEnvelope } from './envelope.js'
import {
  EnvelopeMismatchError,
  IncompleteRoundError,
  InconsistentShareError,
  InvalidSharingError,
  MalformedDealingError,
  NotZeroError,
  UnreadableEnvelopeError
} from './errors.js'
import { addResidues, fingerprintCount } from './residues.js'
import type { DealingRound } from './round.js'
import { checkHeld, ShamirShare } from './shamir-share.js'

const LINEAGE_DOMAIN = 'slytherin threshold lineage'

/**
 * Opens an envelope.
 *
 * @param announcement the dealer's, its signature checked
 * @param privateKey   of this receiver, X25519
 * @returns the dealt share, not yet checked against the others'; the caller disposes it
 * @throws InvalidSharingError (the key is not that of the round), MalformedDealingError (announcement), EnvelopeMismatchError (ask again), UnreadableEnvelopeError (complain)
 */
export async function receiveShare(
  round: DealingRound,
  dealer: number,
  receiver: number,
  announcement: Uint8Array,
  envelope: Uint8Array,
  privateKey: Uint8Array
): Promise<DealtShare> {
  checkEnvelope(round, dealer, receiver, announcement, envelope)
  if (!equalBytes(await envelopePublicKey(privateKey), round.receiverKey(receiver))) {
    throw new InvalidSharingError('private key', `that of holder ${receiver} in the round`, 'another')
  }
  let contents: Uint8Array | undefined
  try {
    contents = await openEnvelope(envelope, privateKey, round.binding(dealer, receiver))
    return readDealtShare(round.context, dealer, receiver, contents)
  } catch (error) {
    if (error instanceof EnvelopeOpeningError) throw new UnreadableEnvelopeError(dealer, receiver, 'seal')
    if (error instanceof MalformedDealingError) throw new UnreadableEnvelopeError(dealer, receiver, error.field)
    throw error
  } finally {
    contents?.fill(0)
  }
}

/** @throws EnvelopeMismatchError unless it is the announced one; MalformedDealingError, InvalidSharingError */
export function checkEnvelope(round: DealingRound, dealer: number, receiver: number, announcement: Uint8Array, envelope: Uint8Array): void {
  const hashes = readAnnouncement(round, dealer, announcement)
  const hash = hashes[round.receiverPosition(receiver)]!
  if (!equalBytes(hash, envelopeHash(envelope))) throw new EnvelopeMismatchError(dealer, receiver)
}

/**
 * What everybody can see of an answer, receivers or not: its form, and that shares of zero are of zero.
 *
 * @throws MalformedDealingError, NotZeroError: the dealer's dealing is left out by all
 */
export function checkAnswer(round: DealingRound, dealer: number, coin: Uint8Array, answer: Uint8Array): void {
  const coefficients = readAnswer(round, dealer, coin, answer)
  const count = fingerprintCount(round.context.ring.moduli)
  if (round.kind === 'zero' && coefficients[0]!.slice(0, count).some(residues => residues.some(residue => residue !== 0n)))
    throw new NotZeroError(dealer)
}

/**
 * Whether a dealt share lies on the polynomial that its dealer answered with (consistency.ts).
 *
 * @param fingerprints of the round's coin, made once for all dealers
 * @throws InconsistentShareError (complain), and what `checkAnswer` throws
 */
export function checkShare(round: DealingRound, share: DealtShare, fingerprints: Fingerprints, answer: Uint8Array): void {
  const { dealer, receiver } = share
  checkAnswer(round, dealer, fingerprints.coin, answer)
  if (!liesOn(fingerprints, readAnswer(round, dealer, fingerprints.coin, answer), share, receiver)) {
    throw new InconsistentShareError(dealer, receiver)
  }
}

/** A dealing that all holders accepted: no complaint of it stands. */
export interface AcceptedDealing {
  readonly announcement: Uint8Array
  /** What it dealt to this receiver, checked. Stays the caller's. */
  readonly share: DealtShare
}

/**
 * Sums the accepted dealings to the receiver's share of the new sharing.
 *
 * In a round of `reshare`, leave out first whom `findWrongDealers` names. All holders must have accepted the same dealings; they enter the lineage, so that shares of holders that did not agree never meet in a protocol.
 *
 * @param accepted in a round of `secret` of all dealers; of `zero` of as many as the threshold or more, so that one at least is of an honest holder; of `reshare` of
 *                 exactly the threshold of the sharing before
 * @param before   the receiver's share before, in a round of `zero`: wiped and disposed when the new one is there
 * @throws IncompleteRoundError, InvalidSharingError, SharingMismatchError
 */
export function completeRound(
  round: DealingRound,
  receiver: number,
  accepted: readonly AcceptedDealing[],
  before?: ShamirShare
): ShamirShare {
  const { context, access, epoch, generation } = round
  const { ring, parameters } = context
  round.receiverPosition(receiver)
  const dealings = [...accepted].sort((a, b) => a.share.dealer - b.share.dealer)
  const dealers = dealings.map(({ share }) => share.dealer)
  const weights = weightsOf(round, dealers)
  dealings.forEach(({ announcement, share }) => {
    readAnnouncement(round, share.dealer, announcement)
    if (share.receiver !== receiver) throw new InvalidSharingError('receiver of a dealt share', `${receiver}`, share.receiver)
  })
  if ((round.kind === 'zero') !== (before !== undefined)) {
    throw new InvalidSharingError('share before', round.kind === 'zero' ? 'given' : 'none', before === undefined ? 'none' : 'given')
  }
  if (before !== undefined) checkHeld(round.before!, receiver, before)
  const lineage = hashParts(LINEAGE_DOMAIN, round.hash, dealers.join(), ...dealings.map(({ announcement }) => announcement))
  const sum = ring.allocate(parameters.keyIndices(), 'ntt')
  const weighted = overwritable(ring, parameters.keyIndices(), 'ntt')
  try {
    for (const [i, { share }] of dealings.entries()) {
      const weight = weights?.[i]
      ring.add(sum, sum, weight === undefined ? share.polynomial : ring.multiplyScalar(weighted, share.polynomial, weight))
    }
    if (before !== undefined) ring.add(sum, sum, before.polynomial)
    const spare = dealings.map(({ share }) => share.spare).reduce((total, own) => addResidues(ring.moduli, total, own))
    const share = new ShamirShare(context, { epoch, generation, lineage, access }, receiver, sum, spare)
    before?.dispose()
    return share
  } catch (error) {
    sum.wipe()
    sum.dispose()
    throw error
  } finally {
    weighted.wipe()
    weighted.dispose()
  }
}

/** λ of each dealer where shares are dealt on. @throws IncompleteRoundError unless these dealers are the ones that the round needs */
function weightsOf(round: DealingRound, dealers: readonly number[]): (readonly bigint[])[] | undefined {
  const { kind, before } = round
  for (const dealer of dealers) round.checkDealer(dealer)
  if (new Set(dealers).size !== dealers.length) throw new IncompleteRoundError(kind, 'one dealing of each dealer', dealers)
  if (kind === 'secret') {
    if (dealers.length !== round.dealers.length) throw new IncompleteRoundError(kind, `all of dealers ${round.dealers.join(', ')}`, dealers)
    return undefined
  }
  const { threshold } = before!.access
  if (kind === 'zero') {
    if (dealers.length < threshold) throw new IncompleteRoundError(kind, `${threshold} dealers or more`, dealers)
    return undefined
  }
  if (dealers.length !== threshold) throw new IncompleteRoundError(kind, `exactly ${threshold} dealers`, dealers)
  const activeSet = new ActiveSet(before!.access, dealers)
  return dealers.map(dealer => activeSet.weight(round.context.ring.moduli, dealer))
}
