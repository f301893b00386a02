/**
 * The party.yaml that `slytherin init --cohort` writes: every setting, with its default and why it is there. A line `#key: value` is a default: taking the `#` away
 * changes nothing. The tests hold it against the schema.
 */
import { stringify } from 'yaml'

export interface TemplateOptions {
  readonly name: string
  /** As the file says it: relative to itself. */
  readonly state: string
  /** One key of `keystore`, and its value. */
  readonly keystore: readonly [string, string]
  readonly listen: readonly string[]
  /** A line as `slytherin init` prints it. */
  readonly rosterLine: string
  /** Name or peer id of the evaluator. */
  readonly evaluator: string
}

const text = (value: unknown): string => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()

export function serviceTemplate({ name, state, keystore, listen, rosterLine, evaluator }: TemplateOptions): string {
  return `# A party of a standing service. Start it with: slytherin party --config THIS FILE
# "#key: value" is a default; "# text" says why it is there. Times are milliseconds, sizes bytes; paths are relative to this file.

# What this party calls itself, in the hello to others and in logs.
name: ${text(name)}
# Identity, keystore, shares, documents, models, queries; mode 0700. Back it up as the documentation says: shares of old backups are refused.
state: ${text(state)}
# What opens the keystore, one of: keyFile, passphraseFile, passphraseEnvironment.
keystore: { ${keystore[0]}: ${text(keystore[1])} }

network:
  # Addresses to listen on; none for a party that only dials, behind a firewall for example.
  listen: ${text(listen)}
  # Addresses told to others instead, where they see this machine under another one.
  #announce: []
  # Addresses or ranges (10.0.0.0/8) that may connect; all when absent. Who connects must be in the roster in any case.
  # allowedAddresses: [10.0.0.0/8]
  #deadlines: {}
  #limits: {}

# Everybody that this party speaks with, itself included: edit it with "slytherin roster add LINE" and "slytherin roster remove NAME", also while the party runs.
roster:
  ${rosterLine}

cohort:
  # The party through which all others speak: its name or peer id in the roster.
  evaluator: ${text(evaluator)}
  limits:
    # At the evaluator: queries that wait or run, and bytes of their inputs and answers; more are refused with "queue-full".
    #queries: 1000
    #queueBytes: 20000000000
    # At the evaluator: how long an answer waits for its querier; a week.
    #answers: 604800000
    # Weights of all models that are kept in memory; those of others are read from disk when they are asked.
    #weightBytes: 1073741824
  # At the evaluator: when this share of the keys' decryptions, refreshes or time is spent, those that follow are made, and models that may be moved go to them.
  next:
    #automatic: true
    #at: 0.9
  # What this party demands of a cohort's keys before it signs for them.
  policy:
    # Bits of security of the flooding that hides the secret in what is decrypted.
    #minimumFloodingBits: 30
    # More than this share of the holders must be needed for every answer: fewer could read everything.
    #minimumThreshold: 0.5
    # Whether shares may be dealt for a lower threshold than there is.
    #lowerThreshold: false
    # Ciphertexts that may be decrypted in all; security is counted for them.
    #maximumDecryptions: 1000000
    # How long keys may live; a year and a day.
    #maximumAge: 31622400000
    # Witnesses that must have come to the same before this party helps with its share of the key: one, where the roster has any. 0 helps without, and then trusts
    # the evaluator; from names those that count, by peer id: { witnesses: 2, from: [12D3KooW…] }.
    #assist: {}
    # Whether the keys that follow others may be made without a command, when those come to their end.
    #automaticEpochs: true

# What plans are priced with: this machine, measured once, or built-in figures that give the same plan everywhere.
#costs: measured
# Threads of one operation: a number or auto; by default auto at the evaluator and at witnesses, 1 elsewhere.
# threads: auto
# Metrics and health over HTTP, for this machine alone: http://127.0.0.1:9464/metrics, /health/live, /health/ready.
# With dashboard a page of what this party does, too, for every user of this machine to read: http://127.0.0.1:9464/
# metrics: { port: 9464, dashboard: false }
log:
  # trace, debug, info, warn, error, silent; on standard error, or appended to a file that is turned over when it has grown to fileBytes.
  #level: info
  # file: party.log
  #fileBytes: 10000000
  # Files that are kept, the present one included.
  #files: 5
# Grants, revocations, queries, shares that were given, keys that were made or shared anew: JSON lines in the state directory, under audit.
auditLog:
  #fileBytes: 10000000
  #files: 10
`
}
