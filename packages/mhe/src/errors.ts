/**
 * Errors of the multiparty layer: one class per cause, each carrying the fields at fault. No error ever carries secret material.
 */

/** Base class, so that a caller can tell this layer's refusals from programming mistakes. */
export abstract class MultipartyError extends Error {
  constructor(message: string) {
    super(message)
    this.name = new.target.name
  }
}

/** Bytes that claim to be a share (or an aggregate, or a ciphertext component) are not. */
export class MalformedShareError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly field: string,
    readonly expected: string | number,
    readonly actual: string | number
  ) {
    super(`malformed ${protocol} share: ${field} is ${actual}, expected ${expected}`)
  }
}

/** Shares that are to be summed, or a share and the ciphertext it is for, do not have the same shape. */
export class ShareMismatchError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly field: string,
    readonly expected: string | number,
    readonly actual: string | number
  ) {
    super(`${protocol}: ${field} is ${actual}, expected ${expected}`)
  }
}

/** A second, different request for a share under an instance for which one was given. Answering it would leak the secret. */
export class ShareAlreadyGivenError extends MultipartyError {
  constructor(
    readonly session: string,
    readonly protocol: string,
    readonly instance: string,
    readonly recordedInputHash: string,
    readonly inputHash: string
  ) {
    super(
      `a share of ${protocol} "${instance}" was already given for input ${recordedInputHash.slice(0, 16)}…; ` +
        `input ${inputHash.slice(0, 16)}… is refused: start a new instance with a re-randomised ciphertext`
    )
  }
}

/** One party contributed two different shares to one aggregation. */
export class DuplicateShareError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly instance: string,
    readonly party: number
  ) {
    super(`party ${party} sent a second, different share of ${protocol} "${instance}"`)
  }
}

/** A share from somebody who is not a member of the cohort. */
export class UnknownPartyError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly instance: string,
    readonly party: number,
    readonly parties: number
  ) {
    super(`party ${party} is not one of the ${parties} members that contribute to ${protocol} "${instance}"`)
  }
}

/** An aggregation was closed before everybody had contributed. */
export class MissingShareError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly instance: string,
    readonly missing: readonly number[]
  ) {
    super(`${protocol} "${instance}" lacks the shares of parties ${missing.join(', ')}`)
  }
}

/** Flooding with fewer bits of security than the layer accepts. */
export class FloodingSecurityError extends MultipartyError {
  constructor(
    readonly securityBits: number,
    readonly minimum: number
  ) {
    super(`flooding with ${securityBits} bits of security is refused: at least ${minimum} are required`)
  }
}

/** The flooded noise does not fit below Q_l / 2: decryption would return garbage. */
export class FloodingHeadroomError extends MultipartyError {
  /**
   * @param level               level of the ciphertext
   * @param noiseAfterFlooding  log2 of the standard deviation per coefficient after flooding
   * @param headroomBits        log2(Q_l / 2)
   * @param precisionLeft       bits of precision that would be left in a slot (negative: none); NaN when the scale is not known
   */
  constructor(
    readonly level: number,
    readonly noiseAfterFlooding: number,
    readonly headroomBits: number,
    readonly precisionLeft: number
  ) {
    const left = Number.isNaN(precisionLeft) ? '' : `, which would leave ${precisionLeft.toFixed(1)} bits of precision`
    super(
      `flooding at level ${level} needs noise of 2^${noiseAfterFlooding.toFixed(1)} per coefficient under a headroom of ` +
        `2^${headroomBits.toFixed(1)}${left}: switch at a higher level, or flood less`
    )
  }
}

/** The session's allowance of decryptions, for which the flooding was computed, is used up. */
export class DecryptionQuotaError extends MultipartyError {
  constructor(
    readonly instance: string,
    readonly maximumDecryptions: number
  ) {
    super(`switch "${instance}" is refused: the session allows ${maximumDecryptions} decryptions and all have been used`)
  }
}

/** Every refresh that the session allows has been used. */
export class RefreshQuotaError extends MultipartyError {
  constructor(
    readonly instance: string,
    readonly maximumRefreshes: number
  ) {
    super(`refresh "${instance}" is refused: the session allows ${maximumRefreshes} refreshed ciphertexts and all have been used`)
  }
}

/** A share of a refresh or switch, asked of a party that holds the whole key. It would be the whole secret under noise sized for an honest request. */
export class SoleKeyShareError extends MultipartyError {
  constructor(readonly protocol: 'refresh' | 'switch') {
    super(`${protocol}: who holds the whole key gives no shares; ask it to re-encrypt (${protocol}-whole)`)
  }
}

/** A ciphertext has too small a modulus for the masks of a refresh. */
export class RefreshLevelError extends MultipartyError {
  /** @param minimumLevel the lowest level that works, or -1 when no level of these parameters does */
  constructor(
    readonly level: number,
    readonly minimumLevel: number,
    readonly maskBits: number,
    readonly parties: number
  ) {
    super(
      minimumLevel < 0
        ? `no level of these parameters holds ${parties} masks of ${maskBits} bits`
        : `a refresh by ${parties} parties with masks of ${maskBits} bits needs level ${minimumLevel}, got ${level}`
    )
  }
}

/** A request carries a value that no honest party would send. */
export class InvalidShareRequestError extends MultipartyError {
  constructor(
    readonly protocol: string,
    readonly field: string,
    readonly expected: string,
    readonly actual: string | number
  ) {
    super(`${protocol}: ${field} must be ${expected}, got ${actual}`)
  }
}

/** A public key is of another secret than this party's: it does not hold the whole key, and what it encrypted with its own nobody could decrypt. */
export class NotWholeKeyError extends MultipartyError {
  constructor() {
    super('the collective public key is not that of this secret alone: inputs cannot be encrypted with it')
  }
}
