/** A WebSocket as the byte stream that libp2p secures: what @libp2p/websockets makes of one, without what a page has no use for. */
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { ConnectionFailedError } from '../errors.js'
import { quietLog } from './quiet-logger.js'

/** Bytes that wait in the socket above which no more are given to it. */
const MAXIMUM_BUFFERED = 4 << 20
/** How often a full socket is looked at, milliseconds: sockets do not say when they have room. */
const POLL = 10

export class WebSocketConnection extends AbstractMessageStream {
  readonly #socket: WebSocket
  #poll: ReturnType<typeof setInterval> | undefined

  private constructor(socket: WebSocket) {
    super({ log: quietLog, direction: 'outbound' })
    this.#socket = socket
    socket.addEventListener('close', () => {
      clearInterval(this.#poll)
      this.onTransportClosed()
    })
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) this.onData(new Uint8Array(data))
      else this.abort(new ConnectionFailedError(socket.url, 'it sent text'))
    })
  }

  /** @throws ConnectionFailedError; the signal's reason */
  static async open(url: string, signal: AbortSignal): Promise<WebSocketConnection> {
    signal.throwIfAborted()
    const socket = new WebSocket(url)
    socket.binaryType = 'arraybuffer'
    await new Promise<void>((resolve, reject) => {
      const give = (reason: unknown): void => {
        signal.removeEventListener('abort', stop)
        socket.close()
        reject(reason)
      }
      const stop = (): void => give(signal.reason)
      const opened = (): void => {
        // A time limit for opening is none for what was opened.
        signal.removeEventListener('abort', stop)
        resolve()
      }
      socket.addEventListener('open', opened, { once: true })
      // A socket does not say why.
      socket.addEventListener('error', () => give(new ConnectionFailedError(url, 'nobody answers there, or the address is not allowed')), {
        once: true
      })
      signal.addEventListener('abort', stop, { once: true })
    })
    return new WebSocketConnection(socket)
  }

  override sendData(data: Uint8ArrayList): SendResult {
    for (const piece of data) this.#socket.send(piece as Uint8Array<ArrayBuffer>)
    const canSendMore = this.#socket.bufferedAmount < MAXIMUM_BUFFERED
    if (!canSendMore) this.#poll ??= setInterval(() => this.#look(), POLL)
    return { sentBytes: data.byteLength, canSendMore }
  }

  override sendReset(): void {
    this.#socket.close()
  }

  async close(): Promise<void> {
    this.#socket.close()
  }

  override sendPause(): void {
    // A socket cannot be paused; what is read ahead is bounded by the windows of the multiplexer.
  }

  override sendResume(): void {
    // As above.
  }

  #look(): void {
    if (this.#socket.bufferedAmount >= MAXIMUM_BUFFERED / 2) return
    clearInterval(this.#poll)
    this.#poll = undefined
    this.safeDispatchEvent('drain')
  }
}
