/**
 * The control stream of one connection: hello, beats, goodbye.
 *
 *   dialler → hello          listener → hello | refusal
 *   then either side         → beat every `deadlines.beat`, goodbye when it stops
 *
 * `dial()` resolves even when the remote turns the connection away, so a peer counts as connected only after its hello. The hello says
 * which process speaks; in which session it is, the protocol asks (`alive`) as soon as it hears of the connection.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { MalformedMessageError, plainText } from '@slytherin/protocol'
import * as z from 'zod'
import { FrameKind } from '../framing/frame.js'
import { FrameStream, type FrameStreamOptions } from '../framing/frame-stream.js'
import { HelloMismatchError, HelloMissingError, HelloRefusedError } from './errors.js'
import { CONTROL_PROTOCOL, MAXIMUM_CONTROL_BYTES, type NetworkDeadlines, PROTOCOL_VERSION } from './settings.js'

export interface Hello {
  readonly version: number
  /** Release of the software, for logs. */
  readonly software: string
  /** What the peer calls itself, for logs. */
  readonly name: string
  /** Drawn when the process starts: another one under the same identity is another process, which knows nothing of the sessions of the last. */
  readonly incarnation: string
  /** What the peer's clock says, milliseconds since 1970. Older releases do not say. */
  readonly time?: number | undefined
}

/** Bytes received so far, a 64-bit float, in every beat: on a slow line they tell the sender that its bytes arrive. */
const COUNTER_BYTES = 8

/** Characters of a reason for leaving. */
const MAXIMUM_GOODBYE = 256
const INCARNATION = /^[0-9a-f]{32}$/
const helloSchema = z.object({
  version: z.number().int(),
  software: z
    .string()
    .max(64)
    .transform(text => plainText(text)),
  name: z
    .string()
    .max(128)
    .transform(text => plainText(text)),
  /** Other versions have none; they are refused for their version. */
  incarnation: z.string().regex(INCARNATION).default(''),
  time: z.number().min(0).max(8.64e15).optional()
})
const refusalSchema = z.object({ field: z.string().max(128), reason: z.string().max(1024) })

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

export class Control {
  private goodbyeReason: string | undefined
  private sending: Promise<void> = Promise.resolve()
  private beating = false

  private constructor(
    readonly connection: Connection,
    private readonly frames: FrameStream,
    readonly hello: Hello,
    /** Seconds by which the peer's clock is ahead of ours, up to the time that its hello took. */
    readonly clockOffset = hello.time === undefined ? undefined : (hello.time - Date.now()) / 1000
  ) {}

  /** Opens the control stream of an outbound connection and exchanges hellos. */
  static async open(connection: Connection, own: Hello, options: FrameStreamOptions, deadlines: NetworkDeadlines): Promise<Control> {
    const signal = AbortSignal.timeout(deadlines.hello)
    const stream = await connection.newStream(CONTROL_PROTOCOL, { signal })
    return await Control.guard(stream, options, async frames => {
      await frames.send(FrameKind.hello, encode({ ...own, time: Date.now() }))
      return new Control(connection, frames, await receiveHello(frames, own, deadlines))
    })
  }

  /** Answers the control stream of an inbound connection; a hello that does not fit is refused with the reason. */
  static async accept(
    stream: Stream,
    connection: Connection,
    own: Hello,
    options: FrameStreamOptions,
    deadlines: NetworkDeadlines
  ): Promise<Control> {
    return await Control.guard(stream, options, async frames => {
      let hello: Hello
      try {
        hello = await receiveHello(frames, own, deadlines)
      } catch (error) {
        if (error instanceof HelloMismatchError) {
          await frames.send(FrameKind.refusal, encode({ field: error.field, reason: `expected ${error.expected}, got ${error.actual}` }))
          await frames.close()
        }
        throw error
      }
      await frames.send(FrameKind.hello, encode({ ...own, time: Date.now() }))
      return new Control(connection, frames, hello)
    })
  }

