/** Problem details (RFC 9457): everything that a gateway answers instead of what was asked for. */

/** Every kind of problem with its status and title. */
export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request is not what the Open Inference Protocol says' },
  'wrong-input': { status: 400, title: 'The input is not what the model reads' },
  unauthenticated: { status: 401, title: 'The request says not who sends it' },
  'not-granted': { status: 403, title: 'The token is not good for this' },
  'cross-site': { status: 403, title: 'The request comes from a page of another site' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'unknown-model': { status: 404, title: 'There is no such model' },
  'too-large': { status: 413, title: 'The request is larger than this gateway takes' },
  'unsupported-media-type': { status: 415, title: 'The body is of a kind that is not read' },
  'quota-spent': { status: 429, title: 'The grant is spent' },
  'internal-error': { status: 500, title: 'The gateway has failed' },
  'query-failed': { status: 502, title: 'The query has failed' },
  'not-ready': { status: 503, title: 'The service cannot answer now' },
  busy: { status: 503, title: 'Too much is waiting' },
  'no-answer': { status: 504, title: 'There was no answer in time' }
} as const

export type ProblemKind = keyof typeof PROBLEMS

export interface ProblemExtras {
  /** Seconds after which it is worth another try. */
  readonly retryAfter?: number
  /** Members beside the standard ones. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** A problem as it is thrown. Its detail never holds a value of a sample. */
export class Problem extends Error {
  override name = 'Problem'

  constructor(
    readonly kind: ProblemKind,
    readonly detail: string,
    readonly extras: ProblemExtras = {},
    options?: ErrorOptions
  ) {
    super(detail, options)
  }

  get status(): number {
    return PROBLEMS[this.kind].status
  }

  /** The body; `error` repeats the detail for clients of the inference protocol, which read that. */
  toJSON(): Record<string, unknown> {
    const { status, title } = PROBLEMS[this.kind]
    return { type: `urn:slytherin:problem:${this.kind}`, title, status, detail: this.detail, error: this.detail, ...this.extras.members }
  }
}
