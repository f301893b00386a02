/** The phases of a session, and what is told and measured of them. */

export const PHASES = [
  'roster',
  'plan',
  'session',
  'public-key',
  'relinearization-key',
  'galois-keys',
  'model-upload',
  'ready',
  'input',
  'proofs',
  'evaluation',
  'refresh',
  'switch',
  'result',
  'close'
] as const

/**
 * Phases of a session, in order. `proofs`, that encryptions are ones, are made, sent and checked while model and inputs are sent. `input` runs from the first sample packed to the last ciphertext delivered, `evaluation` from then to the encrypted result;
 * `refresh` and `switch` are parts of `evaluation`, `result` is delivery and decryption.
 */
export type Phase = (typeof PHASES)[number]

/** A step of a phase was taken: `done` of `total`. */
export interface ProgressEvent {
  phase: Phase
  /** Steps of the phase that are done. */
  done: number
  total: number
  /** The peer that this step was about. */
  peer?: string
  /** Name of the query, in phases of one. */
  query?: string
  /** What is being computed, where the evaluator says so. */
  step?: string
}

/** Somebody is waited for, longer than usual. Every wait has an end: a deadline, or word that the peer is gone. */
export interface WaitingEvent {
  /** In which it is waited for. */
  phase: Phase
  /** Who is waited for. */
  peer: string
  /** What was asked of it, or is expected from it. */
  message: string
  /** Since when, milliseconds since 1970. */
  since: number
}

/** How many ciphertexts may still be switched for a querier in this session. */
export interface DecryptionsEvent {
  /** Peer id. */
  querier: string
  /** Now. */
  left: number
  /** At the beginning: the descriptor's `switchesPerQuerier`. */
  allowed: number
}

/** What a phase cost one process. */
export interface PhaseFigures {
  /** Time during which at least one step of the phase was under way in this process. */
  seconds: number
  /** Message bytes of the phase, requests and answers, as this process sent and received them. */
  bytesSent: number
  /** As `bytesSent`, the other way. */
  bytesReceived: number
}
