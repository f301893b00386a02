/**
 * The protocol's transport over libp2p, in Node and in browsers: one request and its answer per exchange, on streams that are kept open.
 *
 *   requester → request frame      responder → response frame | failure frame, then reset
 *
 * A caller that gives up resets the stream; the responder's handler sees its signal abort. A frame that breaks the rules is answered with
 * the typed failure, the stream is reset, and the connection and its other streams go on.
 */
import type { Connection, Stream } from '@libp2p/interface'
import {
  MAXIMUM_FAILURE_BYTES,
  type PeerListener,
  type PeerState,
  PeerUnreachableError,
  type RequestHandler,
  type RequestOptions,
  type ServeLimits,
  type Transport
} from '@slytherin/protocol'
import { isFrameFault, StreamClosedError, TruncatedFrameError } from '../framing/errors.js'
import { FrameKind } from '../framing/frame.js'
import { FrameStream } from '../framing/frame-stream.js'
import { later, SilenceTimer } from '../framing/timers.js'
import type { PeerTransportOptions, TransportHost, TransportPeer } from './carrier.js'
import { Control, type Hello, ownHello } from './control.js'
import { type DialTarget, keepConnected } from './dialer.js'
import { HelloMismatchError, ResponseDeadlineError, TransportStoppedError, UnknownPeerError } from './errors.js'
import { PeerLink } from './peer-link.js'
import {
  CONTROL_PROTOCOL,
  DEFAULT_DEADLINES,
  DEFAULT_LIMITS,
  type NetworkDeadlines,
  type NetworkLimits,
  REQUEST_PROTOCOL
} from './settings.js'

export class PeerTransport implements Transport {
  readonly self: string
  /** Payload bytes since the start, in total or of one peer. */
  readonly bytes = {
    /** Handed to connections. */
    sent: (peer?: string): number => this.total(peer, 'sentBytes'),
    /** Read from connections. */
    received: (peer?: string): number => this.total(peer, 'receivedBytes'),
    /** Of those sent to a peer, what it has said to have received. */
    arrived: (peer: string): number => this.total(peer, 'arrivedBytes')
  }

  private readonly links = new Map<string, PeerLink>()
  /** Peers that are dialled, and how to stop that. */
  private readonly dialled = new Map<string, { readonly addresses: string; readonly stop: AbortController }>()
  private readonly listeners = new Set<PeerListener>()
  private readonly stopping = new AbortController()
  private readonly hello: Hello
  private handler: { handle: RequestHandler; limits: ServeLimits } | undefined
  private heartbeat: ReturnType<typeof setInterval> | undefined
  private loops: Promise<void>[] = []

  private readonly deadlines: NetworkDeadlines
  private readonly limits: NetworkLimits

  /** @param allowed whom the host lets in: the options' peers and this one; it follows the roster from here */
  protected constructor(
    private readonly carrier: TransportHost,
    private readonly options: PeerTransportOptions,
    private readonly allowed: Set<string>
  ) {
    this.self = carrier.self
    this.deadlines = { ...DEFAULT_DEADLINES, ...options.deadlines }
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.hello = ownHello(options.name, options.software, options.version)
    for (const { peer } of options.peers) this.admit(peer)
  }

  /** Begins to dial over a host that is there. @param allowed peers that the host lets in, which follow the roster from here */
  static async over(host: TransportHost, options: PeerTransportOptions, allowed: Set<string> = new Set()): Promise<PeerTransport> {
    const transport = new PeerTransport(host, options, allowed)
    await transport.begin()
    return transport
  }

  /** Multiaddrs that this party can be reached at, with its peer id. */
  get addresses(): string[] {
    return [...this.carrier.addresses]
  }

  /** Peers that are connected and have said hello. */
  get connectedPeers(): string[] {
    return [...this.links.values()].filter(link => link.connected).map(link => link.peer)
  }

