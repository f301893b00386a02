/** What asking takes of an epoch and its releases: a part of what other roles have, so that a party that does nothing else carries nothing else. */
import type { EpochRecord } from '../objects/epoch.js'
import type { EpochTerms } from './epoch.js'
import type { ReleaseCryptography, ReleasesCryptography, ReleaseTerms } from './release.js'

/** A release as whoever only asks needs it: samples encrypted, results decrypted. */
export type AskingRelease = Pick<ReleaseCryptography, 'openQuery' | 'decryptResults' | 'dispose'>

/** Releases of an epoch at a party that only asks. */
export interface AskingReleases extends Pick<ReleasesCryptography, 'resultKey'> {
  /** Opens a release for asking; its plan is checked against the epoch. The caller disposes it. */
  openRelease(terms: ReleaseTerms): Promise<AskingRelease>
}

/** @see OpenEpoch */
export interface AskingEpoch {
  readonly record: EpochRecord
  readonly releases: AskingReleases
}

/** @see OpenEpochs */
export interface AskingEpochs {
  /** @throws EpochRefusedError for one that is unknown here, expired or over */
  epoch(identifier: string): Promise<AskingEpoch>
}

/** What an epoch is opened with by a party that asks. */
export interface AskingTerms extends EpochTerms {
  /** t. */
  readonly threshold: number
  /** Who holds the whole key, if one party does. */
  readonly soleHolder: string | null
}

/** Those of one opened epoch, which they let go of together. */
export interface OpenAskingReleases extends AskingReleases {
  /** Lets go of the epoch's key and every release that is open. */
  dispose(): Promise<void>
}

/** Opens epochs for asking. Whoever implements it checks every byte string before arithmetic. */
export interface AskingCryptography {
  /** @param publicKey serialised, of the hash that the epoch's record names. @throws MalformedPublicKeyError, naming the field */
  openEpoch(terms: AskingTerms, publicKey: Uint8Array): Promise<OpenAskingReleases>
  /** Disposes every epoch that is open. */
  dispose(): Promise<void>
}
