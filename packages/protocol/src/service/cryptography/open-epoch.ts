/** An epoch as releases and queries need it, whoever keeps it. */
import type { EpochRecord, GaloisKeyName, SharingRecord } from '../objects/epoch.js'
import type { ReleasesCryptography } from './release.js'

/** Which evaluation keys an epoch has. */
export interface EpochKeys {
  /** Level of the relinearisation key; null where there is none. */
  readonly relinearizationLevel: number | null
  readonly galois: readonly GaloisKeyName[]
}

/** A key epoch that is in force, opened at this party. */
export interface OpenEpoch {
  readonly record: EpochRecord
  readonly releases: ReleasesCryptography
  /** How the secret is shared at present. */
  sharing(): SharingRecord
  /** The collective public key, serialised. */
  publicKey(): Promise<Uint8Array>
  /** At the evaluator and at witnesses: the keys that are in use. */
  keys(): Promise<EpochKeys>
  /** At the evaluator: makes keys with the holders, and at a witness takes them over; resolves when they are in place. Those that are there cost nothing. */
  addKeys(missing: EpochKeys, signal: AbortSignal): Promise<void>
  /** At a witness: uses the keys that its evaluator uses, summed here from what their holders have signed. @returns whether any is another than before */
  followKeys(signal: AbortSignal): Promise<boolean>
}

/** The key epochs that a party knows. */
export interface OpenEpochs {
  /** @throws EpochRefusedError for one that is unknown here, expired or over */
  epoch(identifier: string): Promise<OpenEpoch>
}
