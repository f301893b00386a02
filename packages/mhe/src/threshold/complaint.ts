/**
 * Complaints, and who is to blame.
 *
 *   1. A receiver that cannot read its envelope, or whose share does not fit the dealer's answer, signs a complaint and shows the envelope, which must be the
 *      announced one.
 *   2. The dealer shows the e of that envelope (`Dealer.open`). X25519 leaves it no choice: the announced E has one shared secret with the receiver's key.
 *   3. Everybody opens the envelope. A share that can be read and fits the answer clears the dealer, and the receiver complained falsely; anything else, and
 *      silence, convicts the dealer.
 *
 * An honest dealer that opens tells only what the complaining receiver, dishonest, has already. An honest receiver's complaint is never followed by an opening that
 * clears: what it has been dealt is then as bad as it says, and worth nothing in a dealing that all leave out.
 */
import { equalBytes, hex } from '../hash.js'
import { Fingerprints, liesOn, readAnswer } from './consistency.js'
import { type DealtShare, readDealtShare } from './dealing-format.js'
import { EnvelopeOpeningError, openAsDealer } from './envelope.js'
import { InvalidSharingError, MalformedDealingError } from './errors.js'
import { checkEnvelope } from './receiver.js'
import type { DealingRound } from './round.js'

/** To be signed by the receiver. */
export interface Complaint {
  /** Hash of the round. */
  readonly round: Uint8Array
  readonly dealer: number
  readonly receiver: number
  readonly reason: 'unreadable' | 'inconsistent'
}

/** What a complaint is judged by, all of it public. */
export interface Evidence {
  /** The dealer's, signature checked. */
  readonly announcement: Uint8Array
  /** Shown by the receiver. */
  readonly envelope: Uint8Array
  /** Shown by the dealer; none when it did not answer in time. */
  readonly opening?: Uint8Array
  /** Coin and the dealer's answer, needed to judge an `inconsistent` share. */
  readonly coin?: Uint8Array
  readonly answer?: Uint8Array
}

/** Who is at fault in a complaint, and why. */
export type Verdict =
  | { readonly guilty: 'dealer'; readonly point: number; readonly because: string }
  /** The share is as it should be: the receiver may use it, and so may anybody see it. The caller disposes it. */
  | { readonly guilty: 'receiver'; readonly point: number; readonly share: DealtShare }

/**
 * Everybody comes to the same verdict.
 *
 * @throws EnvelopeMismatchError when the receiver showed another envelope than the announced one: there is nothing to judge; InvalidSharingError when the complaint
 * is of another round or the evidence lacks coin or answer; MalformedDealingError for an announcement that is none
 */
export async function judge(round: DealingRound, complaint: Complaint, evidence: Evidence): Promise<Verdict> {
  const { dealer, receiver, reason } = complaint
  const { announcement, envelope, opening, coin, answer } = evidence
  if (!equalBytes(complaint.round, round.hash))
    throw new InvalidSharingError('round of the complaint', hex(round.hash), hex(complaint.round))
  if (reason !== 'unreadable' && reason !== 'inconsistent')
    throw new InvalidSharingError('reason', 'unreadable or inconsistent', String(reason))
  checkEnvelope(round, dealer, receiver, announcement, envelope)
  if (reason === 'inconsistent' && (coin === undefined || answer === undefined)) {
    throw new InvalidSharingError('evidence', 'with coin and answer', 'without')
  }
  const convict = (because: string): Verdict => ({ guilty: 'dealer', point: dealer, because })
  if (opening === undefined) return convict('it did not open the envelope')
  let contents: Uint8Array | undefined
  let share: DealtShare
  try {
    contents = await openAsDealer(envelope, opening, round.receiverKey(receiver), round.binding(dealer, receiver))
    share = readDealtShare(round.context, dealer, receiver, contents)
  } catch (error) {
    if (error instanceof EnvelopeOpeningError) return convict('its opening does not open the envelope')
    if (error instanceof MalformedDealingError) return convict(`the envelope holds no share: ${error.field}`)
    throw error
  } finally {
    contents?.fill(0)
  }
  try {
    if (reason === 'inconsistent') {
      using fingerprints = new Fingerprints(round.context, coin!)
      if (!liesOn(fingerprints, readAnswer(round, dealer, coin!, answer!), share, receiver)) {
        share.dispose()
        return convict('the share does not lie on the polynomial that it answered with')
      }
    }
    return { guilty: 'receiver', point: receiver, share }
  } catch (error) {
    share.dispose()
    if (error instanceof MalformedDealingError) return convict(`its answer is none: ${error.field}`)
    throw error
  }
}
