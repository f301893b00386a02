/** What travels between parties: messages of every kind, failures, frames, hellos. The valid ones are those of a session without cryptography. */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { plan } from '@slytherin/engine'
import { decodeFrames, encodeHeader, FrameKind, readHello } from '@slytherin/node'
import {
  Coordinator,
  decodeBody,
  decodeFailure,
  encodeFailure,
  encodeMessage,
  Member,
  type MemoryEvidence,
  MemoryEvidenceStore,
  messageSizes,
  PartyMissingError,
  type Plan,
  ProtocolError,
  type Role,
  readHeader,
  type Signer
} from '@slytherin/protocol'
import { FakeCryptography, MemoryNetwork, TINY_ARCHITECTURE } from '@slytherin/protocol/testing'
import { demand, type Target } from '../target.js'

const PEER = 'peer'
const SAMPLES = 12
/** Longest message that joins the corpus: longer ones differ from it in nothing. */
const LONGEST = 4096
const ROLES: Record<string, Role[]> = {
  clinic: ['evaluator'],
  first: ['key-holder'],
  second: ['key-holder'],
  owner: ['model-owner'],
  patient: ['querier', 'data-owner']
}

export interface RecordedSession {
  readonly plan: Plan
  readonly messages: readonly Uint8Array[]
  readonly descriptor: Uint8Array
  /** What the evaluator has kept of it. */
  readonly evidence: MemoryEvidence
  readonly verify: Signer['verify']
  /** In anybody's name. */
  sign(peer: string, bytes: Uint8Array): Uint8Array
}

/** A whole session among parties whose cryptography does nothing: every kind of message that occurs, once or twice. */
export async function recordSession(): Promise<RecordedSession> {
  const pairs = new Map(Object.keys(ROLES).map(peer => [peer, generateKeyPairSync('ed25519')]))
  const agreed = plan(TINY_ARCHITECTURE, {
    packing: 'real',
    batch: SAMPLES,
    data: 'encrypted',
    weights: 'encrypted',
    parties: 2,
    logN: 5,
    insecure: true,
    minimumRefreshes: 2,
    floodingBits: 30,
    maximumDecryptions: 60
  })
  const network = new MemoryNetwork()
  const roster = Object.entries(ROLES).map(([peer, roles]) => ({ peer, roles }))
  const seen = new Map<string, Uint8Array[]>()
  let descriptor: Uint8Array | undefined
  network.setFault(({ from, bytes }) => {
    const { kind, body } = readHeader(bytes, from)
    if (kind === 'propose') descriptor ??= decodeBody('propose', body, undefined, from).descriptor.slice()
    const known = seen.get(kind) ?? []
    if (known.length < 2 && bytes.length <= LONGEST) seen.set(kind, [...known, bytes.slice()])
    return undefined
  })
  const signed = (peer: string, bytes: Uint8Array): Uint8Array => Uint8Array.from(sign(null, bytes, pairs.get(peer)!.privateKey))
  const verified: Signer['verify'] = async (signer, bytes, signature) =>
    pairs.has(signer) && verify(null, bytes, pairs.get(signer)!.publicKey, signature)
  const store = new MemoryEvidenceStore()
  const common = (peer: string) => ({
    transport: network.transport(peer),
    signer: { self: peer, sign: async bytes => signed(peer, bytes), verify: verified } satisfies Signer,
    roster,
    cryptography: new FakeCryptography(peer),
    policy: { allowInsecure: true, data: 'encrypted', weights: 'encrypted' } as const
  })
  const members = Object.keys(ROLES).flatMap(peer => (peer === 'clinic' ? [] : [new Member(common(peer))]))
  for (const member of members) member.start()
  const coordinator = new Coordinator({ ...common('clinic'), evidenceStore: store, planner: () => agreed })
  const patient = members.at(-1)!
  const run = coordinator.run()
  run.catch(() => undefined)
  await patient.query(Array.from({ length: SAMPLES }, (_, i) => Float64Array.of(i, -i, 0.5 * i, 1)))
  await patient.leave()
  await run
  for (const member of members) await member.stop()
  const [evidence] = store.sessions.values()
  return { plan: agreed, messages: [...seen.values()].flat(), descriptor: descriptor!, evidence: evidence!, verify: verified, sign: signed }
}

