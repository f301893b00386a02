/**
 * The way in: every request passes these checks, in this order, before a handler sees it, and no failed check changes the session.
 *
 *   member of the roster → envelope → a request → sender's and receiver's role → session → sequence → bounds → body
 */

import { equalBytes, toHex } from '../base/digest.js'
import { MalformedMessageError, NotPermittedError, OversizedMessageError, UnknownMemberError, WrongSessionError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { hasRole, type Role, type RosterEntry, rolesOf } from '../terms/roster.js'
import { decodeBody, encodeMessage, type Header, readHeader } from './codec.js'
import type { Handler } from './connection.js'
import { type Bodies, isRequest, KINDS, type RequestKind, RULES, ruleOf } from './kinds.js'
import { SequenceGuard } from './sequence.js'
import type { SessionRecord } from './session-record.js'
import { ENVELOPE_BYTES, MAXIMUM_FAILURE_BYTES } from './sizes.js'

interface ReceiverOptions {
  self: string
  /** As configured. */
  roster: readonly RosterEntry[]
  /** The session that is going on, from proposal to end. */
  record(): SessionRecord | undefined
  handler: Handler
  onRefused?(error: Error, peer: string): void
}

export class Receiver {
  readonly #options: ReceiverOptions
  readonly #guard = new SequenceGuard()

  constructor(options: ReceiverOptions) {
    this.#options = options
  }

  /** For `Transport.serve`. @throws ProtocolError, always typed */
  async receive(peer: string, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    let kind = 'envelope'
    try {
      if (rolesOf(this.#options.roster, peer) === undefined) {
        throw new UnknownMemberError({ peer, kind, remedy: 'Add the peer to the roster of every party.' })
      }
      const header = readHeader(bytes, peer)
      kind = header.kind
      if (!isRequest(header.kind)) throw new MalformedMessageError({ peer, kind, field: 'kind', expected: 'a request', actual: kind })
      return await this.#accept(peer, header as Header & { kind: RequestKind }, bytes, signal)
    } catch (error) {
      const typed = translateError(error, { peer, kind })
      this.#options.onRefused?.(typed, peer)
      throw typed
    }
  }

  /** Bound on any request that `peer` may send now. */
  maximumRequestBytes(peer: string): number {
    const roles = rolesOf(this.#options.roster, peer)
    if (roles === undefined) return MAXIMUM_FAILURE_BYTES
    const sizes = this.#options.record()?.sizes
    let most = MAXIMUM_FAILURE_BYTES
    for (const kind of Object.keys(RULES) as RequestKind[]) {
      if (this.#maySend(peer, kind)) most = Math.max(most, KINDS[kind].bound(sizes))
    }
    return most + ENVELOPE_BYTES
  }

  /** A session is over: nothing of it is accepted again. */
  forget(record: SessionRecord): void {
    this.#guard.forget(toHex(record.proposalId))
    if (record.sessionId !== undefined) this.#guard.forget(toHex(record.sessionId))
  }

  async #accept(peer: string, header: Header & { kind: RequestKind }, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { kind, lane, sequence } = header
    const rule = ruleOf(kind)!
    this.#checkSender(peer, kind)
    if (rule.to !== undefined && !hasRole(this.#options.roster, this.#options.self, rule.to)) {
      throw new NotPermittedError({
        peer,
        kind,
        field: 'receiver',
        expected: `a party with the role ${rule.to}`,
        actual: this.#options.self
      })
    }
    const record = this.#options.record()
    this.#checkSession(peer, header, record)
    const message = { peer, kind, lane, sequence, scope: toHex(header.session) }
    if (rule.scope === 'none') this.#guard.begin(message)
    else this.#guard.accept(message)

    const active = rule.scope === 'none' ? undefined : record
    active?.transcript.append('received', peer, kind, bytes)
    active?.meter.received(rule.phase, bytes.length)
    active?.meter.begin(rule.phase)
    try {
      if (header.body.length > KINDS[kind].bound(record?.sizes)) {
        throw new OversizedMessageError({
          peer,
          kind,
          field: 'body',
          expected: `at most ${KINDS[kind].bound(record?.sizes)} bytes`,
          actual: `${header.body.length} bytes`
        })
      }
      const body = decodeBody(kind, header.body, record?.sizes, peer)
      const reply = kind === 'ping' ? this.#pong(peer, body as Bodies['ping']) : await this.#options.handler(kind, body, { peer, signal })
      const response = encodeMessage({ session: header.session, lane, sequence }, rule.reply, reply as never)
      active?.transcript.append('sent', peer, rule.reply, response)
      active?.meter.sent(rule.phase, response.length)
      return response
    } finally {
      active?.meter.end(rule.phase)
      this.#guard.finished(message)
    }
  }

  #pong(peer: string, { lane, sequence, padding }: Bodies['ping']): Bodies['pong'] {
    return { working: this.#guard.isWorking({ peer, lane, sequence }), ...(padding === undefined ? {} : { padding }) }
  }

  #maySend(peer: string, kind: RequestKind): boolean {
    return sendersOf(kind)?.some(role => hasRole(this.#options.roster, peer, role)) ?? true
  }

  #checkSender(peer: string, kind: RequestKind): void {
    if (this.#maySend(peer, kind)) return
    const actual = rolesOf(this.#options.roster, peer)?.join(', ') ?? 'none'
    throw new NotPermittedError({ peer, kind, field: 'sender', expected: `the role ${sendersOf(kind)!.join(' or ')}`, actual })
  }

  #checkSession(peer: string, header: Header, record: SessionRecord | undefined): void {
    const { scope } = ruleOf(header.kind)!
    const expected = scope === 'none' ? new Uint8Array(0) : record?.identifier(scope)
    if (expected !== undefined && equalBytes(expected, header.session)) return
    throw new WrongSessionError({
      peer,
      kind: header.kind,
      field: 'session',
      expected: expected === undefined ? `none (no ${scope} is open)` : toHex(expected),
      actual: toHex(header.session)
    })
  }
}

/** Roles that may send a kind of request; undefined when any member may. */
function sendersOf(kind: RequestKind): readonly Role[] | undefined {
  const { from } = ruleOf(kind)!
  if (from === 'anyone') return undefined
  return from === 'coordinator' ? ['evaluator'] : from
}
