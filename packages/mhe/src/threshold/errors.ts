/** What sharing a secret, and using its shares, can be refused for. None carries secret material. */
import { MultipartyError } from '../errors.js'

/** An access structure, a set of points, the terms of a round or of an attempt make no sense. */
export class InvalidSharingError extends MultipartyError {
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly actual: string | number
  ) {
    super(`threshold sharing: ${field} must be ${expected}, got ${actual}`)
  }
}

/** Bytes that claim to be an announcement, a dealt share, an answer, an opening or a stored share have not their one form. */
export class MalformedDealingError extends MultipartyError {
  /** @param from the dealer's point, or the holder's of a stored share; 0 when it cannot be told */
  constructor(
    readonly from: number,
    readonly field: string,
    readonly expected: string | number,
    readonly actual: string | number
  ) {
    super(`malformed dealing of holder ${from}: ${field} is ${actual}, expected ${expected}`)
  }
}

/** The envelope that arrived is not the one that its dealer announced: it was changed or mixed up under way, which is not the dealer's fault. */
export class EnvelopeMismatchError extends MultipartyError {
  constructor(
    readonly dealer: number,
    readonly receiver: number
  ) {
    super(
      `the envelope for holder ${receiver} is not the one that holder ${dealer} announced: ask for it again before complaining of the dealer`
    )
  }
}

/** The announced envelope holds no share: its dealer is to blame. Complain. */
export class UnreadableEnvelopeError extends MultipartyError {
  constructor(
    readonly dealer: number,
    readonly receiver: number,
    readonly field: string
  ) {
    super(
      `the envelope that holder ${dealer} dealt to holder ${receiver} cannot be read (${field}): complain of the dealer, who has to open it`
    )
  }
}

/** A dealt share does not lie on the polynomial that its dealer answered the coin with. Complain. */
export class InconsistentShareError extends MultipartyError {
  constructor(
    readonly dealer: number,
    readonly receiver: number
  ) {
    super(
      `the share that holder ${dealer} dealt to holder ${receiver} does not lie on the polynomial of its answer: complain of the dealer, who has to open it`
    )
  }
}

/** A dealer's answer shows to everybody that what it dealt was not a sharing of zero. */
export class NotZeroError extends MultipartyError {
  constructor(readonly dealer: number) {
    super(`holder ${dealer} was to deal shares of zero and its answer is not zero at 0: leave its dealing out`)
  }
}

/** A dealer is asked for a second answer, under another coin. The difference of two answers is a function of the secret without a mask. */
export class SecondCoinError extends MultipartyError {
  constructor(readonly dealer: number) {
    super(`holder ${dealer} has answered another coin for this dealing and answers no second one: begin a new round`)
  }
}

/** Opening one more share would leave fewer than the threshold to be guessed. */
export class TooManyOpeningsError extends MultipartyError {
  constructor(
    readonly dealer: number,
    readonly opened: readonly number[],
    readonly refused: number,
    readonly threshold: number
  ) {
    super(
      `holder ${dealer} has opened what it dealt to ${opened.join(', ') || 'nobody'} and does not open that of ${refused}: ${threshold} opened shares would give ` +
        'the secret away; as many complaints come from more parties than the threshold allows to be dishonest, so do without this round'
    )
  }
}

/** A share is to be dealt on, or vouched for, under a second coin. The difference of its two fingerprints is a function of the share without a mask. */
export class SpareMasksUsedError extends MultipartyError {
  constructor(
    readonly point: number,
    readonly generation: number
  ) {
    super(
      `the spare masks of holder ${point}'s share of generation ${generation} have been used under another coin: renew the shares, then deal them on`
    )
  }
}

/** The fingerprints of shares that are dealt on fit no polynomial but for fewer than half of the surplus: who is wrong cannot be told. */
export class TooManyWrongSharesError extends MultipartyError {
  constructor(
    readonly holders: readonly number[],
    readonly threshold: number
  ) {
    super(
      `the fingerprints of holders ${holders.join(', ')} do not lie on one polynomial of degree ${threshold - 1}, and more than ` +
        `${Math.floor((holders.length - threshold) / 2)} of them are wrong, so that it cannot be told whose: keep the old shares, renew them, and deal again with more ` +
        'holders vouching'
    )
  }
}

/** The dealings that are to become shares are not those that the round needs. */
export class IncompleteRoundError extends MultipartyError {
  constructor(
    readonly kind: string,
    readonly expected: string,
    readonly dealers: readonly number[]
  ) {
    super(`a ${kind} round needs ${expected}, and has dealings accepted of ${dealers.join(', ') || 'nobody'}`)
  }
}

/** A share is asked for under a sharing that is not the one held: another epoch, generation, lineage or access structure. */
export class SharingMismatchError extends MultipartyError {
  constructor(
    readonly field: string,
    readonly expected: string | number,
    readonly actual: string | number
  ) {
    super(
      `the attempt is for another sharing than the one held: ${field} is ${actual}, held is ${expected}; ask under the sharing that all holders have now`
    )
  }
}

/** A holder is asked for its part in an active set that it does not belong to. */
export class NotActiveError extends MultipartyError {
  constructor(
    readonly point: number,
    readonly activeSet: readonly number[]
  ) {
    super(`holder ${point} is not in the active set ${activeSet.join(', ')}: ask those who are, or form another set under a new attempt`)
  }
}

/** The same second component under another request: another active set, attempt, name or number. Answering would give two weights of one share. */
export class CiphertextAlreadyAnsweredError extends MultipartyError {
  constructor(
    readonly epoch: string,
    readonly protocol: string,
    readonly instance: string,
    /** SHA-256 of the second component, in hexadecimal. */
    readonly component: string
  ) {
    super(
      `a ${protocol} of the ciphertext with second component ${component.slice(0, 16)}… was answered under another request than "${instance}": ` +
        're-randomise the ciphertext and ask under a new attempt'
    )
  }
}
