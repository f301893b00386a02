/**
 * What a party tells its dashboard, as JSON: GET /status.json. Names, identifiers, counts, times and what follows from plans; nothing of a request's data, no key, no
 * share. Times are milliseconds since 1970 by the party's clock, durations seconds, sizes bytes.
 *
 * Fields may be added within a version; what a field means never changes. Whoever reads it passes over what it does not know.
 */
export const STATUS_VERSION = 1

/** Everything that the page shows, put together anew for every request. */
export interface DashboardStatus {
  readonly version: typeof STATUS_VERSION
  /** When this was put together. */
  readonly time: number
  readonly party: PartyStatus
  /** What keeps the party from being of use to others; nothing when it is ready. */
  readonly missing: readonly { readonly message: string; readonly remedy: string }[]
  /** All of its roster but itself. */
  readonly peers: readonly PeerStatus[]
  /** Keys, newest first. */
  readonly epochs: readonly EpochStatus[]
  readonly models: readonly ModelStatus[]
  readonly grants: readonly GrantStatus[]
  /** At an evaluator. */
  readonly queue?: QueueStatus
  /** What this party has seen of queries since its process started, and those that it has still to do with; newest first, the last few only. */
  readonly queries: readonly QueryHistory[]
  /** What went into the audit log since its process started, newest first, the last few only. */
  readonly events: readonly AuditEvent[]
  /** What went wrong that nobody waited for, newest first, the last few only. */
  readonly errors: readonly { readonly time: number; readonly code: string; readonly message: string }[]
}

/** The party whose page this is, and what its process takes. */
export interface PartyStatus {
  readonly name: string
  /** Peer id. */
  readonly peer: string
  /** key-holder, model-owner, data-owner, querier, evaluator, witness. */
  readonly roles: readonly string[]
  readonly software: string
  /** When its process started. */
  readonly started: number
  /** Of frames to all peers since then. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Resident memory of the process. */
  readonly memoryBytes: number
  /** On the file system of its state. */
  readonly diskFreeBytes?: number
  /** How often the thread of cryptography had to be started again. */
  readonly restarts: number
}

/** `unknown` to who does not speak with it: everybody speaks with the evaluator alone, and it with everybody. */
export type Presence = 'this party' | 'up' | 'down' | 'unknown'

/** Another party of the roster, as seen from here. */
export interface PeerStatus {
  readonly name: string
  readonly roles: readonly string[]
  readonly state: Presence
  readonly software?: string
  /** By how much its clock was ahead of the one here when it connected. */
  readonly clockOffsetSeconds?: number
  /** Of frames, since this party's process started. */
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** How much of a budget is gone, of how much. */
export interface Budget {
  readonly used: number
  readonly limit: number
}

/** A key epoch that this party knows. */
export interface EpochStatus {
  readonly epoch: string
  readonly cohort: string
  /** In plain words: `ready`, `1 holder too few`, `over` … */
  readonly state: string
  /** So many of the holders are needed for every answer. */
  readonly threshold: number
  readonly holders: readonly { readonly name: string; readonly state: Presence }[]
  readonly witnesses: readonly { readonly name: string; readonly state: Presence }[]
  /** How often shares were renewed or moved to other holders. */
  readonly generation: number
  readonly created: number
  readonly expires: number
  /** log2 of the ring's degree, levels of the chain, bits of flooding. */
  readonly logN: number
  readonly levels: number
  readonly floodingBits: number
  /** Ciphertexts that this party has helped to decrypt and to refresh, where it counts them. */
  readonly decryptions?: Budget
  readonly refreshes?: Budget
}

/** A release that this party knows. */
export interface ModelStatus {
  /** Its identifier, hexadecimal. */
  readonly release: string
  readonly name: string
  readonly revision: string
  readonly owner: string
  readonly created: number
  /** In plain words: whether it may be asked, and if not why. */
  readonly state: string
}

/** A grant that concerns this party. */
export interface GrantStatus {
  /** Its identifier, hexadecimal. */
  readonly grant: string
  readonly issuer: string
  readonly querier: string
  /** Releases or names that it is for. */
  readonly models: readonly string[]
  /** `used` where this party counts them. */
  readonly queries: Partial<Budget> & { readonly limit: number }
  readonly decryptions: Partial<Budget> & { readonly limit: number }
  readonly expires: number
  /** `valid`, `expired` or `revoked`. */
  readonly state: string
}

/** An evaluator's queue. */
export interface QueueStatus {
  /** Queries by state: open, queued, running, done. */
  readonly states: Readonly<Record<string, number>>
  /** That all queries take on the disk. */
  readonly bytes: number
  readonly limitBytes: number
  readonly limitQueries: number
}

/** Where the time of a query goes at an evaluator; `evaluation` is all of it but `queue`, the others included. */
export type TimedPhase = 'queue' | 'absence' | 'witnesses' | 'refresh' | 'switch' | 'evaluation'

/** One query as one party sees it: what it does not see of it is not there. */
export interface QueryHistory {
  readonly query: string
  /** Name of the model, or the beginning of its release. */
  readonly model?: string
  readonly querier?: string
  readonly samples?: number
  /**
   * States that it was seen to come to: open, queued, running, done, fetched, failed, cancelled, expired at an evaluator; admitted at a key holder; endorsed,
   * not-endorsed at a witness; sent, answered, given-up at whoever asks.
   */
  readonly states: readonly { readonly state: string; readonly time: number; readonly code?: string }[]
  /** Seconds by phase, and how often it was gone through. */
  readonly phases: Readonly<Partial<Record<TimedPhase, { readonly seconds: number; readonly count: number }>>>
  /** What is being done, while it runs: work items that are finished and in all, both 0 where nothing is counted. */
  readonly progress?: { readonly done: number; readonly total: number; readonly step: string }
  /** Of the plan, as far as it has been run, in order. */
  readonly steps: readonly StepHistory[]
  /** How often it was begun again after what may pass. */
  readonly retries: number
  /** At a key holder: requests for shares that it answered, repeated ones included. */
  readonly shares: Readonly<Partial<Record<'refresh' | 'switch', ShareHistory>>>
  /** At a witness: endorsements that it gave. */
  readonly endorsements: number
  /** Of frames, while it ran: other traffic of the party included. */
  readonly bytes?: { readonly sent: number; readonly received: number }
}

/** What a key holder has given for one query. */
export interface ShareHistory {
  /** Answered, repeated ones included. */
  readonly requests: number
  readonly ciphertexts: number
  readonly seconds: number
}

/** A step of the plan, all passes that have been run together. */
export interface StepHistory {
  /** Index into the plan's steps. */
  readonly step: number
  /** linear, square, refresh … */
  readonly kind: string
  readonly layer: string
  readonly passes: number
  readonly seconds: number
  /** Lowest level of its results. */
  readonly level: number
  /** log2 of the largest tracked error in its results' messages. */
  readonly deviation: number
  /** Of frames, sent and received meanwhile. */
  readonly bytes: number
}

/** A line of the audit log; fields besides these two as the event has them. */
export interface AuditEvent {
  readonly time: number
  readonly event: string
  readonly [field: string]: unknown
}
