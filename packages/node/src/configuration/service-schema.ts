/**
 * Schema of party.yaml for a party of a standing service: cohorts, models, grants and queries come and go by commands, so that only what this party is, whom it
 * knows and what it puts up with stands in the file. Times are milliseconds, sizes bytes.
 */
import { fleetSchema } from '@slytherin/fleet'
import * as z from 'zod'
import { bytes, costs, count, keystore, logLevel, milliseconds, network, path, peerId, rosterEntry, threads } from './parts.js'

const DAY = 86_400_000

const limits = z
  .strictObject({
    /** At the evaluator: queries that wait or run, and bytes of their inputs and answers together; more are refused. */
    queries: count.default(1000),
    queueBytes: bytes.default(20e9),
    /** At the evaluator: how long an answer waits for its querier. */
    answers: milliseconds.default(7 * DAY),
    /** Weights of all models that are kept in memory; others are read from disk when they are asked. */
    weightBytes: bytes.default(2 ** 30)
  })
  .prefault({})

/** What this party demands of an epoch before it signs. */
const policy = z
  .strictObject({
    minimumFloodingBits: z.number().int().min(30).max(100).default(30),
    /** Share of the holders of whom more must be needed for every answer. */
    minimumThreshold: z.number().min(0).lt(1).default(0.5),
    /** Whether shares may be dealt for a lower threshold than there is: fewer holders could read everything then. */
    lowerThreshold: z.boolean().default(false),
    maximumDecryptions: count.default(1_000_000),
    /** How long keys may live. */
    maximumAge: milliseconds.default(366 * DAY),
    /** Witnesses that must have come to the very same before this party, as a key holder, helps; keys, and as an owner or querier models, without so many are refused. */
    assist: z
      .strictObject({
        /** How many. When absent, one of those that keys name; keys that name none are refused where the roster has any. */
        witnesses: z.number().int().min(0).max(255).optional(),
        /** Peer ids of the witnesses that count; all of the roster when absent. */
        from: z.array(peerId).min(1).optional()
      })
      .prefault({}),
    /** Whether the keys that follow others may be made without anybody having asked for it, when those come to their end. */
    automaticEpochs: z.boolean().default(true),
    /** For tests: rings of this degree (log2), whatever the security table says of them; everybody of a cohort must say so. */
    insecureLogN: z.number().int().min(4).max(17).optional()
  })
  .prefault({})

const turnedOver = {
  /** Of one file; and how many files, the present one included. */
  fileBytes: bytes.min(65_536),
  files: z.number().int().min(2).max(1000)
}

/** On standard error, or in files that are turned over. */
const log = z
  .strictObject({
    level: logLevel,
    file: path.optional(),
    fileBytes: turnedOver.fileBytes.default(10_000_000),
    files: turnedOver.files.default(5)
  })
  .prefault({})

/** Who was allowed what, who asked, what was given: in the state directory, under audit. */
const auditLog = z.strictObject({ fileBytes: turnedOver.fileBytes.default(10_000_000), files: turnedOver.files.default(10) }).prefault({})

/** At the evaluator: when keys come to their end, those that follow are made, and models that may be moved go to them. */
const next = z
  .strictObject({
    automatic: z.boolean().default(true),
    /** Share of their decryptions, refreshes or time that is spent then. */
    at: z.number().gt(0).lte(1).default(0.9)
  })
  .prefault({})

export const serviceSchema = z.strictObject({
  /** What this party calls itself. */
  name: z.string().min(1).max(128),
  /** Directory with identity, keystore, shares, documents, models; made by `slytherin init`. */
  state: path,
  keystore,
  network,
  /** Everyone that this party speaks with, itself included; "slytherin roster" edits it while the party runs. */
  roster: z.array(rosterEntry).min(1),
  cohort: z.strictObject({
    /** The party through which all others speak: its name or peer id in the roster. */
    evaluator: z.string().min(1),
    limits,
    next,
    policy
  }),
  /** What plans are priced with. */
  costs,
  threads,
  /** At the evaluator: further machines of its operator that evaluate with it; this one alone when absent. */
  fleet: fleetSchema.optional(),
  /**
   * Metrics and health over HTTP, on 127.0.0.1 at this port (0: any that is free); none when absent. With `dashboard` a page, too, of what the party does: peers,
   * queries, grants and what goes into the audit log, for every user of this machine to read.
   */
  metrics: z.strictObject({ port: z.number().int().min(0).max(65_535), dashboard: z.boolean().default(false) }).optional(),
  log,
  auditLog
})

export type ServiceConfiguration = z.infer<typeof serviceSchema>
