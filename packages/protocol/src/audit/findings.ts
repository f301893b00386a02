/** What an audit says: step by step what holds, and who is named by its own signature where something does not. */

/** In the order in which a session goes. */
export const AUDIT_STEPS = [
  'records',
  'session',
  'public-key',
  'evaluation-keys',
  'model',
  'queries',
  'requests',
  'endorsements',
  'shares',
  'results',
  'evaluation'
] as const
/** A part of the audit, as findings name it. */
export type AuditStep = (typeof AUDIT_STEPS)[number]

/**
 * - `equivocation`: two signed statements that contradict each other
 * - `commitment`: a share that does not open the commitment of its holder
 * - `confirmation`: a public key that is not the sum of the signed shares
 * - `key-share`, `model-part`, `input`, `shares`: signed bytes that are not what they are said to be
 * - `request`: help asked for what the query is not, or not of the plan
 * - `evaluation`: second components, or a result, that do not follow from the signed inputs, model, keys and shares
 */
export const OFFENCES = [
  'equivocation',
  'commitment',
  'confirmation',
  'key-share',
  'model-part',
  'input',
  'shares',
  'request',
  'evaluation'
] as const
/** What a party is accused of; `OFFENCES` says what each means. */
export type Offence = (typeof OFFENCES)[number]

/** Whom a finding names, and for what. */
export interface Accusation {
  /** Peer id. */
  readonly party: string
  /** What it did; see `OFFENCES`. */
  readonly offence: Offence
  /** The statement, instance or share that it is about. */
  readonly about: string
  /** The query to be evaluated again to see it, where signatures alone do not show it. */
  readonly query?: string | undefined
}

/** One thing that the audit looked at, and whether it holds. */
export interface Finding {
  /** What was looked at. */
  readonly step: AuditStep
  /** `unknown` when what was kept does not tell. */
  readonly holds: 'yes' | 'no' | 'unknown'
  /** One line. */
  readonly text: string
  /** Whom it names, where something signed shows who it was. */
  readonly accusation?: Accusation | undefined
  /** Two signed statements differ, and which of them is false is for the replay to say. */
  readonly disputed?: true
  /** What was kept is not what was signed, by its hash: in any software. */
  readonly damaged?: true
}

/** Whether two accusations name the same party, offence, subject and query: how a culprit file is held against the audit of its evidence. */
export function sameAccusation(a: Accusation, b: Accusation): boolean {
  return a.party === b.party && a.offence === b.offence && a.about === b.about && a.query === b.query
}
