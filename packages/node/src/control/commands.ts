/**
 * What a running party can be asked over its socket: each command with the schema of its parameters and the type of its result. A party answers what its
 * roles are for; all paths are absolute, and are read by the party.
 */
import * as z from 'zod'
import { MAXIMUM_LINE_BYTES } from './lines.js'
import type {
  AnswerReport,
  AskableReport,
  CohortReport,
  EpochReport,
  GrantReport,
  ModelReport,
  QueryReport,
  RosterReport,
  StatusReport
} from './reports.js'

const name = z.string().regex(/^[\w][\w.-]{0,63}$/, { error: 'expected a name of letters, digits, "-", "_" and "." (at most 64)' })
/** A party by its name in the roster or its peer id. */
const party = z.string().min(1).max(256)
const path = z.string().min(1).max(4096)
const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 40)
const days = z.number().positive().max(3660)
/** An identifier, or so many of its first characters that it is the only one. */
const identifier = z.string().regex(/^[0-9a-f]{4,64}$/, { error: 'expected an identifier, or its first characters (at least 4)' })

const scaling = {
  scale: z.number().optional(),
  mean: z.number().optional(),
  deviation: z.number().positive().optional(),
  layout: z.literal('nhwc').optional(),
  label: z.string().min(1).optional(),
  count: count.optional()
}
/** A file, or one for each input by its name. */
const files = z.union([path, z.record(z.string().min(1).max(256), path)])
const dataFile = z.strictObject({ file: files, ...scaling, offset: z.number().int().min(0).optional() })

/** Samples themselves, for a program on this machine: little-endian doubles, row-major, in base64. */
const inlineSamples = z.strictObject({ rows: count, values: z.string().max(MAXIMUM_LINE_BYTES) })

/** An ONNX file, and where the bounds on its values come from: samples, or a manifest; the manifest beside it when neither is given. */
const modelFile = z.strictObject({
  file: path,
  data: z.strictObject({ file: files, ...scaling }).optional(),
  manifest: path.optional(),
  output: z.string().min(1).optional(),
  task: z.enum(['classification', 'binary', 'multi-label', 'regression']).optional(),
  degree: count.max(63).optional(),
  replace: z
    .strictObject({ maxPool: z.enum(['pairs', 'average']).optional(), fakeQuantization: z.enum(['identity']).optional() })
    .optional()
})

export const PARAMETERS = {
  status: z.strictObject({}),
  'roster.reload': z.strictObject({}),
  'cohort.create': z.strictObject({
    name,
    for: z.array(modelFile).max(32),
    batch: count,
    threshold: count.max(255).optional(),
    holders: z.array(party).min(1).max(255).optional(),
    /** None where it is empty. */
    witnesses: z.array(party).max(255).optional(),
    days,
    decryptions: count.optional(),
    floodingBits: z.number().int().min(30).max(100).optional(),
    expectedQueries: count.optional(),
    workers: count.optional()
  }),
  'cohort.status': z.strictObject({ name: name.optional() }),
  'cohort.join': z.strictObject({ name, holder: party, threshold: count.max(255).optional() }),
  'cohort.leave': z.strictObject({ name, holder: party, threshold: count.max(255).optional() }),
  'cohort.reshare': z.strictObject({
    name,
    holders: z.array(party).min(1).max(255).optional(),
    threshold: count.max(255).optional(),
    /** Holders that are up but have lost their share. */
    lost: z.array(party).max(255).optional()
  }),
  'cohort.renew': z.strictObject({ name }),
  'cohort.next': z.strictObject({ name, days: days.optional() }),
  'model.publish': modelFile.extend({
    name,
    revision: name.optional(),
    cohort: name.optional(),
    batch: count,
    expectedQueries: count.optional(),
    workers: count.optional(),
    movable: z.boolean().optional()
  }),
  'model.list': z.strictObject({}),
  'model.withdraw': z.strictObject({ name, revision: name.optional() }),
  'grant.create': z.strictObject({
    querier: party,
    senders: z.array(party).max(256),
    models: z
      .array(z.string().regex(/^(\*|[\w][\w.-]{0,63})$/))
      .min(1)
      .max(256),
    queries: count,
    decryptions: count.optional(),
    days,
    cohort: name.optional()
  }),
  'grant.list': z.strictObject({}),
  'grant.revoke': z.strictObject({ grant: identifier }),
  'query.models': z.strictObject({}),
  'query.ask': z.strictObject({
    model: name,
    revision: name.optional(),
    /** What pays; when absent, the grant that lasts longest. */
    grant: identifier.optional(),
    samples: z.union([dataFile, inlineSamples]),
    follow: z.boolean(),
    /** For a caller that waits: the answer is not kept here, and a caller that leaves cancels the query. */
    transient: z.boolean().optional()
  }),
  'query.status': z.strictObject({ query: identifier.optional() }),
  'query.cancel': z.strictObject({ query: identifier }),
  'query.fetch': z.strictObject({ query: identifier })
} as const satisfies Record<string, z.ZodType>

/** Name of a command over a party's control socket. */
export type CommandName = keyof typeof PARAMETERS
/** What a command takes, as its schema in `PARAMETERS` parses it. */
export type ParametersOf<C extends CommandName> = z.infer<(typeof PARAMETERS)[C]>

/** What each command answers. */
export interface Results {
  status: StatusReport
  'roster.reload': RosterReport
  'cohort.create': EpochReport
  'cohort.status': CohortReport
  'cohort.join': EpochReport
  'cohort.leave': EpochReport
  'cohort.reshare': EpochReport
  'cohort.renew': EpochReport
  'cohort.next': EpochReport
  'model.publish': ModelReport
  'model.list': readonly ModelReport[]
  'model.withdraw': ModelReport
  'grant.create': GrantReport
  'grant.list': readonly GrantReport[]
  'grant.revoke': GrantReport
  'query.models': AskableReport
  /** Its answer where it was followed to its end. */
  'query.ask': QueryReport & { readonly answer?: AnswerReport }
  'query.status': readonly QueryReport[]
  'query.cancel': QueryReport
  'query.fetch': QueryReport & { readonly answer: AnswerReport }
}

/** How far a command is, while it runs. */
export interface Progress {
  /** For a person, one line. */
  readonly text: string
  /** What `done` counts, where something is counted. */
  readonly phase?: string
  readonly done?: number
  readonly total?: number
  /** Of a query, as soon as it has one. */
  readonly query?: string
}

export interface CommandContext {
  /** Aborted when whoever gave the command has left. */
  readonly signal: AbortSignal
  readonly progress: (progress: Progress) => void
}

/** What answers commands. */
export type CommandHandlers = {
  readonly [C in CommandName]: (parameters: ParametersOf<C>, context: CommandContext) => Promise<Results[C]>
}
