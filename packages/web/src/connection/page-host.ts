/**
 * libp2p as far as a page needs it: one connection to one peer over a WebSocket, Noise, yamux, and streams of protocols that are agreed on by multistream-select.
 *
 *   WebSocket ─ multistream-select ─ Noise (the peer must prove to be the one that was meant) ─ yamux ─ streams
 *
 * The whole of libp2p, with address book, dial queue and connection manager, is twice as large as these pieces, and a page has one peer.
 */
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Ed25519PrivateKey, NewStreamOptions, PeerId, Stream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import * as multistream from '@libp2p/multistream-select'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { DEFAULT_LIMITS, guardedYamux, type TransportHost } from '@slytherin/node/portable'
import { ConnectionFailedError } from '../errors.js'
import { quietLogger } from './quiet-logger.js'
import { WebSocketConnection } from './web-socket-connection.js'

/** How long a stream's protocol may take to be agreed on, milliseconds. */
const NEGOTIATION = 20_000

type Handler = (stream: Stream, connection: Connection) => void | Promise<void>
type Encrypter = ReturnType<ReturnType<typeof noise>>

export class PageHost implements TransportHost {
  readonly self: string
  /** Nobody can dial a page. */
  readonly addresses: readonly string[] = []
  readonly #encrypter: Encrypter
  readonly #muxers: ReadonlyMap<string, StreamMuxerFactory>
  readonly #handlers = new Map<string, Handler>()
  readonly #known = new Map<string, readonly string[]>()
  readonly #open = new Set<PageConnection>()
  #opened: ((connection: Connection) => void) | undefined

  constructor(privateKey: Ed25519PrivateKey) {
    this.self = peerIdFromPrivateKey(privateKey).toString()
    const yamux = guardedYamux(DEFAULT_LIMITS)()
    this.#muxers = new Map([[yamux.protocol, yamux]])
    const upgrader = { getStreamMuxers: () => this.#muxers }
    this.#encrypter = noise()({ privateKey, logger: quietLogger, upgrader } as unknown as Parameters<ReturnType<typeof noise>>[0])
  }

  async handle(protocol: string, handler: Handler): Promise<void> {
    this.#handlers.set(protocol, handler)
  }

  onOpened(listener: (connection: Connection) => void): void {
    this.#opened = listener
  }

  /** @param addresses URLs, `ws:` or `wss:` */
  async know(peer: string, addresses: readonly string[]): Promise<void> {
    this.#known.set(peer, addresses)
  }

  /** @throws ConnectionFailedError; the signal's reason */
  async dial(peer: string, signal: AbortSignal): Promise<void> {
    let failure: unknown = new ConnectionFailedError(peer, 'its address is not known')
    for (const url of this.#known.get(peer) ?? []) {
      try {
        const connection = await this.#connect(url, peerIdFromString(peer), signal)
        this.#open.add(connection)
        this.#opened?.(connection as unknown as Connection)
        return
      } catch (error) {
        signal.throwIfAborted()
        failure = error
      }
    }
    throw failure
  }

  async stop(): Promise<void> {
    for (const connection of this.#open) connection.abort(new ConnectionFailedError('this page', 'it has stopped'))
    this.#open.clear()
  }

  async #connect(url: string, peer: PeerId, signal: AbortSignal): Promise<PageConnection> {
    const raw = await WebSocketConnection.open(url, signal)
    try {
      await multistream.select(raw, this.#encrypter.protocol, { signal })
      const secured = await this.#encrypter.secureOutbound(raw, { signal, remotePeer: peer })
      if (!secured.remotePeer.equals(peer))
        throw new ConnectionFailedError(url, `${secured.remotePeer.toString()} answers there, not ${peer.toString()}`)
      const factory =
        secured.streamMuxer ?? this.#muxers.get(await multistream.select(secured.connection, [...this.#muxers.keys()], { signal }))!
      const connection = new PageConnection(raw, factory.createStreamMuxer(secured.connection), peer, this.#handlers)
      raw.addEventListener('close', () => this.#open.delete(connection))
      return connection
    } catch (error) {
      raw.abort(error instanceof Error ? error : new Error(String(error)))
      // Whom the evaluator does not know is closed on without a word, right after it has proven who it is.
      throw error instanceof ConnectionFailedError || signal.aborted
        ? error
        : new ConnectionFailedError(url, (error as Error).message, { cause: error })
    }
  }
}

/** What the transport uses of libp2p's `Connection`. */
class PageConnection implements Pick<Connection, 'remotePeer' | 'direction' | 'encryption' | 'abort'> {
  readonly direction = 'outbound'
  readonly encryption = '/noise'
  readonly #raw: WebSocketConnection
  readonly #muxer: StreamMuxer
  readonly #handlers: ReadonlyMap<string, Handler>

  constructor(
    raw: WebSocketConnection,
    muxer: StreamMuxer,
    readonly remotePeer: PeerId,
    handlers: ReadonlyMap<string, Handler>
  ) {
    this.#raw = raw
    this.#muxer = muxer
    this.#handlers = handlers
    muxer.addEventListener('stream', event => void this.#answer(event.detail))
  }

  get status(): WebSocketConnection['status'] {
    return this.#raw.status
  }

  async newStream(protocol: string, options: NewStreamOptions = {}): Promise<Stream> {
    const signal = options.signal ?? AbortSignal.timeout(NEGOTIATION)
    const stream = await this.#muxer.createStream({ signal })
    try {
      stream.protocol = await multistream.select(stream, protocol, { signal })
      return stream
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  }

  abort(error: Error): void {
    this.#muxer.abort(error)
    this.#raw.abort(error)
  }

  /** A stream that the other side has opened. */
  async #answer(stream: Stream): Promise<void> {
    try {
      stream.protocol = await multistream.handle(stream, [...this.#handlers.keys()], { signal: AbortSignal.timeout(NEGOTIATION) })
      await this.#handlers.get(stream.protocol)!(stream, this as unknown as Connection)
    } catch (error) {
      stream.abort(error as Error)
    }
  }
}
