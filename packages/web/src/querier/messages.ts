/** What a page's thread and its worker tell each other: plain data. */

export interface ErrorReport {
  /** Class of the error. */
  readonly name: string
  readonly message: string
  /** Of errors of the protocol: what kind it is, whoever reports it. */
  readonly code?: string
  readonly field?: string
  readonly expected?: string
  readonly actual?: string
  readonly remedy?: string
  /** What the party calls itself whose error it is. */
  readonly party?: string
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorReport }

export interface ModelSummary {
  readonly release: string
  readonly name: string
  readonly revision: string
  readonly owner: string
  /** Of one sample; [1, 28, 28] for images of that size. */
  readonly shape: readonly number[]
  /** Largest absolute value of a feature. */
  readonly magnitude: number
  /** Samples of one query. */
  readonly batch: number
  readonly task: string
  readonly classes: number
  /** Names of the classes, where the model has some. */
  readonly labels?: readonly string[]
  /** Ciphertexts that samples are encrypted to. */
  readonly inputs: number
  readonly granted: boolean
}

export type Phase = 'encrypt' | 'queue' | 'compute' | 'read'

export type QuerierEvent =
  | { readonly kind: 'connection'; readonly state: 'up' | 'down'; readonly reason?: string }
  | { readonly kind: 'models'; readonly models: readonly ModelSummary[] }
  | { readonly kind: 'phase'; readonly phase: Phase; readonly done: number; readonly total: number; readonly detail: string }
  | { readonly kind: 'trouble'; readonly error: ErrorReport }

export interface AnswerSummary {
  readonly prediction: string
  /** Per class, or the values of a regression. */
  readonly outputs: readonly number[]
  readonly nearTie: boolean
}

export interface AskReport {
  readonly query: string
  readonly answers: readonly AnswerSummary[]
  /** Milliseconds by phase. */
  readonly milliseconds: Readonly<Record<Phase, number>>
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly ciphertexts: number
  /** The beginning of the first ciphertext, hexadecimal. */
  readonly excerpt: string
  /** Whom all of it went to. */
  readonly to: { readonly name: string; readonly peer: string; readonly url: string }
}

export interface IdentitySummary {
  readonly peer: string
  /** What "slytherin roster add" takes. */
  readonly line: string
}

export interface Invitation {
  readonly peer: string
  /** Hexadecimal. */
  readonly signature: string
}

/** What the worker does for the page. */
export interface QuerierWorker {
  /** Makes an identity when there is none. */
  identity(): Promise<Outcome<IdentitySummary>>
  exportIdentity(): Promise<Outcome<string>>
  /** In place of the one that there is. */
  importIdentity(text: string): Promise<Outcome<IdentitySummary>>
  /** Proof that this page has the key of its identity, for whoever gave it the token. */
  prove(token: string, origin: string): Promise<Outcome<Invitation>>
  /** @param cohort what the page's server says of its cohort, unchecked */
  connect(cohort: unknown): Promise<Outcome<null>>
  ask(release: string, rows: readonly Float64Array[]): Promise<Outcome<AskReport>>
  cancel(): Promise<Outcome<null>>
}

export interface WorkerRequest {
  readonly id: number
  readonly method: keyof QuerierWorker
  readonly parameters: readonly unknown[]
}

/** What comes of a request; or news. */
export type WorkerMessage = { readonly id: number; readonly outcome: Outcome<unknown> } | { readonly event: QuerierEvent }
