/**
 * What this side knows of one peer of the roster: whether it is up, its connections, its streams, its bytes.
 *
 *   down ──hello──▶ up ──connection lost──▶ interrupted ──hello of the same process──▶ up, reported as 'back'
 *                   └──goodbye──▶ down      ├──hello of another process──▶ down, up
 *                                           └──no sign of life for `deadlines.down`──▶ down
 *
 * An interruption shorter than the deadline is only reported when it is over: requests in flight fail, new ones wait for the connection to come back.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { type PeerState, PeerUnreachableError, ProtocolError } from '@slytherin/protocol'
import type { FrameStreamOptions } from '../framing/frame-stream.js'
import type { Control } from './control.js'
import { HeartbeatMissedError, PeerLeftError, PeerRestartedError } from './errors.js'
import { type NetworkDeadlines, type NetworkLimits, REQUEST_PROTOCOL } from './settings.js'
import { StreamPool } from './stream-pool.js'

export type LinkState = 'up' | 'interrupted' | 'down'

export class PeerLink {
  state: LinkState = 'down'
  sentBytes = 0
  receivedBytes = 0
  /** Of the bytes sent, those that the peer says have reached it. */
  arrivedBytes = 0
  readonly pool: StreamPool
  private readonly controls = new Map<Connection, Control>()
  private readonly waiting = new Set<{ connected(): void; refused(reason: Error): void }>()
  private readonly leaving = new Set<() => void>()
  private lastHeard = 0
  private offset: number | undefined
  /** Bytes sent to processes of the peer that are no more. */
  private sentBefore = 0
  /** Of the process that was spoken with last. */
  private incarnation: string | undefined

  constructor(
    readonly peer: string,
    private readonly deadlines: NetworkDeadlines,
    private readonly limits: NetworkLimits,
    private readonly onChange: (state: PeerState, reason: Error | undefined) => void
  ) {
    this.pool = new StreamPool(limits.streams / 2, signal => this.openStream(signal), this.frameOptions())
  }

  /** Options for every stream of this peer: whatever comes is a sign of life and is counted. */
  frameOptions(): FrameStreamOptions {
    return {
      peer: this.peer,
      highWaterBytes: this.limits.highWater,
      stallMilliseconds: this.deadlines.stall,
      idleMilliseconds: this.deadlines.idle,
      slowestRate: this.limits.slowestRate,
      arrived: () => this.arrivedBytes,
      onReceived: bytes => {
        this.receivedBytes += bytes
        this.lastHeard = performance.now()
      },
      onSent: bytes => {
        this.sentBytes += bytes
      }
    }
  }

  get connected(): boolean {
    return this.connection !== undefined
  }

  private get connection(): Connection | undefined {
    for (const connection of this.controls.keys()) if (connection.status === 'open') return connection
    return undefined
  }

  /** A request stream; a connection that goes away while the stream is opened is waited for to come back. */
  private async openStream(signal: AbortSignal): Promise<Stream> {
    for (;;) {
      // Up without a connection is one whose loss was not told yet: as interrupted.
      await this.whenConnected(this.state === 'down' ? this.deadlines.connect : this.deadlines.down, signal)
      const { connection } = this
      if (connection === undefined) continue
      try {
        return await connection.newStream(REQUEST_PROTOCOL, { signal, maxOutboundStreams: this.limits.streams })
      } catch (error) {
        if (connection.status === 'open' || signal.aborted)
          throw new PeerUnreachableError({ peer: this.peer, reason: (error as Error).message }, { cause: error })
      }
    }
  }

  /** Release names and such of the current connection, for logs. */
  get hello(): Control['hello'] | undefined {
    return this.controls.values().next().value?.hello
  }

  /** Seconds that its clock was ahead of ours when it said hello last. */
  get clockOffset(): number | undefined {
    return this.offset
  }

  get encryption(): string | undefined {
    return this.connection?.encryption
  }

  /** A hello was exchanged on a connection; settles when that connection is of no more use. */
  async attach(control: Control): Promise<void> {
    const { incarnation } = control.hello
    if (this.incarnation !== undefined && this.incarnation !== incarnation) this.restarted()
    this.incarnation = incarnation
    this.offset = control.clockOffset
    this.controls.set(control.connection, control)
    this.lastHeard = performance.now()
    this.change('up', undefined)
    for (const waiter of [...this.waiting]) waiter.connected()
    let failure: Error | undefined
    try {
      await control.run(bytes => this.arrived(bytes))
    } catch (error) {
      failure = error as Error
    }
    // A connection to a process that is no more says nothing of the one that is there.
    if (!this.controls.delete(control.connection)) return
    control.connection.abort(failure ?? new Error('control stream closed'))
    if (this.controls.size > 0) return
    for (const settle of [...this.leaving]) settle()
    this.pool.abort(new PeerUnreachableError({ peer: this.peer, reason: control.goodbye ?? 'the connection was lost' }, { cause: failure }))
    if (control.goodbye === undefined) this.change('interrupted', failure)
    else this.change('down', new PeerLeftError(this.peer, control.goodbye))
  }

  /**
   * Settles when the peer is connected and has said hello.
   * @throws PeerUnreachableError after `milliseconds`, or the signal's reason
   */
  async whenConnected(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.connected) return
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        this.waiting.delete(waiter)
        signal?.removeEventListener('abort', abort)
        settle()
      }
      const waiter = { connected: () => finish(resolve), refused: (reason: Error) => finish(() => reject(reason)) }
      const abort = (): void => finish(() => reject(signal?.reason))
      const timer = setTimeout(
        () => finish(() => reject(new PeerUnreachableError({ peer: this.peer, reason: `not connected within ${milliseconds} ms` }))),
        milliseconds
      )
      this.waiting.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Settles when no connection is left, or when the signal aborts. */
  async whenDisconnected(signal: AbortSignal): Promise<void> {
    if (!this.connected || signal.aborted) return
    await new Promise<void>(resolve => {
      const settle = (): void => {
        this.leaving.delete(settle)
        signal.removeEventListener('abort', settle)
        resolve()
      }
      this.leaving.add(settle)
      signal.addEventListener('abort', settle, { once: true })
    })
  }

  /** A hello failed: whoever waits for the connection is told why instead of waiting on. */
  refused(reason: Error): void {
    if (this.connected) return
    // What the network throws when a peer is killed in its hello is no error of ours, and says nothing of the peer.
    const typed =
      reason instanceof ProtocolError
        ? reason
        : new PeerUnreachableError({ peer: this.peer, kind: 'hello', reason: reason.message }, { cause: reason })
    for (const waiter of [...this.waiting]) waiter.refused(typed)
  }

  /** One tick of the heartbeat: give a sign of life, look for one. `forgiven` ms were lost by this process itself. */
  beat(now: number, forgiven: number): void {
    this.lastHeard += forgiven
    for (const control of this.controls.values()) control.beat(this.receivedBytes)
    const silence = now - this.lastHeard
    if (this.state === 'down' || silence < this.deadlines.down) return
    const missed = new HeartbeatMissedError(this.peer, silence)
    this.drop(missed)
    this.change('down', missed)
  }

  /** What the peer says it has received since it started; what makes no sense counts as nothing new. */
  private arrived(bytes: number): void {
    if (!(bytes >= 0)) return
    const ofThisProcess = Math.min(bytes, this.sentBytes - this.sentBefore)
    this.arrivedBytes = Math.max(this.arrivedBytes, this.sentBefore + ofThisProcess)
  }

  /** The peer is another process than before: nothing that was under way with the last one will be answered. */
  private restarted(): void {
    const restarted = new PeerRestartedError(this.peer)
    const { state } = this
    this.sentBefore = this.sentBytes
    this.drop(restarted)
    this.controls.clear()
    if (state !== 'down') this.change('down', restarted)
  }

  /** Ends every connection to the peer. */
  drop(reason: Error): void {
    this.pool.abort(new PeerUnreachableError({ peer: this.peer, reason: reason.message }, { cause: reason }))
    for (const control of this.controls.values()) {
      control.abort(reason)
      control.connection.abort(reason)
    }
  }

  async sayGoodbye(reason: string): Promise<void> {
    await Promise.allSettled([...this.controls.values()].map(control => control.sayGoodbye(reason)))
  }

  private change(state: LinkState, reason: Error | undefined): void {
    const before = this.state
    if (before === state || (before === 'down' && state === 'interrupted')) return
    this.state = state
    if (state === 'up') this.onChange(before === 'down' ? 'up' : 'back', undefined)
    if (state === 'down') this.onChange('down', reason)
  }
}
