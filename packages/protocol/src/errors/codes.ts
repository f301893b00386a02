/**
 * The one table of what goes wrong between parties: each code, as it travels, with the sentence it begins, the details it never lacks, and the errors of
 * the packages below that mean the same. The classes are in errors.ts, one for each code.
 */

interface CodeEntry {
  readonly summary: string
  /** Details that are always given; what a peer leaves out reads `unknown`. */
  readonly required?: readonly ('peer' | 'phase' | 'field' | 'remedy' | 'culprit' | 'reason')[]
  /** Names of errors of ring, ckks, mhe, engine and this package's cryptography that are this one between parties (see translate.ts). */
  readonly means?: readonly string[]
}

/** Every code, with its sentence, the details it never lacks, and the errors of other packages that it stands for. */
export const CODES = {
  /** Bytes, or numbers in them, that are not what the kind of message demands. */
  'malformed-message': {
    summary: 'malformed message',
    means: [
      'LengthMismatchError',
      'BasisMismatchError',
      'DegreeMismatchError',
      'LevelMismatchError',
      'ScaleMismatchError',
      'InvalidLevelError',
      'InvalidScaleError',
      'MalformedCiphertextError',
      'MalformedPublicKeyError',
      'MalformedKeySwitchKeyError',
      'MalformedShareError',
      'ShareMismatchError',
      'InvalidShareRequestError',
      'InvalidProofRequestError',
      'RefreshLevelError',
      'FloodingHeadroomError',
      'InvalidPlanError',
      'PlanMismatchError',
      'UnforeseenRequestError',
      'RejectedShareError',
      'InvalidSharingError',
      'NotActiveError'
    ]
  },
  'oversized-message': { summary: 'message larger than this session allows' },
  'replayed-message': { summary: 'message was received before' },
  'out-of-order-message': { summary: 'message out of order', means: ['MissingShareError', 'SessionStateError', 'MissingPartError'] },
  'wrong-session': { summary: 'message belongs to another session' },
  'unknown-member': { summary: 'not a member of this session', means: ['UnknownPartyError'] },
  'not-permitted': {
    summary: 'role does not permit this message',
    means: ['FloodingSecurityError', 'SoleKeyShareError', 'NotWholeKeyError']
  },
  'share-conflict': {
    summary: 'a share is given once, and this one differs',
    means: ['ShareAlreadyGivenError', 'DuplicateShareError', 'CiphertextAlreadyAnsweredError', 'SpareMasksUsedError']
  },
  'residue-range': { summary: 'residue is not below its prime', means: ['ResidueRangeError'] },
  'quota-exceeded': { summary: 'quota exceeded', means: ['DecryptionQuotaError', 'RefreshQuotaError'] },
  'party-missing': { summary: 'party is missing', required: ['peer', 'phase'] },
  'peer-unreachable': { summary: 'peer cannot be reached', required: ['peer'] },
  'deadline-exceeded': { summary: 'no answer in time' },
  'descriptor-rejected': { summary: 'session descriptor rejected', required: ['field', 'remedy'] },
  'proof-rejected': { summary: 'proof of encryption does not hold', means: ['UnprovenEncryptionError', 'MalformedProofError'] },
  'proof-missing': { summary: 'proof of encryption is missing' },
  signature: { summary: 'signature or commitment does not verify' },
  'key-mismatch': { summary: 'two parties have summed two different public keys' },
  'endorsement-refused': { summary: 'no endorsement: a witness came to something else' },
  'not-endorsed': { summary: 'no share without the endorsement of witnesses' },
  'version-mismatch': { summary: 'versions of the software do not fit' },
  'document-conflict': { summary: "another document stands in this one's place" },
  'epoch-refused': { summary: 'the key epoch does not allow it' },
  'release-refused': { summary: 'the model is not to be had so' },
  'grant-refused': { summary: 'the grant does not allow it' },
  'stale-sharing': { summary: 'the sharing of the key is not the current one', means: ['SharingMismatchError'] },
  'queue-full': { summary: 'no room for another query' },
  'storage-full': { summary: 'no room on the disk' },
  'session-aborted': { summary: 'session aborted', required: ['culprit', 'reason'] },
  'remote-failure': { summary: 'peer answered with a failure', required: ['peer', 'reason'] },
  internal: { summary: 'internal error' }
} as const satisfies Record<string, CodeEntry>

/** A code of `CODES`, as a `Failure` message carries it. */
export type ErrorCode = keyof typeof CODES

/** Codes of errors that details alone make. */
export type SimpleCode = Exclude<ErrorCode, 'remote-failure'>

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code)
}

export function entryOf(code: ErrorCode): CodeEntry {
  return CODES[code]
}

/** The code that an error of another package has between parties, by the error's name. */
export const CODE_OF_NAME: ReadonlyMap<string, SimpleCode> = new Map(
  (Object.keys(CODES) as ErrorCode[]).flatMap(code =>
    code === 'remote-failure' ? [] : (entryOf(code).means ?? []).map(name => [name, code] as const)
  )
)
