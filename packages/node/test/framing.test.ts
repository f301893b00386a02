import {
  type Chunk,
  decodeFrames,
  encodeFrames,
  encodeHeader,
  type Frame,
  FrameKind,
  FrameStream,
  type FrameStreamOptions,
  FrameTooLargeError,
  IdleDeadlineError,
  StreamDuplex,
  TruncatedFrameError,
  UnexpectedFrameError
} from '@slytherin/node'
import { pipe } from 'it-pipe'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from './support/network.js'
import { MiB, StreamPair } from './support/streams.js'

const pairs: StreamPair[] = []
async function streams(): Promise<StreamPair> {
  const pair = await StreamPair.open()
  pairs.push(pair)
  return pair
}
afterEach(async () => {
  await Promise.all(pairs.splice(0).map(pair => pair.close()))
})

const options = (more: Partial<FrameStreamOptions> = {}): FrameStreamOptions => ({ peer: 'the-other', idleMilliseconds: 1000, ...more })
const decoding = { peer: 'the-other', idleMilliseconds: 1000, maximumBytes: () => MiB }

async function collect(chunks: AsyncIterable<Chunk>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk.subarray())
  return Buffer.concat(parts)
}

async function* chopped(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size)
}

async function* list<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error
  )
}

describe('transforms', () => {
  it('are inverse to each other, however the bytes are cut', async () => {
    const frames: Frame[] = [0, 1, 5, 1000, 256 * 1024, 256 * 1024 + 1, 600_000].map(length => ({
      kind: FrameKind.request,
      payload: Uint8Array.from({ length }, (_, i) => (i * 31 + length) % 256)
    }))
    const bytes = await collect(pipe(list(...frames), encodeFrames()))
    for (const size of [1 << 30, 65_537, 4096, 3]) {
      const decoded: Frame[] = []
      for await (const frame of pipe(chopped(bytes, size), decodeFrames(decoding))) decoded.push(frame)
      expect(decoded.map(frame => frame.kind)).toEqual(frames.map(frame => frame.kind))
      expect(decoded.every((frame, i) => Buffer.compare(frame.payload, frames[i]!.payload) === 0)).toBe(true)
    }
  })

  it('cut large payloads into chunks and copy none of them', async () => {
    const payload = new Uint8Array(MiB)
    for await (const chunk of pipe(list<Frame>({ kind: FrameKind.request, payload }), encodeFrames())) {
      expect(chunk.byteLength).toBeLessThanOrEqual(256 * 1024 + 5)
      if (chunk instanceof Uint8Array) expect(chunk.buffer).toBe(payload.buffer)
    }
  })

  it('refuse too large, unknown and untimely frames before reading them, and truncated ones', async () => {
    const decode = async (bytes: Uint8Array, maximumBytes: (kind: FrameKind) => number | undefined): Promise<unknown> =>
      await failure(collect(pipe(chopped(bytes, 7), decodeFrames({ ...decoding, maximumBytes }), frames => payloads(frames))))
    const oversized = await decode(encodeHeader(FrameKind.request, 0xffff_ffff), () => MiB)
    expect(oversized).toBeInstanceOf(FrameTooLargeError)
    expect(oversized).toMatchObject({
      peer: 'the-other',
      kind: 'request',
      field: 'length',
      announced: 0xffff_ffff,
      maximum: MiB,
      code: 'oversized-message'
    })
    const garbage = await decode(new Uint8Array(100).fill(0xff), () => MiB)
    expect(garbage).toBeInstanceOf(UnexpectedFrameError)
    expect(garbage).toMatchObject({ peer: 'the-other', field: 'kind', actual: '0xff', code: 'malformed-message' })
    expect(await decode(encodeHeader(FrameKind.goodbye, 0), () => undefined)).toMatchObject({ actual: 'goodbye' })
    const truncated = await decode(Buffer.concat([encodeHeader(FrameKind.request, 100), new Uint8Array(60)]), () => MiB)
    expect(truncated).toBeInstanceOf(TruncatedFrameError)
    expect(truncated).toMatchObject({ peer: 'the-other', field: 'payload', received: 60, announced: 100 })
    expect(await decode(encodeHeader(FrameKind.request, 100).subarray(0, 3), () => MiB)).toBeInstanceOf(TruncatedFrameError)
  })
})

async function* payloads(frames: AsyncIterable<Frame>): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) yield frame.payload
}

