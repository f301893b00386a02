/** Making, keeping and using the keys of an epoch: dealing, shares of keys, sums of them; and where releases come from. */
import type { AttemptName, EpochTerms, SharingName } from './epoch.js'
import type { ReleasesCryptography } from './release.js'

/** A round of dealing (mhe/threshold/round.ts), as everybody who takes part knows it. */
export interface DealingTerms {
  /** A first sharing of a secret; a renewal, which deals zero; or a sharing that is dealt on to other holders. */
  readonly kind: 'secret' | 'zero' | 'reshare'
  /** The sharing that is renewed or dealt on; none in a round of `secret`. */
  readonly before?: SharingName
  /** Points, ascending. */
  readonly dealers: readonly number[]
  /** t of the sharing that comes of it. */
  readonly threshold: number
  /** Of those dealt to, ascending. */
  readonly points: readonly number[]
  /** X25519, in the order of `points`. */
  readonly receiverKeys: readonly Uint8Array[]
  /** This party's points in the round; null where it does not deal, or is not dealt to. */
  readonly own: { readonly dealer: number | null; readonly receiver: number | null }
}

/** What a receiver says of a dealing; all receivers judge it by the same evidence. */
export interface DealingComplaint {
  /** Point of who dealt. */
  readonly dealer: number
  /** Point of who complains. */
  readonly receiver: number
  /** The envelope does not open, or its share is not on the dealer's polynomial. */
  readonly reason: 'unreadable' | 'inconsistent'
}

/** What a complaint is judged by; all of it public. */
export interface DealingEvidence {
  /** Of the dealer: hashes of its envelopes. */
  readonly announcement: Uint8Array
  /** That the complaint is about, sealed. */
  readonly envelope: Uint8Array
  /** By the dealer, after the complaint: what opens this envelope. */
  readonly opening?: Uint8Array
  /** Of the round. */
  readonly coin?: Uint8Array
  /** Of the dealer, to the coin. */
  readonly answer?: Uint8Array
}

/** One round of dealing at one party. */
export interface DealingCryptography {
  /** Hash of the round, hexadecimal. */
  hash(): Promise<string>
  /** As a dealer; the same bytes again. */
  deal(): Promise<{ announcement: Uint8Array; envelopes: Uint8Array[] }>
  /** Whether the envelope holds a share for this party. @throws EnvelopeMismatchError, MalformedDealingError: not what was announced, or no announcement */
  receive(dealer: number, announcement: Uint8Array, envelope: Uint8Array): Promise<'read' | 'unreadable'>
  /** The round's coin, from what all holders added to it. */
  coin(announcements: Uint8Array[], contributions: Uint8Array[]): Promise<Uint8Array>
  /** As a dealer. @throws SecondCoinError */
  answer(coin: Uint8Array): Promise<Uint8Array>
  /** Whether the share that was read lies on the polynomial of the answer. @throws MalformedDealingError, NotZeroError */
  check(dealer: number, coin: Uint8Array, answer: Uint8Array): Promise<'consistent' | 'inconsistent'>
  /** As a dealer, after a complaint: what opens one envelope. */
  open(receiver: number): Promise<Uint8Array>
  /** Who is to blame; everybody comes to the same. */
  judge(complaint: DealingComplaint, evidence: DealingEvidence): Promise<{ guilty: 'dealer' | 'receiver'; point: number; because: string }>
  /**
   * What everybody sees of the answers: whose is none, or not of zero where it should be; in a round of `reshare` who dealt on another value than its share, as far as
   * so many answers tell. @returns points, ascending @throws TooManyWrongSharesError when they contradict each other and it cannot be told who is wrong
   */
  wrongDealers(coin: Uint8Array, answers: readonly { readonly dealer: number; readonly answer: Uint8Array }[]): Promise<number[]>
  /** Sums what these dealers dealt to this party's share of the new sharing, and keeps it, sealed, beside the one before until `EpochCryptography.adopt`. */
  complete(dealers: readonly number[]): Promise<SharingName>
  /** Wipes what was read and is not yet part of a share that is kept. */
  dispose(): Promise<void>
}