  /** By how many seconds a peer's clock was ahead of this one's when it said hello; undefined before, and where it has not said what time it is. */
  clockOffset(peer: string): number | undefined {
    return this.links.get(peer)?.clockOffset
  }

  /** Release of the software of a peer that is connected. */
  softwareOf(peer: string): string | undefined {
    return this.links.get(peer)?.hello?.software
  }

  async request(peer: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    if (this.stopping.signal.aborted) throw new TransportStoppedError()
    const link = this.link(peer)
    const cancel = new AbortController()
    const abort = (): void => cancel.abort(options.signal?.reason)
    let arrived = link.arrivedBytes
    const timer = new SilenceTimer(this.deadlines.response, () => {
      if (link.arrivedBytes === arrived) {
        cancel.abort(new ResponseDeadlineError(peer, this.deadlines.response))
        return false
      }
      arrived = link.arrivedBytes
      return true
    })
    // A long message on a slow line is not late while it moves.
    const onProgress = (): void => {
      timer.restart()
      options.onProgress?.()
    }
    options.signal?.throwIfAborted()
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      if (options.absence !== undefined) await link.whenConnected(options.absence, cancel.signal)
      return await link.pool.use(cancel.signal, async frames => {
        frames.onProgress = onProgress
        try {
          return await this.exchange(frames, request, options.maximumResponseBytes, cancel.signal)
        } finally {
          frames.onProgress = undefined
        }
      })
    } catch (error) {
      throw cancel.signal.aborted ? cancel.signal.reason : error
    } finally {
      timer.stop()
      options.signal?.removeEventListener('abort', abort)
    }
  }

  serve(handler: RequestHandler, limits: ServeLimits): void {
    if (this.handler !== undefined) throw new Error('this transport serves already: one handler only')
    this.handler = { handle: handler, limits }
  }

  /** Another roster, while it runs: who is new may come and is dialled, who is gone is told nothing and let in no more. */
  setPeers(peers: readonly TransportPeer[]): void {
    if (this.stopping.signal.aborted) return
    const wanted = new Set(peers.map(({ peer }) => peer))
    for (const [peer, link] of this.links) {
      if (wanted.has(peer)) continue
      this.allowed.delete(peer)
      this.dialled.get(peer)?.stop.abort()
      this.dialled.delete(peer)
      const removed = new UnknownPeerError(peer)
      link.drop(removed)
      link.refused(removed)
      if (link.state !== 'down') this.changed(peer, 'down', removed)
      this.links.delete(peer)
    }
    for (const { peer } of peers) this.admit(peer)
    for (const target of peers) this.dial(target)
  }

  onPeerChange(listener: PeerListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Tells every peer, ends every stream and connection, stops listening. Requests in flight fail with TransportStoppedError. */
  async stop(reason = 'stopping'): Promise<void> {
    if (this.stopping.signal.aborted) return
    this.stopping.abort(new TransportStoppedError())
    clearInterval(this.heartbeat)
    const goodbyes = Promise.all([...this.links.values()].map(link => link.sayGoodbye(reason)))
    await Promise.race([goodbyes, new Promise<void>(resolve => later(1000, resolve))])
    await Promise.all(this.loops)
    // A moment for the goodbyes to leave before their connections go.
    await new Promise(resolve => setTimeout(resolve, 50))
    for (const link of this.links.values()) link.drop(new TransportStoppedError())
    await this.carrier.stop()
  }

  /** Answers streams from now on, and begins to dial. */
  protected async begin(): Promise<void> {
    const streams = { maxInboundStreams: this.limits.streams, maxOutboundStreams: this.limits.streams }
    await this.carrier.handle(CONTROL_PROTOCOL, (stream, connection) => this.accept(stream, connection), streams)
    await this.carrier.handle(REQUEST_PROTOCOL, (stream, connection) => this.answer(stream, connection), streams)
    this.carrier.onOpened(connection => this.greet(connection))
    let last = performance.now()
    this.heartbeat = setInterval(() => {
      const now = performance.now()
      // When this process itself was held up, the silence of others says nothing: their beats wait in our socket buffers.
      const late = now - last - this.deadlines.beat
      last = now
      for (const link of this.links.values()) link.beat(now, late > this.deadlines.beat ? late : 0)
    }, this.deadlines.beat)
    for (const target of this.options.peers) this.dial(target)
  }

  private admit(peer: string): void {
    if (peer === this.self) return
    this.allowed.add(peer)
    if (this.links.has(peer)) return
    this.links.set(peer, new PeerLink(peer, this.deadlines, this.limits, (state, reason) => this.changed(peer, state, reason)))
  }

  /** Keeps the peer connected, at these addresses from now on; one without addresses dials us. */
  private dial({ peer, addresses }: TransportPeer): void {
    const known = this.dialled.get(peer)
    if (peer === this.self || known?.addresses === addresses.join()) return
    known?.stop.abort()
    this.dialled.delete(peer)
    if (addresses.length === 0) return
    const stop = new AbortController()
    this.dialled.set(peer, { addresses: addresses.join(), stop })
    this.loops.push(this.keep(this.link(peer), addresses, AbortSignal.any([stop.signal, this.stopping.signal])))
  }

  private async keep(link: PeerLink, addresses: readonly string[], stopping: AbortSignal): Promise<void> {
    await this.carrier.know(link.peer, addresses)
    const target: DialTarget = {
      peer: link.peer,
      connected: () => link.connected,
      dial: async signal => {
        const within = AbortSignal.any([signal, AbortSignal.timeout(this.deadlines.dial)])
        // Waited for from before the dial: a connection may have been greeted, refused or lost by the time that its dialling settles.
        const over = new AbortController()
        const greeted = link.whenConnected(this.deadlines.dial + this.deadlines.hello, AbortSignal.any([signal, over.signal]))
        greeted.catch(() => undefined)
        try {
          await this.carrier.dial(link.peer, within)
          await greeted
        } finally {
          over.abort()
        }
      },
      disconnected: signal => link.whenDisconnected(signal),
      failed: error => this.options.onNotice?.({ kind: 'dial-failed', peer: link.peer, error })
    }
    await keepConnected(target, stopping)
  }

  /** Our side of the hello on a connection that we (or libp2p's reconnection) opened. */
  private greet(connection: Connection): void {
    const link = this.links.get(connection.remotePeer.toString())
    if (link === undefined || this.stopping.signal.aborted) {
      connection.abort(link === undefined ? new UnknownPeerError(connection.remotePeer.toString()) : new TransportStoppedError())
      return
    }
    Control.open(connection, this.hello, link.frameOptions(), this.deadlines).then(
      control => this.attach(link, control),
      (error: Error) => {
        this.options.onNotice?.({ kind: 'hello-failed', peer: link.peer, error })
        link.refused(error)
        connection.abort(error)
      }
    )
  }

  private async accept(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const link = this.links.get(peer)
    if (link === undefined) {
      connection.abort(new UnknownPeerError(peer))
      return
    }
    try {
      const control = await Control.accept(stream, connection, this.hello, link.frameOptions(), this.deadlines)
      this.attach(link, control)
    } catch (error) {
      this.options.onNotice?.({ kind: 'hello-failed', peer, error: error as Error })
      // A refusal is on its way; the dialler closes when it has read it.
      if (error instanceof HelloMismatchError) later(1000, () => connection.abort(error))
      else connection.abort(error as Error)
    }
  }

  private attach(link: PeerLink, control: Control): void {
    if (this.stopping.signal.aborted) {
      control.connection.abort(new TransportStoppedError())
      return
    }
    void link.attach(control)
  }

  private async exchange(frames: FrameStream, request: Uint8Array, maximumResponseBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const { peer } = frames
    const broken = frames.send(FrameKind.request, request).then(
      () => new Promise<never>(() => {}),
      async (error: Error) => {
        // The peer may have sent its reason before it reset the stream: let that be read first.
        await new Promise(resolve => setTimeout(resolve, 500))
        throw error
      }
    )
    const expected = { [FrameKind.response]: maximumResponseBytes, [FrameKind.failure]: MAXIMUM_FAILURE_BYTES }
    const frame = await Promise.race([frames.receive(expected, signal), broken]).catch((error: unknown) => {
      if (!(error instanceof TruncatedFrameError)) throw error
      // A process that is killed while it answers ends its streams like this.
      throw new PeerUnreachableError({ peer, reason: 'the stream ended in the middle of the answer' }, { cause: error })
    })
    if (frame === undefined) throw new PeerUnreachableError({ peer, reason: 'the stream was closed before the answer' })
    if (frame.kind === FrameKind.failure) throw this.options.failures.decode(peer, frame.payload)
    return frame.payload
  }

  /** Answers the requests of one inbound stream, one after the other. */
  private async answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const link = this.links.get(peer)
    if (link === undefined) {
      stream.abort(new UnknownPeerError(peer))
      return
    }
    const frames = new FrameStream(stream, link.frameOptions())
    try {
      await link.whenConnected(this.deadlines.hello)
      for (;;) {
        const frame = await frames.receive({ [FrameKind.request]: () => this.maximumRequestBytes(peer) })
        if (frame === undefined) break
        await frames.send(FrameKind.response, await this.handle(stream, peer, frame.payload))
      }
      await frames.close()
    } catch (error) {
      await this.refuse(frames, error as Error)
    }
  }

  private maximumRequestBytes(peer: string): number {
    const maximum = this.handler?.limits.maximumRequestBytes ?? 0
    return typeof maximum === 'number' ? maximum : maximum(peer)
  }

  private async handle(stream: Stream, peer: string, request: Uint8Array): Promise<Uint8Array> {
    const { handler } = this
    if (handler === undefined) throw new PeerUnreachableError({ peer: this.self, reason: 'this party does not serve yet' })
    const gone = new AbortController()
    const closed = (): void => gone.abort(new StreamClosedError(peer, 'the requester has left'))
    const stopped = (): void => gone.abort(this.stopping.signal.reason)
    stream.addEventListener('close', closed)
    this.stopping.signal.addEventListener('abort', stopped)
    try {
      return await handler.handle(peer, request, { signal: gone.signal })
    } finally {
      stream.removeEventListener('close', closed)
      this.stopping.signal.removeEventListener('abort', stopped)
    }
  }

  /** Tells the peer what was wrong and resets the stream. The connection stays. */
  private async refuse(frames: FrameStream, error: Error): Promise<void> {
    if (isFrameFault(error)) this.options.onNotice?.({ kind: 'fault', peer: frames.peer, error })
    if (!(error instanceof StreamClosedError)) {
      const told = frames.send(FrameKind.failure, this.options.failures.encode(error)).catch(() => {})
      await Promise.race([told, new Promise<void>(resolve => later(2000, resolve))])
    }
    frames.abort(error)
  }

  private link(peer: string): PeerLink {
    const link = this.links.get(peer)
    if (link === undefined) throw new UnknownPeerError(peer)
    return link
  }

  private changed(peer: string, state: PeerState, reason: Error | undefined): void {
    const link = this.links.get(peer)
    // Of one that was taken out of the roster.
    if (link === undefined) return
    if (state === 'down') this.options.onNotice?.({ kind: 'down', peer, error: reason })
    else if (state === 'up') this.options.onNotice?.({ kind: 'up', peer, name: link.hello?.name ?? '', encryption: link.encryption ?? '' })
    const why = reason instanceof PeerUnreachableError ? reason.reason : reason?.message
    for (const listener of this.listeners) listener(peer, state, why)
  }

  private total(peer: string | undefined, field: 'sentBytes' | 'receivedBytes' | 'arrivedBytes'): number {
    if (peer !== undefined) return this.links.get(peer)?.[field] ?? 0
    let sum = 0
    for (const link of this.links.values()) sum += link[field]
    return sum
  }
}
