/**
 * The share ledger: a key holder gives one share per (session, protocol, instance).
 *
 * A second share for the same public polynomial and the same secret leaks the secret (eprint 2024/194, 2025/409, 2026/031), so what was
 * given is written down, durably, before the share leaves. A repeated request for the same input is answered with the same bytes; a
 * request with a changed input is refused. The instance of a Galois key is its element and that of the relinearisation key the session's only one; their level is part of
 * the input, so that a key is given for one level only.
 */
import { ShareAlreadyGivenError } from './errors.js'

/** For what a share was given. */
export interface ShareLedgerEntry {
  /** Session identifier in hexadecimal. */
  readonly session: string
  readonly protocol: string
  readonly instance: string
  /** SHA-256 of everything the share depends on besides the secret, in hexadecimal. */
  readonly inputHash: string
}

/** What a key holder has given shares for: durable in a deployment. */
export interface ShareLedger {
  /**
   * Records that a share is being given; must be durable before it returns.
   *
   * @returns `first` for a new instance, `again` when the same input was recorded before
   * @throws ShareAlreadyGivenError when another input was recorded for the instance
   */
  claim(entry: ShareLedgerEntry): 'first' | 'again'
  /** How many instances are recorded for a protocol in a session: quotas rest on it. */
  count(session: string, protocol: string): number
  /** Whether an instance is recorded. */
  has(session: string, protocol: string, instance: string): boolean
}

/** Ledger of a process that keeps its session in memory only: tests, benchmarks, a cohort of one. */
export class InMemoryShareLedger implements ShareLedger {
  private readonly sessions = new Map<string, Map<string, string>>()

  claim(entry: ShareLedgerEntry): 'first' | 'again' {
    const key = JSON.stringify([entry.session, entry.protocol])
    let instances = this.sessions.get(key)
    if (instances === undefined) {
      instances = new Map()
      this.sessions.set(key, instances)
    }
    const recorded = instances.get(entry.instance)
    if (recorded === undefined) {
      instances.set(entry.instance, entry.inputHash)
      return 'first'
    }
    if (recorded === entry.inputHash) return 'again'
    throw new ShareAlreadyGivenError(entry.session, entry.protocol, entry.instance, recorded, entry.inputHash)
  }

  count(session: string, protocol: string): number {
    return this.#of(session, protocol)?.size ?? 0
  }

  has(session: string, protocol: string, instance: string): boolean {
    return this.#of(session, protocol)?.has(instance) ?? false
  }

  /** Instances recorded, in the order in which they came. */
  instances(session: string, protocol: string): string[] {
    return [...(this.#of(session, protocol)?.keys() ?? [])]
  }

  #of(session: string, protocol: string): ReadonlyMap<string, string> | undefined {
    return this.sessions.get(JSON.stringify([session, protocol]))
  }
}
