/** What stands behind a gateway: a querier's party, as far as the gateway needs it. */

/** A model that the party may ask. */
export interface ServedModel {
  /** Identifier of its release. */
  readonly release: string
  readonly name: string
  /** As its owner counts; the version in the protocol's paths. */
  readonly revision: string
  /** The party that has put it up. */
  readonly owner: string
  /** Sizes of one sample's axes. */
  readonly shape: readonly number[]
  /** Bound on the magnitude of a sample's values. */
  readonly magnitude: number
  /** Samples of one query at most. */
  readonly batch: number
  /** Logits of one sample. */
  readonly features: number
  /** Numbers that the file's last operator makes of them: probabilities, for instance. */
  readonly values: number
  /** What its outputs mean. */
  readonly task: 'classification' | 'binary' | 'multi-label' | 'regression'
  /** Names of the classes, in order, where it has any. */
  readonly labels?: readonly (string | number)[]
  /** Several inputs by name, one after the other in a sample's row. */
  readonly inputs?: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Several outputs by name, and how many values each has. */
  readonly outputs?: readonly ServedOutput[]
  /** Grants in force under which it may be asked, those that last longest first. */
  readonly grants: readonly ModelGrant[]
}

/** One of several outputs of a model. */
export interface ServedOutput {
  readonly name: string
  /** Values of one sample: probabilities, or numbers. */
  readonly values: number
  readonly task: ServedModel['task']
  readonly labels?: readonly (string | number)[]
}

/** A grant of the party's, as far as a gateway chooses among them. */
export interface ModelGrant {
  /** Its identifier. */
  readonly grant: string
  /** Milliseconds since 1970. */
  readonly expires: number
  /** Queries that it is good for in all. */
  readonly queries: number
}

/** What the party may ask at present. */
export interface Catalogue {
  /** What the party calls itself. */
  readonly party: string
  /** What stands between the party and answers, in plain words; empty when nothing does. */
  readonly missing: readonly string[]
  /** Newest first. */
  readonly models: readonly ServedModel[]
}

/** What one query asks. */
export interface Asked {
  /** One of the catalogue. */
  readonly model: ServedModel
  /** Identifier of the grant that the query is charged to. */
  readonly grant: string
  /** Samples. */
  readonly rows: number
  /** rows × values of a sample, row-major. */
  readonly values: Float64Array
}

/** A class or label by name or number, a number, or several of them. */
export type Prediction = string | number | readonly (string | number)[]

/** What a model says of one sample. */
export interface SampleAnswer {
  /** As decrypted: what the network gives before its last operator. */
  readonly logits: readonly number[]
  /** What the file's last operator gives. */
  readonly values: readonly number[]
  /** By the model's task; a class by its name where it has names. */
  readonly prediction: Prediction
  /** The error of the computation could have turned the prediction. */
  readonly nearTie: boolean
  /** Of a model with several outputs: what each says, in their order. */
  readonly parts?: readonly { readonly name: string; readonly values: readonly number[]; readonly prediction: Prediction }[]
}

/** What answers a gateway's requests. */
export interface Backend {
  /** @throws BackendError */
  catalogue(): Promise<Catalogue>
  /**
   * One query. A caller that leaves cancels it.
   * @returns an answer for every row
   * @throws BackendError; the signal's reason
   */
  predict(asked: Asked, signal: AbortSignal): Promise<readonly SampleAnswer[]>
}

/**
 * `party-absent`: no party runs here; `evaluator-absent`: nobody answers the party; `no-answer`: not in time; `quota-spent`: the grant is used up; `grant-refused`:
 * it does not allow it; `queue-full`: the evaluator takes no more for now; `refused`: the cohort refuses the query as it is; `failed`: something broke.
 */
export type BackendCode =
  | 'party-absent'
  | 'evaluator-absent'
  | 'no-answer'
  | 'quota-spent'
  | 'grant-refused'
  | 'queue-full'
  | 'refused'
  | 'failed'

/** Why there is no answer. Its message never holds anything of a sample. */
export class BackendError extends Error {
  override name = 'BackendError'

  constructor(
    readonly code: BackendCode,
    message: string,
    options?: ErrorOptions
  ) {
    super(message, options)
  }
}
