/**
 * Yamux that checks a frame's announced length before it buffers the frame.
 *
 * The decoder of @libp2p/yamux 8 collects any length that a peer announces (up to 4 GiB) before looking at the receive window. No honest
 * data frame exceeds the largest window, so anything above it is an attack or a defect and ends the connection.
 */
import { yamux } from '@libp2p/yamux'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MultiplexerFrameError } from './errors.js'
import type { NetworkLimits } from './settings.js'

const HEADER_BYTES = 12
const TYPE_OFFSET = 1
const LENGTH_OFFSET = 8
const DATA_FRAME = 0

/** The part of the multiplexer's decoder that the guard relies on; checked when a connection is made. */
interface Decoder {
  readonly buffer: Uint8ArrayList
  readFrame(): unknown
}

export function guardedYamux(limits: NetworkLimits): ReturnType<typeof yamux> {
  const create = yamux({
    maxInboundStreams: limits.streams,
    maxOutboundStreams: limits.streams,
    streamOptions: { maxStreamWindowSize: limits.streamWindow, maxReadBufferLength: limits.readBuffer }
  })
  return (...components) => {
    const factory = create(...components)
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = connection => {
      const muxer = createStreamMuxer(connection)
      guard((muxer as unknown as { decoder?: Decoder }).decoder, limits.streamWindow)
      return muxer
    }
    return factory
  }
}

function guard(decoder: Decoder | undefined, maximum: number): void {
  if (decoder?.buffer === undefined || typeof decoder.readFrame !== 'function') {
    throw new TypeError('this release of @libp2p/yamux has another decoder: its frame lengths cannot be checked')
  }
  const readFrame = decoder.readFrame.bind(decoder)
  decoder.readFrame = () => {
    const { buffer } = decoder
    if (buffer.byteLength >= HEADER_BYTES && buffer.get(TYPE_OFFSET) === DATA_FRAME) {
      const announced = buffer.getUint32(LENGTH_OFFSET)
      if (announced > maximum) throw new MultiplexerFrameError(announced, maximum)
    }
    return readFrame()
  }
}
