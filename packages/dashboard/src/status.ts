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
  /** Whose page it is. */
  readonly party: PartyStatus
  /** What keeps the party from being of use to others; nothing when it is ready. */
  readonly missing: readonly { readonly message: string; readonly remedy: string }[]
  /** All of its roster but itself. */
  readonly peers: readonly PeerStatus[]
  /** Keys, newest first. */
  readonly epochs: readonly EpochStatus[]
  /** Releases that it knows. */
  readonly models: readonly ModelStatus[]
  /** The newest grants that it knows. */
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
  /** Version of its software. */
  readonly software: string
  /** When its process started. */
  readonly started: number
  /** Of frames to all peers since then. */
  readonly bytesSent: number
  /** Of frames from all peers since then. */
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
  /** As in the roster. */
  readonly roles: readonly string[]
  /** Whether it is connected to this party. */
  readonly state: Presence
  /** Version that it told when it connected. */
  readonly software?: string
  /** By how much its clock was ahead of the one here when it connected. */
  readonly clockOffsetSeconds?: number
  /** Of frames, since this party's process started. */
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** How much of a budget is gone, of how much. */
export interface Budget {
  /** As this party counts it. */
  readonly used: number
  /** What there was at the beginning. */
  readonly limit: number
}

/** A key epoch that this party knows. */
export interface EpochStatus {
  /** Its identifier, hexadecimal. */
  readonly epoch: string
  /** Name of the cohort. */
  readonly cohort: string
  /** In plain words: `ready`, `1 holder too few`, `over` … */
  readonly state: string
  /** So many of the holders are needed for every answer. */
  readonly threshold: number
  /** All that have a share, and whether they are connected here. */
  readonly holders: readonly { readonly name: string; readonly state: Presence }[]
  /** Who runs every query again; none where the keys name none. */
  readonly witnesses: readonly { readonly name: string; readonly state: Presence }[]
  /** How often shares were renewed or moved to other holders. */
  readonly generation: number
  /** When its keys were proposed. */
  readonly created: number
  /** From when on nothing is answered under it. */
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
  /** As its owner counts. */
  readonly revision: string
  /** Name in the roster, as others. */
  readonly owner: string
  /** When its owner signed it. */
  readonly created: number
  /** In plain words: whether it may be asked, and if not why. */
  readonly state: string
}

/** A grant that concerns this party. */
export interface GrantStatus {
  /** Its identifier, hexadecimal. */
  readonly grant: string
  /** The model's owner, by name. */
  readonly issuer: string
  /** Who may ask, by name. */
  readonly querier: string
  /** Releases or names that it is for. */
  readonly models: readonly string[]
  /** `used` where this party counts them. */
  readonly queries: Partial<Budget> & { readonly limit: number }
  /** Ciphertexts of results; `used` where this party counts them. */
  readonly decryptions: Partial<Budget> & { readonly limit: number }
  /** Until when it is good. */
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
  /** From which on no query is taken. */
  readonly limitBytes: number
  /** From which on no query is taken; answers that wait count. */
  readonly limitQueries: number
}

/** Where the time of a query goes at an evaluator; `evaluation` is all of it but `queue`, the others included. */
export type TimedPhase = 'queue' | 'absence' | 'witnesses' | 'refresh' | 'switch' | 'evaluation'

/** One query as one party sees it: what it does not see of it is not there. */
export interface QueryHistory {
  /** Its name, the same at every party. */
  readonly query: string
  /** Name of the model, or the beginning of its release. */
  readonly model?: string
  /** Who reads the answer, by name. */
  readonly querier?: string
  /** That were asked in it; not what is in them. */
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
  /** For which it gave shares, in all of them. */
  readonly ciphertexts: number
  /** That computing them took, in all. */
  readonly seconds: number
}

/** A step of the plan, all passes that have been run together. */
export interface StepHistory {
  /** Index into the plan's steps. */
  readonly step: number
  /** linear, square, refresh … */
  readonly kind: string
  /** As the model's file names it. */
  readonly layer: string
  /** That have been run; a pass is some blocks of the batch. */
  readonly passes: number
  /** Of all passes together. */
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
  /** When it was written. */
  readonly time: number
  /** Which kind: `started`, `grant-given`, `shares`, … */
  readonly event: string
  readonly [field: string]: unknown
}
