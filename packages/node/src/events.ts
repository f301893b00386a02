/**
 * What a party tells as it goes: one object per event, one JSON line each with `--json-events`. Numbers are seconds, bytes, or counts; no
 * event holds key material.
 */
import type { Phase, PhaseFigures, Plan, Role, StepReport } from '@slytherin/protocol'

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
  | {
      /** Answers that this party can read, in the order of the samples: one event per batch of the plan, as they come. */
      readonly event: 'result'
      /** Place of the first one among the samples of the call, where this party asked. */
      readonly first?: number
      /** Peer that asked, where it was another party. */
      readonly from?: string
      readonly fromName?: string
      readonly query?: string
      /** Class of each sample: the largest logit, or whether the only logit is positive. */
      readonly predictions: readonly number[]
      readonly logits: readonly (readonly number[])[]
      /** From asking the first sample to reading these. */
      readonly seconds?: number
    }
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
  readonly session: string
  readonly roles: readonly Role[]
  readonly phases: Partial<Record<Phase, PhaseFigures>>
  readonly queries: number
  readonly refreshes: number
  readonly floodingBits: number
  readonly maximumDecryptions: number
  readonly switchesPerQuerier: number
  readonly parameters: unknown
  readonly model: string
  readonly batch: number
  readonly evaluator: 'seal' | 'kernel'
  /** Frame bytes since the party started, in all and per peer. */
  readonly bytes: {
    readonly sent: number
    readonly received: number
    readonly peers: Readonly<Record<string, { readonly sent: number; readonly received: number }>>
  }
  readonly peakMemoryBytes: number
  /** From the party's start to the session's end. */
  readonly seconds: number
  /** Last link of this party's transcript, hexadecimal. */
  readonly transcriptHead: string
}

export interface ErrorReport {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly peer?: string
  readonly phase?: string
  readonly field?: string
  readonly culprit?: string
  /** What the roster calls them. */
  readonly peerName?: string
  readonly culpritName?: string
}

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

/** Class of each sample: index of its largest logit; with a single logit 1 when positive, otherwise 0. */
export function predictionsOf(logits: readonly Float64Array[]): number[] {
  return logits.map(row => {
    if (row.length === 1) return row[0]! > 0 ? 1 : 0
    let best = 0
    for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i
    return best
  })
}