describe('streams', () => {
  it('hold a slow reader’s bytes at the sender, lose nothing, and pipe composes over them', async () => {
    const { near, far } = await streams()
    const reader = new StreamDuplex(far, { peer: 'near' })
    const writer = new StreamDuplex(near, { peer: 'far' })
    const total = 48
    async function* produce(): AsyncGenerator<Frame> {
      for (let i = 0; i < total; i++) yield { kind: FrameKind.request, payload: new Uint8Array(MiB).fill(i) }
    }
    const writing = pipe(produce(), encodeFrames(), writer.sink)
    let most = 0
    let index = 0
    for await (const frame of pipe(reader.source, decodeFrames({ ...decoding, idleMilliseconds: 5000 }))) {
      expect(frame.payload.every(byte => byte === index)).toBe(true)
      if (index % 4 === 0) await new Promise(resolve => setTimeout(resolve, 25))
      most = Math.max(most, reader.queuedBytes)
      if (++index === total) break
    }
    await writing
    expect(index).toBe(total)
    expect(most).toBeLessThan(5 * MiB)
  })

  it('carry many frames both ways at once', async () => {
    const { near, far } = await streams()
    const [a, b] = [new FrameStream(near, options()), new FrameStream(far, options())]
    const send = async (stream: FrameStream): Promise<void> => {
      for (let i = 0; i < 300; i++) await stream.send(FrameKind.request, new Uint8Array(10_000).fill(i))
      await stream.close()
    }
    const receive = async (stream: FrameStream): Promise<number> => {
      for (let i = 0; ; i++) {
        const frame = await stream.receive({ [FrameKind.request]: 10_000 })
        if (frame === undefined) return i
        expect(frame.payload[77]).toBe(i % 256)
      }
    }
    const [, , ab, ba] = await Promise.all([send(a), send(b), receive(b), receive(a)])
    expect([ab, ba]).toEqual([300, 300])
  })

  it('end with a typed error when the peer stops inside a frame', async () => {
    const { near, far } = await streams()
    const frames = new FrameStream(far, options({ idleMilliseconds: 200 }))
    near.send(encodeHeader(FrameKind.request, 1000))
    near.send(new Uint8Array(10))
    const error = await failure(frames.receive({ [FrameKind.request]: 1000 }))
    expect(error).toBeInstanceOf(IdleDeadlineError)
    expect(error).toMatchObject({ peer: 'the-other', milliseconds: 200, code: 'deadline-exceeded' })
  })

  it('wait between frames as long as the caller’s signal allows, then still deliver', async () => {
    const { near, far } = await streams()
    const frames = new FrameStream(far, options({ idleMilliseconds: 50 }))
    const signal = AbortSignal.timeout(200)
    expect(await failure(frames.receive({ [FrameKind.request]: 10 }, signal))).toMatchObject({ name: 'TimeoutError' })
    near.send(Buffer.concat([encodeHeader(FrameKind.request, 2), Uint8Array.of(4, 2)]))
    const frame = await frames.receive({ [FrameKind.request]: 10 })
    expect([...frame!.payload]).toEqual([4, 2])
  })

  it('end with a typed error when the peer takes nothing', async () => {
    const { near, far } = await streams()
    far.pause()
    const frames = new FrameStream(near, options({ stallMilliseconds: 300 }))
    const error = await failure(frames.send(FrameKind.request, new Uint8Array(32 * MiB)))
    expect(error).toBeInstanceOf(IdleDeadlineError)
    expect(error).toMatchObject({ milliseconds: 300 })
  })

  it('turn a lost connection in mid-frame into an error, never into short data', async () => {
    const pair = await streams()
    let received = 0
    const onReceived = (bytes: number): void => {
      received += bytes
    }
    const frames = new FrameStream(pair.far, options({ onReceived }))
    const sender = new FrameStream(pair.near, options())
    const sending = failure(sender.send(FrameKind.request, new Uint8Array(64 * MiB)))
    const receiving = failure(frames.receive({ [FrameKind.request]: 64 * MiB }))
    await until(() => received > 100, 5000, 'the middle of the frame')
    expect(received).toBeLessThan(64 * MiB)
    pair.breakConnection()
    expect(await receiving).toMatchObject({ name: expect.stringMatching(/TruncatedFrameError|StreamClosedError/), peer: 'the-other' })
    expect(await sending).toMatchObject({ name: 'StreamClosedError' })
  })

  it('survive cutting and joining by the network: every length from 0 to 300 round-trips', async () => {
    const { near, far } = await streams()
    const [a, b] = [new FrameStream(near, options()), new FrameStream(far, options())]
    for (let length = 0; length <= 300; length++) {
      const [frame] = await Promise.all([
        b.receive({ [FrameKind.response]: 300 }),
        a.send(FrameKind.response, new Uint8Array(length).fill(length))
      ])
      expect(frame!.payload.length).toBe(length)
      expect(frame!.payload.every(byte => byte === length % 256)).toBe(true)
    }
  })
})
