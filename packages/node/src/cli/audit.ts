/** `slytherin audit`: what was kept of a session, checked and run again; and whether an accusation that somebody else makes holds. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Accusation,
  type AuditReport,
  audit,
  culpritParts,
  type EvidenceSource,
  type Finding,
  LocalCryptography,
  type ReplayProgress,
  type SessionFacts,
  verifyCulprit
} from '@slytherin/protocol'
import { Command, InvalidArgumentError } from 'commander'
import { findEvidence } from '../storage/evidence-directory.js'
import { EvidencePartStore, openCulprit, readEvidence, writeCulprit } from '../storage/evidence-reader.js'
import { verifySignature } from '../storage/identity.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE, EXIT_USAGE } from './exit-codes.js'

interface Options {
  evidence?: string[]
  verify?: string
  session?: string
  sample?: number
  seed?: string
  signatures?: boolean
  out: string
  json?: string
}

export function auditCommand(streams: Streams): Command {
  return new Command('audit')
    .description('Check what was kept of a session and run it again, off line; or check an accusation that somebody makes.')
    .option(
      '-e, --evidence <directories...>',
      'what parties have kept: the directory "evidence" of a state directory, or one session in it'
    )
    .option('--session <id>', 'which session, or the beginning of its id; the latest when not given')
    .option('--sample <number>', 'evaluate so many of the queries again, chosen by chance; all when not given', positiveCount)
    .option('--seed <text>', 'what decides which: the same seed chooses the same')
    .option('--signatures', 'check signatures and what they say of each other, and evaluate nothing again')
    .option('--out <directory>', 'where files about culprits go', '.')
    .option('--verify <file>', 'check a file culprit-…: nothing of it is believed')
    .option('--json <file>', 'write what was found as JSON')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if ((options.evidence === undefined) === (options.verify === undefined)) {
        streams.err('Give either --evidence with directories or --verify with a file.\n')
        throw new ExitError(EXIT_USAGE)
      }
      if (options.verify === undefined) await auditEvidence(options, options.evidence!, streams)
      else await verifyFile(options, options.verify, streams)
    })
}

const HELP = `
A line a step: "ok" holds, "??" cannot be told from what was kept, "NO" does not hold. Whom its own signature contradicts is named, with a
file culprit-… that convinces others: they run "slytherin audit --verify" on it.

Exit codes: 0 nothing was found that does not hold (with --verify: the accusation holds), 1 otherwise, 2 wrong usage.`

async function auditEvidence(options: Options, given: readonly string[], streams: Streams): Promise<void> {
  const directories = await findEvidence(given, options.session)
  for (const directory of directories) streams.out(`evidence  ${directory}\n`)
  const sources = await Promise.all(directories.map(readEvidence))
  const seed = options.seed ?? randomBytes(8).toString('hex')
  const start = performance.now()
  const replaying = options.signatures === true ? undefined : new Replaying(sources, streams)
  const report = await audit(sources, {
    verify: verifySignature,
    ...(replaying === undefined ? {} : { cryptography: async facts => await replaying.cryptography(facts) }),
    ...(options.sample === undefined ? {} : { sample: options.sample }),
    seed,
    onFinding: finding => {
      replaying?.clear()
      show(finding, streams)
    },
    onProgress: progress => replaying?.show(progress)
  }).finally(async () => await replaying?.dispose())
  const seconds = (performance.now() - start) / 1000
  const files = await accuse(report, sources, options.out, streams)
  const chosen = options.sample === undefined ? '' : `, seed ${seed}`
  streams.out(`${verdict(report)}: ${report.evaluated} of ${report.queries} queries evaluated again${chosen}, ${seconds.toFixed(1)} s\n`)
  if (options.json !== undefined) await writeJson(options.json, report, { seed, seconds, files, evidence: directories })
  if (!holds(report)) throw new ExitError(EXIT_FAILURE)
}

async function verifyFile(options: Options, file: string, streams: Streams): Promise<void> {
  await using culprit = await openCulprit(file)
  const { accusation, source } = culprit
  streams.out(`accused   ${described(accusation)}\n`)
  const replaying = new Replaying([source], streams)
  const { holds: proven, report } = await verifyCulprit(accusation, source, {
    verify: verifySignature,
    cryptography: async facts => await replaying.cryptography(facts),
    onFinding: finding => {
      replaying.clear()
      show(finding, streams)
    },
    onProgress: progress => replaying.show(progress)
  }).finally(async () => await replaying.dispose())
  streams.out(
    proven ? `PROVEN    by its own signature: ${described(accusation)}\n` : 'NOT PROVEN  the accusation does not follow from this file\n'
  )
  if (options.json !== undefined) await writeJson(options.json, report, { accusation, proven })
  if (!proven) throw new ExitError(EXIT_FAILURE)
}

/** Evaluates again, and says how far it is. */
class Replaying {
  readonly #sources: readonly EvidenceSource[]
  readonly #streams: Streams
  #cryptography: LocalCryptography | undefined
  #shown = 0

