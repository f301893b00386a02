/** The roster's names beside peer ids, wherever a person reads them. */
import { plainText } from '@slytherin/protocol'
import { type ErrorReport, type PartyEvent, reportError } from '../events.js'

/** Longest message of an error that is told. */
const MAXIMUM_MESSAGE = 4000

export class PeerNames {
  private readonly names: ReadonlyMap<string, string>

  constructor(roster: readonly { readonly name: string; readonly peerId: string }[]) {
    this.names = new Map(roster.map(({ name, peerId }) => [peerId, name]))
  }

  of(peer: string | undefined): string | undefined {
    return peer === undefined ? undefined : this.names.get(peer)
  }

  /** A text with its name before every peer id of the roster, the id in brackets. */
  in(text: string): string {
    let out = text
    for (const [peer, name] of this.names) out = out.replaceAll(peer, `${name} (${peer})`)
    return out
  }

  /** The fields of an error that may be told, with names. */
  report(thrown: unknown): ErrorReport {
    const report = reportError(thrown)
    const [peerName, culpritName] = [this.of(report.peer), this.of(report.culprit)]
    return {
      ...report,
      message: plainText(this.in(report.message), MAXIMUM_MESSAGE),
      ...(peerName === undefined ? {} : { peerName }),
      ...(culpritName === undefined ? {} : { culpritName })
    }
  }

  /** An event, with the name of the peer that it is about. */
  told(event: PartyEvent): PartyEvent {
    switch (event.event) {
      case 'progress':
      case 'refused': {
        const name = this.of(event.peer)
        return name === undefined ? event : { ...event, name }
      }
      case 'result': {
        const fromName = this.of(event.from)
        return fromName === undefined ? event : { ...event, fromName }
      }
      default:
        return event
    }
  }

  /** How log lines show what they are given: errors in the same words as events, and peers by name. */
  readonly serializers = {
    error: (error: unknown): unknown => {
      if (!(error instanceof Error)) return plainText(this.in(String(error)), MAXIMUM_MESSAGE)
      const { stack } = error
      // The stack begins with the message, which may hold anything; its own lines are ours.
      const calls = stack?.slice(stack.indexOf('\n    at ') >>> 0) ?? ''
      return { type: error.name, ...this.report(error), stack: calls }
    },
    peer: (peer: unknown): unknown => (typeof peer === 'string' ? this.in(plainText(peer)) : peer)
  }
}
