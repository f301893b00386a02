/** What a running party says of itself in numbers, and what it lacks to be of use. */
import type { Budget } from '../control/reports.js'

export interface EpochFigures {
  readonly epoch: string
  readonly cohort: string
  readonly expires: number
  readonly threshold: number
  readonly holders: number
  /** At the evaluator, which speaks with all of them. */
  readonly holdersUp?: number
  /** Whether this party has a share of the key: it does, none is meant for it, or it has lost the one that was. */
  readonly share: 'held' | 'none' | 'lost'
  /** Where shares are given, and counted. */
  readonly decryptions?: Budget
  readonly refreshes?: Budget
}

export interface PeerFigures {
  readonly name: string
  /** Undefined of one that this party does not speak with. */
  readonly up: boolean | undefined
  readonly sent: number
  readonly received: number
  readonly clockOffsetSeconds?: number
}

export interface Figures {
  /** At the evaluator. */
  readonly queue?: {
    readonly states: Readonly<Record<string, number>>
    readonly bytes: number
    readonly limit: number
    readonly limitBytes: number
  }
  /** Of keys in force. */
  readonly epochs: readonly EpochFigures[]
  readonly models: number
  readonly peers: readonly PeerFigures[]
  readonly restarts: number
  readonly started: number
  readonly ready: boolean
  readonly diskFreeBytes?: number
}

/** What is missing, why that matters, and what to do. */
export interface Missing {
  readonly what: 'cryptography' | 'keys' | 'peers' | 'queue' | 'disk'
  readonly message: string
  readonly remedy: string
}
