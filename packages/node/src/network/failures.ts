/** Errors on the wire as the protocol package encodes them. */
import { encodeFailure, remoteFailure } from '@slytherin/protocol'
import type { FailureCodec } from './carrier.js'

/** `encodeFailure` and `remoteFailure` of `@slytherin/protocol`, for a transport. */
export const protocolFailures: FailureCodec = {
  encode: encodeFailure,
  decode: (peer, bytes) => remoteFailure(bytes, peer)
}
