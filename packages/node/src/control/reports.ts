/** What a party tells of itself over its socket: plain JSON, parties by their names in the roster beside their peer ids, never a secret. */

export interface Named {
  readonly peer: string
  /** What the roster calls it; its peer id where it is not in the roster any more. */
  readonly name: string
}

/** How much of a budget is gone. */
export interface Budget {
  readonly used: number
  readonly limit: number
}

export interface PeerReport extends Named {
  readonly roles: readonly string[]
  readonly state: 'this party' | 'up' | 'down' | 'unknown'
  readonly software?: string
  /** By how much its clock was ahead of the one here when it connected. */
  readonly clockOffsetSeconds?: number
}

export interface HolderReport extends Named {
  readonly point: number
  /** `unknown` to who does not speak with it: everybody but the evaluator. */
  readonly state: 'this party' | 'up' | 'down' | 'unknown'
}

export interface WitnessReport extends Named {
  readonly state: PeerReport['state']
}

export interface EpochReport {
  readonly epoch: string
  readonly cohort: string
  readonly state: string
  readonly threshold: number
  readonly holders: readonly HolderReport[]
  /** Who runs every query again before holders help. */
  readonly witnesses: readonly WitnessReport[]
  /** How often the shares were renewed or moved to other holders. */
  readonly generation: number
  readonly created: number
  readonly expires: number
  /** log2 of the ring's degree, and levels of the chain. */
  readonly logN: number
  readonly levels: number
  readonly floodingBits: number
  /** Where this party counts them: what is gone and what there is in all. */
  readonly decryptions?: Budget
  readonly refreshes?: Budget
}

export interface CohortReport {
  readonly epochs: readonly EpochReport[]
}

export interface ModelReport {
  readonly release: string
  readonly epoch: string
  readonly name: string
  readonly revision: string
  readonly owner: Named
  readonly created: number
  readonly state: string
}

export interface GrantReport {
  readonly grant: string
  readonly epoch: string
  readonly issuer: Named
  readonly querier: Named
  readonly models: readonly string[]
  readonly queries: Budget | { readonly limit: number }
  readonly decryptions: Budget | { readonly limit: number }
  readonly expires: number
  readonly state: 'valid' | 'revoked' | 'expired'
}

/** A model that this party may ask, or could with a grant. */
export interface AskableModel {
  readonly release: string
  readonly name: string
  readonly revision: string
  readonly owner: Named
  /** Sizes of one sample's axes, and the bound on its values' magnitude. */
  readonly shape: readonly number[]
  readonly magnitude: number
  /** Samples of one query at most. */
  readonly batch: number
  /** Logits of a sample. */
  readonly features: number
  /** Numbers that the file's last operator makes of them: probabilities, for instance. */
  readonly values: number
  readonly task: 'classification' | 'binary' | 'multi-label' | 'regression'
  readonly labels?: readonly (string | number)[]
  /** Several inputs by name, one after the other in a sample's row. */
  readonly inputs?: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Several outputs by name, and how many values each has. */
  readonly outputs?: readonly NamedOutput[]
  /** In force, those that last longest first. */
  readonly grants: readonly { readonly grant: string; readonly expires: number; readonly queries: number }[]
}

/** One of several outputs of a model. */
export interface NamedOutput {
  readonly name: string
  /** what its last operator gives for a sample */
  readonly values: number
  readonly task: 'classification' | 'binary' | 'multi-label' | 'regression'
  readonly labels?: readonly (string | number)[]
}

export interface AskableReport {
  readonly evaluator: Named & { readonly state: PeerReport['state'] }
  /** Newest first. */
  readonly models: readonly AskableModel[]
}

export interface QueryReport {
  readonly query: string
  readonly model: string
  readonly querier: Named
  readonly samples: number
  readonly state: string
  /** Until then it, and then its answer, waits. */
  readonly expires: number
  /** Queries before it, where it waits. */
  readonly position?: number
  /** Estimated, until its answer is there. */
  readonly secondsLeft?: number
  /** Why it failed. */
  readonly reason?: string
}

/** What a model says of the samples of a query. */
export interface AnswerReport {
  readonly task: string
  readonly predictions: readonly (string | number | readonly (string | number)[])[]
  readonly logits: readonly (readonly number[])[]
  /** What the file's last operator gives: probabilities, or numbers; before an ArgMax its scores. */
  readonly values: readonly (readonly number[])[]
  /** Samples whose prediction the error of the computation could have turned. */
  readonly nearTies: readonly number[]
  /** Of a model with several outputs: what each of them says, in the order of the file. */
  readonly parts?: readonly {
    readonly name: string
    readonly task: string
    readonly predictions: readonly (string | number | readonly (string | number)[])[]
    readonly values: readonly (readonly number[])[]
    readonly nearTies: readonly number[]
  }[]
}

export interface RosterReport {
  readonly added: readonly Named[]
  readonly removed: readonly Named[]
  readonly parties: number
}

/** What a witness does at present. */
export interface WitnessingReport {
  /** Since its process was started. */
  readonly endorsements: number
  readonly queries: readonly {
    readonly query: string
    readonly state: 'following' | 'refused'
    /** What it is doing, or why it does not follow. */
    readonly step: string
    readonly endorsed: number
  }[]
}

/** Further machines that evaluate with an evaluator. */
export interface FleetReport {
  /** Where its queue is, and whether it can be reached. */
  readonly queue: string
  readonly connected: boolean
  readonly workers: readonly {
    readonly worker: string
    readonly host: string
    /** Of the kernel. */
    readonly variant: string
    readonly threads: number
    /** The part of an evaluation that it is at. */
    readonly busy: string | null
    /** Parts that it has done. */
    readonly done: number
  }[]
  /** Parts of evaluations that nobody is at. */
  readonly waiting: number
}

export interface StatusReport {
  readonly party: Named & {
    readonly roles: readonly string[]
    readonly software: string
    readonly pid: number
    readonly started: number
    readonly addresses: readonly string[]
    readonly bytesSent: number
    readonly bytesReceived: number
    readonly memoryBytes: number
    /** How often the thread of cryptography had to be started again. */
    readonly crashes: number
  }
  readonly peers: readonly PeerReport[]
  readonly epochs: readonly EpochReport[]
  readonly models: readonly ModelReport[]
  readonly grants: readonly GrantReport[]
  /** Those that are not over, and at the evaluator results that wait. */
  readonly queries: readonly QueryReport[]
  /** How many answers this party has fetched and keeps: "slytherin query status" lists them, too. */
  readonly answers: number
  /** At a witness. */
  readonly witnessing?: WitnessingReport
  /** At an evaluator that has one. */
  readonly fleet?: FleetReport
  /** The last few, newest first. */
  readonly errors: readonly { readonly time: number; readonly code: string; readonly message: string }[]
}
