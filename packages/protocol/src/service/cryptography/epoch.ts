/** What the flows of a service ask of cryptography that belongs to a key epoch. Whoever implements it checks every byte string before arithmetic. */
import type { PlanParameters } from '../../terms/plan.js'

/** What an epoch's cryptography is opened with; all of it is in the signed proposal. */
export interface EpochTerms {
  /** Identifier, 32 bytes in hexadecimal: what reference polynomials, shares and proofs are bound to. */
  readonly epoch: string
  readonly parameters: PlanParameters
  /** n, the number of dealers of the first sharing: the secret is a sum of as many. */
  readonly dealers: number
  /** s: bits of security of the flooding in every switch (Kullback–Leibler sense). */
  readonly floodingBits: number
  /** τ: ciphertexts that may be switched in the whole epoch. */
  readonly maximumDecryptions: number
  /** Ciphertexts that may be refreshed in the whole epoch. */
  readonly maximumRefreshes: number
  /** Whether whoever encrypts proves that it did. */
  readonly proofs: boolean
}

/** A sharing as attempts name it (mhe/threshold). */
export interface SharingName {
  /** 0 for the first sharing, one more with every renewal and resharing. */
  readonly generation: number
  /** Hexadecimal. */
  readonly lineage: string
  /** t: holders that it takes. */
  readonly threshold: number
  /** Ascending. */
  readonly points: readonly number[]
}

/** One try of one step by one active set (mhe/threshold/attempt.ts). */
export interface AttemptName {
  /** Of whose shares the attempt is made. */
  readonly sharing: SharingName
  /** Name of the query, or `keys` where keys are made. */
  readonly query: string
  /** Of the plan, and the pass (`r<step>.<pass>`), or `out` for the result. */
  readonly step: string
  /** Counts the tries of the step; each has an active set of its own. */
  readonly number: number
  /** Points of the t holders that are asked, ascending. */
  readonly active: readonly number[]
}
