/**
 * What a party tells as it goes: one object per event, one JSON line each with `--json-events`. Numbers are seconds, bytes, or counts; no
 * event holds key material.
 */
import type { Prediction, TaskKind } from '@slytherin/engine'
import type { Phase, PhaseFigures, Plan, Role, StepReport } from '@slytherin/protocol'

/** Answers as the querier reads them. */
export interface Answers {
  /** What the outputs mean. */
  readonly task: TaskKind
  /** Of each sample: its class, by the name that the model has for it; the names of all its labels; its value, or several. */
  readonly predictions: readonly Prediction[]
  /** What the network gives before its last operator, of every sample. */
  readonly logits: readonly (readonly number[])[]
  /** What the file's last operator gives, of every sample: probabilities, or numbers; before an ArgMax its scores. */
  readonly values: readonly (readonly number[])[]
  /** Standard deviation of the error of every logit, from the noise of the evaluation and the flooding of the result. */
  readonly logitDeviation: number
  /** Places of predictions that errors of six such deviations could have turned. */
  readonly nearTies: readonly number[]
  /** Of a regression: standard deviation of the error of every value, in its own unit. */
  readonly deviations?: readonly (readonly number[])[]
  /** Of a model with several outputs: what each of them says, in the order of the file. */
  readonly parts?: readonly OutputAnswers[]
}

/** What one of several outputs says of the samples. */
export interface OutputAnswers {
  readonly name: string
  readonly task: TaskKind
  readonly predictions: readonly Prediction[]
  /** What the file's last operator gives, of every sample: probabilities, or numbers. */
  readonly values: readonly (readonly number[])[]
  readonly nearTies: readonly number[]
}

/** Everything that a party of a session tells, discriminated by `event`. */
export type PartyEvent =
  | {
      /** The party listens and its cryptography is ready. */
      readonly event: 'started'
      readonly name: string
      readonly peer: string
      readonly roles: readonly Role[]
      readonly addresses: readonly string[]
      readonly evaluator: 'seal' | 'kernel'
      readonly pid: number
    }
  | { readonly event: 'peer'; readonly peer: string; readonly name: string; readonly state: PeerNews; readonly reason?: string }
  | {
      /** Somebody is waited for, longer than usual. */
      readonly event: 'waiting'
      readonly phase: Phase
      readonly peer: string
      readonly name: string
      /** What was asked of it, or is expected from it. */
      readonly message: string
      /** Since when, milliseconds since 1970, and for how many seconds by now. */
      readonly since: number
      readonly seconds: number
    }
  | ({ readonly event: 'decryptions' } & DecryptionsLeft)
  | {
      readonly event: 'progress'
      readonly phase: Phase
      readonly done: number
      readonly total: number
      readonly peer?: string
      readonly name?: string
      readonly query?: string
      readonly step?: string
    }
  | { readonly event: 'ready' }
  | {
      /** What the evaluator proposes to compute. Public: every party signs it. */
      readonly event: 'plan'
      readonly plan: Plan
    }
  | {
      /** The evaluator has run a query's plan: seconds, level, scale and tracked noise of every step, in order of passes. */
      readonly event: 'layers'
      readonly query: string
      readonly steps: readonly StepReport[]
    }
  | (Answers & {
      /** Answers that this party can read, in the order of the samples: one event per batch of the plan, as they come. */
      readonly event: 'result'
      /** Place of the first one among the samples of the call, where this party asked. */
      readonly first?: number
      /** Peer that asked, where it was another party. */
      readonly from?: string
      readonly fromName?: string
      readonly query?: string
      /** From asking the first sample to reading these. */
      readonly seconds?: number
    })
  | {
      readonly event: 'usage'
      readonly rssBytes: number
      readonly peakMemoryBytes: number
      readonly bytesSent: number
      readonly bytesReceived: number
      /** Where a session goes on: what the quotas that this party counts have left. */
      readonly decryptions?: readonly DecryptionsLeft[]
    }
  | ({ readonly event: 'session' } & SessionReport)
  | { readonly event: 'refused'; readonly peer: string; readonly name?: string; readonly error: ErrorReport }
  | { readonly event: 'error'; readonly error: ErrorReport }
  | { readonly event: 'stopped'; readonly exitCode: number }

/** `left` said goodbye; `down` broke off or fell silent. */
export type PeerNews = 'up' | 'down' | 'left'

/** Ciphertexts that may still be switched for a querier in this session, of so many. */
export interface DecryptionsLeft {
  readonly querier: string
  readonly name: string
  readonly left: number
  readonly allowed: number
}

/** A session that ended in good order, as this party saw it. */
export interface SessionReport {
  /** Its id, hexadecimal. */
  readonly session: string
  readonly roles: readonly Role[]
  /** Seconds and bytes of each phase that this party took part in. */
  readonly phases: Partial<Record<Phase, PhaseFigures>>
  /** Queries answered (evaluator), asked or read (others). */
  readonly queries: number
  /** Refresh requests made (evaluator) or answered (key holder). */
  readonly refreshes: number
  /** Parties with the role witness. */
  readonly witnesses: number
  /** Endorsements gathered (evaluator), given (witness) or held against requests (key holder). */
  readonly endorsements: number
  /** s: bits of security of the flooding noise in every switch. */
  readonly floodingBits: number
  /** τ: ciphertexts that the session might switch. */
  readonly maximumDecryptions: number
  /** Of these, those of one querier. */
  readonly switchesPerQuerier: number
  /** CKKS parameters as JSON. */
  readonly parameters: unknown
  /** Name under which its owner published it. */
  readonly model: string
  /** Samples of a query. */
  readonly batch: number
  readonly evaluator: 'seal' | 'kernel'
  /** Frame bytes since the party started, in all and per peer. */
  readonly bytes: {
    readonly sent: number
    readonly received: number
    readonly peers: Readonly<Record<string, { readonly sent: number; readonly received: number }>>
  }
  /** Largest resident memory of this process. */
  readonly peakMemoryBytes: number
  /** From the party's start to the session's end. */
  readonly seconds: number
  /** Last link of this party's transcript, hexadecimal. */
  readonly transcriptHead: string
}

/** An error as it is told: its name, its sentence, and whom and what it names. */
export interface ErrorReport {
  readonly name: string
  /** Its sentence; never a secret or a value of a sample. */
  readonly message: string
  readonly code?: string
  /** Peer id of who is at fault. */
  readonly peer?: string
  readonly phase?: string
  readonly field?: string
  /** Peer id of who ended a session. */
  readonly culprit?: string
  /** What the roster calls them. */
  readonly peerName?: string
  readonly culpritName?: string
}

/** Told of every event in order; must not throw. */
export type EventListener = (event: PartyEvent) => void

/** The fields of an error that may be told. */
export function reportError(thrown: unknown): ErrorReport {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const report: Record<string, string> = { name: error.name, message: error.message }
  for (const key of ['code', 'peer', 'phase', 'field', 'culprit'] as const) {
    const value: unknown = (error as unknown as Record<string, unknown>)[key]
    if (typeof value === 'string') report[key] = value
  }
  return report as unknown as ErrorReport
}

/** Largest resident memory of this process so far, in bytes. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
