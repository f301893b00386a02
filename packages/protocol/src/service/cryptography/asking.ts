/** What asking takes of an epoch and its releases: a part of what other roles have, so that a party that does nothing else carries nothing else. */
import type { EpochRecord } from '../objects/epoch.js'
import type { EpochTerms } from './epoch.js'
import type { ReleaseCryptography, ReleasesCryptography, ReleaseTerms } from './release.js'

export type AskingRelease = Pick<ReleaseCryptography, 'openQuery' | 'decryptResults' | 'dispose'>

export interface AskingReleases extends Pick<ReleasesCryptography, 'resultKey'> {
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
  readonly soleHolder: string | null
}

export interface OpenAskingReleases extends AskingReleases {
  dispose(): Promise<void>
}

/** Opens epochs for asking. Whoever implements it checks every byte string before arithmetic. */
export interface AskingCryptography {
  /** @param publicKey serialised, of the hash that the epoch's record names. @throws MalformedPublicKeyError, naming the field */
  openEpoch(terms: AskingTerms, publicKey: Uint8Array): Promise<OpenAskingReleases>
  dispose(): Promise<void>
}