/** What a key is made of: shares of the active holders, summed. */
export type EvaluationKeyName =
  | { readonly kind: 'relinearization'; readonly level: number }
  | { readonly kind: 'galois'; readonly level: number; readonly element: number }

/** One key epoch in a party's cryptography. */
export interface EpochCryptography {
  /** @throws SessionStateError when the key of this party in the round is none that `receiverKey` made */
  openRound(terms: DealingTerms): Promise<DealingCryptography>
  /** From now on this party gives shares of that sharing; what it held before is erased. Durable. @throws SessionStateError unless it holds a share of it */
  adopt(sharing: SharingName): Promise<void>
  /** The sharing of which it holds a share, if any. */
  held(): Promise<SharingName | undefined>
  /** What this party held is erased: it has left, or the epoch is over. */
  erase(): Promise<void>

  /**
   * A share of a switch of a known ciphertext, an encryption of zero that everybody computes from the sharing's name: whether a new sharing is one of the same secret,
   * before the one before it is erased. @param targetKey serialised
   */
  testShare(attempt: AttemptName, targetKey: Uint8Array): Promise<Uint8Array>
  /** Whether these shares of the active holders switch it. @param seed of the secret key of `targetKey`; wiped @throws RejectedShareError */
  testSharing(attempt: AttemptName, shares: Uint8Array[], seed: Uint8Array): Promise<boolean>

  /** This holder's share of the collective public key; the same bytes again for the same attempt. */
  publicKeyShare(attempt: AttemptName): Promise<Uint8Array>
  /** Sums the shares of the active holders, in the order of their points, keeps the key. @returns its SHA-256, hexadecimal @throws RejectedShareError */
  sumPublicKey(attempt: AttemptName, shares: Uint8Array[]): Promise<string>
  /** Takes the serialised key when its SHA-256 is this. */
  takePublicKey(bytes: Uint8Array, hash: string): Promise<void>
  /** Takes the key that is kept, when its SHA-256 is this; false when it is not there or damaged. */
  loadPublicKey(hash: string): Promise<boolean>
  /** @throws SessionStateError before it is known */
  publicKey(): Promise<Uint8Array>

  /** This holder's share of round one of the relinearisation key of a level. */
  relinearizationShareOne(attempt: AttemptName, level: number): Promise<Uint8Array>
  /** This holder's share of round two. @param ones shares of round one of the active holders, in the order of their points: this holder sums them itself */
  relinearizationShareTwo(attempt: AttemptName, level: number, ones: Uint8Array[]): Promise<Uint8Array>
  /** This holder's share of the Galois key of an element and level. */
  galoisShare(attempt: AttemptName, element: number, level: number): Promise<Uint8Array>

  /**
   * At who computes: sums the shares of the active holders, in the order of their points, to an evaluation key, puts it to use and keeps it.
   * @param ones of round one of a relinearisation key
   * @returns SHA-256 of the serialised key, hexadecimal
   * @throws RejectedShareError
   */
  sumKey(name: EvaluationKeyName, attempt: AttemptName, shares: Uint8Array[], ones?: Uint8Array[]): Promise<string>
  /** Puts a kept key to use, when its SHA-256 is this; false when it is not there or damaged. */
  loadKey(name: EvaluationKeyName, hash: string): Promise<boolean>

  /** Releases of this epoch; always the same object. */
  releases(): Promise<ReleasesCryptography>
  /** Lets go of memory; what is kept stays. */
  dispose(): Promise<void>
}

/** What an epoch is opened with by a party that holds a share or computes. */
export interface OpenEpochTerms extends EpochTerms {
  /** t: holders that it takes. */
  readonly threshold: number
  /** Whether this party computes, and so keeps evaluation keys. */
  readonly evaluates: boolean
  /** Who holds the whole key, if one party does. */
  readonly soleHolder: string | null
}

/** A party's cryptography in a service. */
export interface ServiceCryptography {
  /** The public half of a fresh X25519 key pair for one round of dealing; the other half is used once, and forgotten with the process. */
  receiverKey(): Promise<Uint8Array>
  /** Opens an epoch with whatever this party has kept of it. */
  openEpoch(terms: OpenEpochTerms): Promise<EpochCryptography>
}