  constructor(sources: readonly EvidenceSource[], streams: Streams) {
    this.#sources = sources
    this.#streams = streams
  }

  async cryptography({ descriptor }: SessionFacts): Promise<LocalCryptography> {
    const blob = async (hash: string): Promise<Uint8Array | undefined> => {
      for (const source of this.#sources) {
        const bytes = await source.blob(hash)
        if (bytes !== undefined) return bytes
      }
      return undefined
    }
    this.#cryptography = await LocalCryptography.create({
      store: new EvidencePartStore({ records: [], blob }),
      // In a small ring threads wait for each other longer than they compute.
      threads: descriptor.parameters.logN < 12 ? 1 : 'auto',
      allowInsecure: true
    })
    return this.#cryptography
  }

  show({ step, done, total, text }: ReplayProgress): void {
    if (!this.#streams.terminal || performance.now() - this.#shown < 100) return
    this.#shown = performance.now()
    this.#streams.out(`\r\u001b[K  ${step} ${done}/${total} ${text.slice(0, 80)}`)
  }

  clear(): void {
    if (this.#streams.terminal) this.#streams.out('\r\u001b[K')
  }

  async dispose(): Promise<void> {
    await this.#cryptography?.dispose()
  }
}

const MARKS = { yes: 'ok', unknown: '??', no: 'NO' } as const

function show({ step, holds: held, text }: Finding, streams: Streams): void {
  streams.out(`${MARKS[held]}  ${step.padEnd(16)} ${text}\n`)
}

/** A file for every accusation. */
async function accuse(report: AuditReport, sources: readonly EvidenceSource[], out: string, streams: Streams): Promise<string[]> {
  const files: string[] = []
  for (const accusation of report.accusations) {
    const parts = culpritParts(sources, report.facts!, accusation)
    const what = `${accusation.offence}-${accusation.about}`.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 80)
    const path = join(
      out,
      `culprit-${accusation.party.replace(/[^A-Za-z0-9]+/g, '-')}-${what}.${parts.blobs.length > 0 ? 'bundle' : 'json'}`
    )
    const bytes = await writeCulprit(path, parts, sources)
    streams.out(
      `culprit   ${described(accusation)}\n          ${path} (${(bytes / 1e6).toFixed(2)} MB): slytherin audit --verify ${path}\n`
    )
    files.push(path)
  }
  return files
}

function described({ party, offence, about }: Accusation): string {
  return `${party}: ${offence}, ${about}`
}

function holds({ findings }: AuditReport): boolean {
  return findings.every(finding => finding.holds !== 'no')
}

function verdict(report: AuditReport): string {
  if (!holds(report)) return 'DOES NOT HOLD'
  return report.findings.some(finding => finding.holds === 'unknown') ? 'holds as far as can be told' : 'holds'
}

async function writeJson(path: string, { session, findings, accusations, evaluated, queries }: AuditReport, more: object): Promise<void> {
  await writeFile(path, `${JSON.stringify({ session, findings, accusations, evaluated, queries, ...more }, null, 2)}\n`)
}

function positiveCount(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('expected a number of queries, at least 1')
  return number
}