/** Kinds that do not occur in a session without a fault, empty: mutations fill them. */
function emptyMessages(): Uint8Array[] {
  const version = readHeader(encodeMessage({ session: new Uint8Array(0), lane: 0, sequence: 1 }, 'close', {}), PEER).version
  return Array.from({ length: 120 }, (_, i) => {
    const tag = 8 * (i + 5) + 2
    return Uint8Array.of(8, version, 32, 1, ...(tag < 128 ? [tag] : [(tag & 0x7f) | 0x80, tag >> 7]), 0)
  }).filter(bytes => {
    try {
      readHeader(bytes, PEER)
      return true
    } catch {
      return false
    }
  })
}

export function messageTargets({ plan: agreed, messages }: RecordedSession): Target[] {
  const sizes = messageSizes(agreed)
  const corpus = [...messages, ...emptyMessages()]
  const failures = [
    encodeFailure(new PartyMissingError({ peer: 'c', phase: 'refresh', reason: 'connection lost' })),
    encodeFailure(new TypeError('x is not a function'))
  ]
  const hello = new TextEncoder().encode(
    JSON.stringify({ version: 1, software: '0.1.0', name: 'clinic', incarnation: '0123456789abcdef'.repeat(2) })
  )
  const frame = (kind: FrameKind, payload: Uint8Array): Uint8Array =>
    new Uint8Array(Buffer.concat([encodeHeader(kind, payload.length), payload]))
  return [
    {
      name: 'message',
      contract: 'one form',
      structure: 'protobuf',
      weight: 30,
      corpus,
      refusals: [ProtocolError],
      parse: bytes => {
        const header = readHeader(bytes, PEER)
        return encodeMessage(header, header.kind, decodeBody(header.kind, header.body, sizes, PEER))
      }
    },
    {
      name: 'failure',
      contract: 'bounded',
      structure: 'protobuf',
      weight: 4,
      corpus: failures,
      refusals: [],
      parse: bytes => {
        const error = decodeFailure(bytes, PEER)
        demand(error instanceof ProtocolError, `a failure becomes ${String(error)}`)
        demand(error.message.length < 20_000, `a failure says ${error.message.length} characters`)
        return bytes
      }
    },
    {
      name: 'frames',
      contract: 'one form',
      structure: 'bytes',
      weight: 6,
      corpus: [
        frame(FrameKind.request, messages[0]!),
        new Uint8Array(Buffer.concat([frame(FrameKind.response, messages[1]!), frame(FrameKind.failure, failures[0]!)]))
      ],
      refusals: [ProtocolError],
      parse: async bytes => {
        const frames: Uint8Array[] = []
        const decode = decodeFrames({ peer: PEER, maximumBytes: kind => (kind < 0x10 ? undefined : 2 * LONGEST), idleMilliseconds: 10_000 })
        for await (const { kind, payload } of decode(inPieces(bytes))) frames.push(frame(kind, payload))
        return new Uint8Array(Buffer.concat(frames))
      }
    },
    {
      name: 'hello',
      contract: 'bounded',
      structure: 'json',
      weight: 3,
      corpus: [hello],
      refusals: [ProtocolError],
      parse: bytes => {
        const { software, name, incarnation } = readHello(bytes, PEER, 1)
        demand(software.length <= 64 && name.length <= 128, 'a hello says more than it may')
        demand(!/\p{Cc}/u.test(`${software}${name}`), 'a hello has control characters')
        demand(/^[0-9a-f]{32}$/.test(incarnation), 'an incarnation that is none')
        return bytes
      }
    }
  ]
}

/** As they come from a socket: in pieces, of which none ends where a frame does. */
async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000)
}