  private static async guard(
    stream: Stream,
    options: FrameStreamOptions,
    exchange: (frames: FrameStream) => Promise<Control>
  ): Promise<Control> {
    const frames = new FrameStream(stream, options)
    try {
      return await exchange(frames)
    } catch (error) {
      if (!(error instanceof HelloMismatchError)) frames.abort(error as Error)
      throw error
    }
  }

  /** The reason the peer gave for leaving, once it has. */
  get goodbye(): string | undefined {
    return this.goodbyeReason
  }

  /**
   * Settles when the peer has said goodbye or closed; throws a FrameError when the stream breaks or anything else comes.
   * @param onArrived told how many bytes from here the peer has received so far
   */
  async run(onArrived: (bytes: number) => void): Promise<void> {
    for (;;) {
      const frame = await this.frames.receive({ [FrameKind.beat]: COUNTER_BYTES, [FrameKind.goodbye]: MAXIMUM_CONTROL_BYTES })
      if (frame === undefined) return
      if (frame.kind === FrameKind.beat) onArrived(this.readCounter(frame.payload))
      else {
        this.goodbyeReason = plainText(new TextDecoder().decode(frame.payload), MAXIMUM_GOODBYE)
        return
      }
    }
  }

  private readCounter(payload: Uint8Array): number {
    if (payload.length === COUNTER_BYTES) return new DataView(payload.buffer, payload.byteOffset).getFloat64(0)
    const { peer } = this.frames
    throw new MalformedMessageError({
      peer,
      kind: 'beat',
      field: 'payload',
      expected: `${COUNTER_BYTES} bytes`,
      actual: `${payload.length} bytes`
    })
  }

  /** Gives a sign of life, unless the one before it is still on its way, and says how many bytes of the peer have come so far. */
  beat(received: number): void {
    if (this.beating) return
    this.beating = true
    this.sending = this.frames
      .send(FrameKind.beat, counter(received))
      .catch(() => {})
      .finally(() => {
        this.beating = false
      })
  }

  async sayGoodbye(reason: string): Promise<void> {
    await this.sending
    await this.frames.send(FrameKind.goodbye, new TextEncoder().encode(reason.slice(0, MAXIMUM_GOODBYE)))
  }

  abort(reason: Error): void {
    this.frames.abort(reason)
  }
}

async function receiveHello(frames: FrameStream, own: Hello, deadlines: NetworkDeadlines): Promise<Hello> {
  const { peer } = frames
  const signal = AbortSignal.timeout(deadlines.hello)
  const frame = await frames
    .receive({ [FrameKind.hello]: MAXIMUM_CONTROL_BYTES, [FrameKind.refusal]: MAXIMUM_CONTROL_BYTES }, signal)
    .catch((error: unknown) => {
      throw signal.aborted ? new HelloMissingError(peer, deadlines.hello) : error
    })
  if (frame === undefined) throw new HelloMissingError(peer, deadlines.hello)
  if (frame.kind === FrameKind.refusal) {
    const refusal = parse(refusalSchema, frame.payload)
    throw new HelloRefusedError(peer, refusal?.field ?? 'unknown', refusal?.reason ?? 'no reason given')
  }
  return readHello(frame.payload, peer, own.version)
}

/** @param version of this program's network protocol. @throws HelloMismatchError */
export function readHello(payload: Uint8Array, peer: string, version: number): Hello {
  const hello = parse(helloSchema, payload)
  if (hello === undefined)
    throw new HelloMismatchError(peer, 'hello', 'JSON with version, software, name and incarnation', 'something else')
  if (hello.version !== version) throw new HelloMismatchError(peer, 'version', String(version), String(hello.version))
  if (hello.incarnation === '') throw new HelloMismatchError(peer, 'incarnation', '16 bytes, hexadecimal', 'none')
  return hello
}

/** A count of bytes, which the other end may doubt but not mistake. */
function counter(count: number): Uint8Array {
  const bytes = new Uint8Array(COUNTER_BYTES)
  new DataView(bytes.buffer).setFloat64(0, count)
  return bytes
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return undefined
  }
}

export function ownHello(name: string, software: string, version: number = PROTOCOL_VERSION): Hello {
  return { version, software, name, incarnation: hexadecimal(crypto.getRandomValues(new Uint8Array(16))) }
}

function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
