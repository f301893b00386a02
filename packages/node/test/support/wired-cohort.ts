/**
 * Whole sessions over real sockets: every party has its own libp2p host on loopback, its Ed25519 identity and the real cryptography. A test may have any
 * party say what it should not: send bytes of its own making, or make objects with something wrong in them.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { calibrate, fuse, importOnnx, type Network, type Plan, plan, type Ranges } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import {
  FrameKind,
  FrameStream,
  Libp2pTransport,
  loadSamples,
  type NetworkDeadlines,
  type NetworkNotice,
  protocolFailures,
  REQUEST_PROTOCOL,
  signerOf
} from '@slytherin/node'
import {
  type Bodies,
  Coordinator,
  type CoordinatorOptions,
  decodeFailure,
  encodeMessage,
  type Header,
  type Kind,
  LocalCryptography,
  type LocalCryptographyOptions,
  Member,
  MemorySessionSecrets,
  type PartyOptions,
  type PeerListener,
  type ProtocolError,
  type QueryEvaluation,
  type QueryInputs,
  type RequestHandler,
  type RequestOptions,
  type Role,
  type RosterEntry,
  readHeader,
  type ServeLimits,
  type SessionSummary,
  type Signer,
  type Transport
} from '@slytherin/protocol'
import { expect } from 'vitest'
import { until } from './network.js'
import { Throttle } from './throttle.js'

/** Every role in a process of its own; two key holders. */
export const ROLES = {
  clinic: ['evaluator'],
  first: ['key-holder'],
  second: ['key-holder'],
  owner: ['model-owner'],
  patient: ['querier', 'data-owner']
} as const satisfies Record<string, Role[]>

export type PartyName = keyof typeof ROLES

const BATCH = 4
const SMALL_RING = { insecure: true, logN: 8 } as const
/** From here on, patients of both classes. */
const FIRST_SAMPLE = 6
/** Longest answer that a test reads. */
const MAXIMUM_ANSWER = 64 << 20
/** A lane that honest parties do not use inside a session. */
const OWN_LANE = 15

const file = (name: string): string => fileURLToPath(new URL(`../../../../models/${name}`, import.meta.url))

export interface Model {
  readonly onnx: Uint8Array
  readonly network: Network
  readonly ranges: Ranges
  readonly samples: Float64Array[]
}

/** Trained networks: a small one, which is refreshed once, and a single layer, which needs no refresh and small keys. */
export type ModelName = 'mlp-square' | 'logreg'

/** With patients of its test set. */
async function smallModel(name: ModelName): Promise<Model> {
  const onnx = await readFile(file(`onnx/breast-cancer-wdbc-${name}.onnx`))
  const network = fuse(importOnnx(onnx))
  const samples = await loadSamples({
    npy: file('data/breast-cancer-wdbc-test-x.npy'),
    offset: 0,
    count: 64,
    normalisation: { scale: 1, mean: 0, deviation: 1 }
  })
  return { onnx, network, ranges: calibrate(network, samples), samples }
}

/** Objects that a party makes and others read. */
export type Made =
  | 'resultKey'
  | 'publicKeyShare'
  | 'relinearizationShareOne'
  | 'relinearizationShareTwo'
  | 'galoisShare'
  | 'refreshShare'
  | 'switchShare'
  | 'modelPart'
  | 'encryptInput'
  | 'proveInputs'
  | 'proveModel'
  | 'evaluate'

/** The real cryptography of a party that does its worst where a test tells it to. */
export class HostileCryptography extends LocalCryptography {
  /** What becomes of an object before it leaves this party. */
  readonly spoil: Partial<Record<Made, (bytes: Uint8Array) => Uint8Array>> = {}
  /** What there is no room for any more. */
  full: 'addShare' | 'storeModelPart' | undefined

  static override async create(options: LocalCryptographyOptions = {}): Promise<HostileCryptography> {
    return new HostileCryptography(options, await LocalCryptography.loadKernel(options))
  }

  #spoilt(made: Made, bytes: Uint8Array): Uint8Array {
    return this.spoil[made]?.(bytes) ?? bytes
  }

  override async resultKey(...parameters: Parameters<LocalCryptography['resultKey']>): Promise<Uint8Array> {
    return this.#spoilt('resultKey', await super.resultKey(...parameters))
  }

  override async publicKeyShare(): Promise<Uint8Array> {
    return this.#spoilt('publicKeyShare', await super.publicKeyShare())
  }

  override async relinearizationShareOne(): Promise<Uint8Array> {
    return this.#spoilt('relinearizationShareOne', await super.relinearizationShareOne())
  }

  override async addRelinearizationShareOne(...parameters: Parameters<LocalCryptography['addRelinearizationShareOne']>): Promise<void> {
    // A party that spoils its share does not stumble over it.
    if (this.spoil.relinearizationShareOne === undefined) await super.addRelinearizationShareOne(...parameters)
  }

  override async relinearizationShareTwo(): Promise<Uint8Array> {
    return this.#spoilt('relinearizationShareTwo', await super.relinearizationShareTwo())
  }

  override async galoisShare(element: number): Promise<Uint8Array> {
    return this.#spoilt('galoisShare', await super.galoisShare(element))
  }

  override async refreshShare(...parameters: Parameters<LocalCryptography['refreshShare']>): Promise<Uint8Array[]> {
    return (await super.refreshShare(...parameters)).map(share => this.#spoilt('refreshShare', share))
  }

  override async switchShare(...parameters: Parameters<LocalCryptography['switchShare']>): Promise<Uint8Array[]> {
    return (await super.switchShare(...parameters)).map(share => this.#spoilt('switchShare', share))
  }

  override async modelPart(index: number): Promise<Uint8Array> {
    return this.#spoilt('modelPart', await super.modelPart(index))
  }

  override async proveModel(batch: number): Promise<Uint8Array> {
    return this.#spoilt('proveModel', await super.proveModel(batch))
  }

  override async openQuery(...parameters: Parameters<LocalCryptography['openQuery']>): Promise<QueryInputs> {
    const inputs = await super.openQuery(...parameters)
    return {
      encryptInput: async index => this.#spoilt('encryptInput', await inputs.encryptInput(index)),
      proveInputs: async batch => this.#spoilt('proveInputs', await inputs.proveInputs(batch)),
      dispose: async () => await inputs.dispose()
    }
  }

  override async addShare(...parameters: Parameters<LocalCryptography['addShare']>): Promise<void> {
    if (this.full === 'addShare') throw new Error('no space left on device')
    await super.addShare(...parameters)
  }

  override async storeModelPart(...parameters: Parameters<LocalCryptography['storeModelPart']>): Promise<void> {
    if (this.full === 'storeModelPart') throw new Error('no space left on device')
    await super.storeModelPart(...parameters)
  }

  override async openEvaluation(...parameters: Parameters<LocalCryptography['openEvaluation']>): Promise<QueryEvaluation> {
    const evaluation = await super.openEvaluation(...parameters)
    return {
      storeInput: async (index, bytes) => await evaluation.storeInput(index, bytes),
      verifyInputs: async (batch, proof) => await evaluation.verifyInputs(batch, proof),
      evaluate: async (...given) => (await evaluation.evaluate(...given)).map(result => this.#spoilt('evaluate', result)),
      dispose: async () => await evaluation.dispose()
    }
  }
}

export interface SentMessage {
  readonly to: string
  readonly header: Header
  readonly bytes: Uint8Array
}

/** A party's transport, with a note of every request that it sends and a hand on the answers that it gives. */
class Tap implements Transport {
  readonly sent: SentMessage[] = []
  /** Another answer to a request, or undefined to leave it. */
  answer: ((request: Header, answer: Uint8Array) => Uint8Array | undefined) | undefined

  constructor(readonly inner: Libp2pTransport) {}

  get self(): string {
    return this.inner.self
  }

  get bytes(): Transport['bytes'] {
    return this.inner.bytes
  }

  async request(peer: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    this.sent.push({ to: peer, header: readHeader(request, this.self), bytes: request.slice() })
    return await this.inner.request(peer, request, options)
  }

  serve(handler: RequestHandler, limits: ServeLimits): void {
    this.inner.serve(async (peer, request, context) => {
      const answer = await handler(peer, request, context)
      return this.answer?.(readHeader(request, peer), answer) ?? answer
    }, limits)
  }

  onPeerChange(listener: PeerListener): () => void {
    return this.inner.onPeerChange(listener)
  }
}

export interface WiredParty {
  readonly name: PartyName
  readonly peer: string
  readonly transport: Libp2pTransport
  readonly tap: Tap
  readonly signer: Signer
  readonly cryptography: HostileCryptography
  /** What this party has refused, in order. */
  readonly refused: { error: Error; peer: string }[]
  /** What its network layer has told. */
  readonly notices: NetworkNotice[]
}

export interface Session {
  /** Queries may be asked. */
  readonly ready: Promise<void>
  /** How it ends for the coordinator, and for each of the others. */
  readonly closed: Promise<SessionSummary>
  readonly finished: ReadonlyMap<PartyName, Promise<SessionSummary>>
}

export interface WiredOptions extends Pick<CoordinatorOptions, 'limits' | 'deadlines'> {
  /** Of 256 coefficients, where only what parties say to each other counts: a session takes a tenth of the time. As sessions ship, if not given. */
  readonly ring?: 'small' | 'as shipped'
  /** Whose line to the evaluator is slow, in bytes per second in each direction. */
  readonly slow?: { readonly name: PartyName; readonly rate: number }
  readonly network?: Partial<NetworkDeadlines>
}

export class WiredCohort {
  /** Honest queries answered rightly. */
  answered = 0
  #sequence = 0

  private constructor(
    readonly model: Model,
    readonly parties: Readonly<Record<PartyName, WiredParty>>,
    readonly coordinator: Coordinator,
    readonly members: Readonly<Record<Exclude<PartyName, 'clinic'>, Member>>,
    private readonly line: Throttle | undefined
  ) {}

  /** Parties connected, members serving, no session yet. */
  static async start(modelName: ModelName, options: WiredOptions = {}): Promise<WiredCohort> {
    const model = await smallModel(modelName)
    const small = options.ring === 'small'
    const names = Object.keys(ROLES) as PartyName[]
    const keys = Object.fromEntries(
      await Promise.all(names.map(async name => [name, await generateKeyPair('Ed25519')] as const))
    ) as Record<PartyName, Ed25519PrivateKey>
    const peerOf = (name: PartyName): string => peerIdFromPrivateKey(keys[name]).toString()
    const roster: RosterEntry[] = names.map(name => ({ peer: peerOf(name), roles: [...ROLES[name]] }))

    const made = {} as Record<PartyName, WiredParty>
    const optionsOf = {} as Record<PartyName, PartyOptions>
    let line: { throttle: Throttle; addresses: string[] } | undefined
    for (const name of names) {
      const privateKey = keys[name]
      const peer = peerOf(name)
      const notices: NetworkNotice[] = []
      const leader = made.clinic
      const transport = await Libp2pTransport.start({
        privateKey,
        listen: name === 'clinic' ? ['/ip4/127.0.0.1/tcp/0'] : [],
        // Everybody dials the evaluator, which listens.
        peers: names.map(other => ({
          peer: peerOf(other),
          addresses:
            other === 'clinic' && leader !== undefined ? (name === options.slow?.name ? line!.addresses : leader.transport.addresses) : []
        })),
        name,
        software: 'test',
        failures: protocolFailures,
        deadlines: { idle: 1000, ...options.network },
        onNotice: notice => notices.push(notice)
      })
      const cryptography = await HostileCryptography.create({
        allowInsecure: small,
        ...(ROLES[name].some(role => role === 'key-holder')
          ? {
              ledger: new InMemoryShareLedger(),
              secrets: new MemorySessionSecrets()
            }
          : {}),
        ...(name === 'owner' ? { model: { name: 'breast cancer', onnx: model.onnx, ranges: () => model.ranges } } : {})
      })
      const tap = new Tap(transport)
      const refused: WiredParty['refused'] = []
      const signer = signerOf({ privateKey, peer })
      made[name] = { name, peer, transport, tap, signer, cryptography, refused, notices }
      optionsOf[name] = {
        transport: tap,
        signer,
        roster,
        cryptography,
        policy: { allowInsecure: small },
        ...(options.deadlines === undefined ? {} : { deadlines: options.deadlines }),
        onRefused: (error, culprit) => refused.push({ error, peer: culprit })
      }
      if (name === 'clinic' && options.slow !== undefined) line = await lineTo(transport.addresses[0]!, options.slow.rate)
    }
    const member = (name: PartyName): Member => {
      const started = new Member(optionsOf[name])
      started.start()
      return started
    }
    const members = { first: member('first'), second: member('second'), owner: member('owner'), patient: member('patient') }
    const minimumRefreshes = modelName === 'logreg' ? 0 : 1
    // The same in every session, so made once.
    const plans = new Map<string, Plan>()
    const coordinator = new Coordinator({
      ...optionsOf.clinic,
      planner: (architecture, { parties, floodingBits, maximumDecryptions }) => {
        const key = JSON.stringify([architecture, maximumDecryptions])
        let known = plans.get(key)
        if (known === undefined) {
          const wanted = { batch: BATCH, data: 'encrypted', weights: 'encrypted', parties, floodingBits, minimumRefreshes } as const
          known = plan(architecture, {
            ...wanted,
            ...(small ? SMALL_RING : {}),
            ...(maximumDecryptions === undefined ? {} : { maximumDecryptions })
          })
          plans.set(key, known)
        }
        return known
      },
      ...(options.limits === undefined ? {} : { limits: options.limits })
    })
    await until(() => made.clinic.transport.connectedPeers.length === names.length - 1, 10_000, 'everybody connected')
    return new WiredCohort(model, made, coordinator, members, line?.throttle)
  }

  async stop(): Promise<void> {
    this.coordinator.close()
    await Promise.all(Object.values(this.members).map(member => member.stop()))
    await Promise.all(Object.values(this.parties).map(party => party.transport.stop()))
    this.line?.stop()
  }

  nameOf(peer: string | undefined): PartyName | undefined {
    return Object.values(this.parties).find(party => party.peer === peer)?.name
  }

  /** Begins a session. */
  begin(): Session {
    const closed = this.coordinator.run()
    const finished = new Map(Object.entries(this.members).map(([name, member]) => [name as PartyName, member.finished()]))
    const ready = Promise.race([this.members.patient.ready(), closed]).then(() => undefined)
    for (const promise of [closed, ready, ...finished.values()]) promise.catch(() => undefined)
    return { closed, finished, ready }
  }

  /** Begins a session and waits until queries may be asked. */
  async open(): Promise<Session> {
    const session = this.begin()
    await session.ready
    return session
  }

  /** A whole session among honest parties, with a query. */
  async expectGoodSession(): Promise<void> {
    const { closed, finished } = await this.open()
    await this.expectRightAnswers()
    await this.members.patient.leave()
    await closed
    await Promise.all(finished.values())
  }

  /** An honest query, whose answers must be the clear model's. */
  async expectRightAnswers(): Promise<void> {
    const { model, members } = this
    const asked = model.samples.slice(FIRST_SAMPLE, FIRST_SAMPLE + BATCH)
    const logits = await members.patient.query(asked)
    const clear = asked.map(sample => model.network.forward(sample))
    this.answered++
    expect(logits.map(([logit]) => logit! > 0)).toEqual(clear.map(([logit]) => logit! > 0))
    for (const [i, row] of logits.entries()) {
      for (const [k, value] of row.entries()) expect(Math.abs(value - clear[i]![k]!)).toBeLessThan(0.01 * model.ranges.largestLogit)
    }
  }

  /** The last request of a kind that a party sent. */
  sent(from: PartyName, kind: Kind, to?: PartyName): SentMessage {
    const found = this.parties[from].tap.sent.findLast(
      ({ header, to: peer }) => header.kind === kind && (to === undefined || peer === this.parties[to].peer)
    )
    if (found === undefined) throw new Error(`${from} sent no ${kind}`)
    return found
  }

  /** Id of the session that is open. */
  get session(): Uint8Array {
    return this.sent('clinic', 'publicKeyPart').header.session
  }

  get plan(): Plan {
    const { descriptor } = this.lastProposal
    return (JSON.parse(new TextDecoder().decode(descriptor)) as { plan: Plan }).plan
  }

  private get lastProposal(): { descriptor: Uint8Array } {
    const { body } = this.sent('clinic', 'propose').header
    // One field of bytes: tag, length, descriptor.
    let start = 1
    while (body[start]! >= 0x80) start++
    return { descriptor: body.subarray(start + 1) }
  }

  /** A message of the open session, as a party that follows the rules of order would address it. */
  message<K extends Kind>(kind: K, body: Bodies[K], address: Partial<Pick<Header, 'session' | 'lane' | 'sequence'>> = {}): Uint8Array {
    const { session = this.session, lane = OWN_LANE, sequence = ++this.#sequence } = address
    return encodeMessage({ session, lane, sequence }, kind, body)
  }

  connection(from: PartyName, to: PartyName): Connection {
    const [connection] = this.parties[from].transport.host.getConnections(peerIdFromString(this.parties[to].peer))
    if (connection === undefined) throw new Error(`${from} has no connection to ${to}`)
    return connection
  }

  /** Sends a request on a stream of its own; resolves with the answer's header. @throws the error that the receiver told */
  async send(from: PartyName, to: PartyName, bytes: Uint8Array): Promise<Header> {
    const { peer } = this.parties[to]
    const answer = await this.parties[from].transport.request(peer, bytes, { maximumResponseBytes: MAXIMUM_ANSWER })
    return readHeader(answer, peer)
  }

  /**
   * Sends bytes that are to be refused, and checks what every refusal has in common: a typed failure comes back, the stream is reset, the connection stays,
   * and the receiver has reported the very same error.
   * @param frames what goes on the stream; one request frame around the message when bytes are given
   * @returns the error as the sender is told it
   */
  async refusal(from: PartyName, to: PartyName, message: Uint8Array | readonly Uint8Array[]): Promise<ProtocolError> {
    const receiver = this.parties[to]
    const sender = this.parties[from].peer
    const connection = this.connection(from, to)
    const reports = receiver.refused.length
    const faults = receiver.notices.length
    const stream = await connection.newStream(REQUEST_PROTOCOL)
    const frames = new FrameStream(stream, { peer: receiver.peer, idleMilliseconds: 5000 })
    // Of a message that is too long, the receiver need not take the end.
    if (message instanceof Uint8Array) frames.send(FrameKind.request, message).catch(() => undefined)
    else for (const part of message) stream.send(part)
    const answer = await frames.receive({ [FrameKind.failure]: MAXIMUM_ANSWER, [FrameKind.response]: MAXIMUM_ANSWER })
    expect(answer?.kind, 'a failure comes back').toBe(FrameKind.failure)
    await until(() => stream.status !== 'open' && stream.status !== 'closing', 2000, 'the end of the stream')
    expect(stream.status).toBe('reset')
    expect(connection.status).toBe('open')
    const error = decodeFailure(answer!.payload, receiver.peer)
    expect(error.peer, 'the error names the sender').toBe(sender)
    const reported = [
      ...receiver.refused.slice(reports),
      ...receiver.notices.slice(faults).filter(notice => notice.kind === 'fault')
    ].filter(({ peer }) => peer === sender)
    const { code, kind, field } = error
    expect(reported.map(report => report.error)).toContainEqual(
      expect.objectContaining({ code, peer: sender, ...(kind && { kind }), ...(field && { field }) })
    )
    return error
  }
}

/** A slow line to an address. */
async function lineTo(address: string, rate: number): Promise<{ throttle: Throttle; addresses: string[] }> {
  const throttle = await Throttle.start(Number(/tcp\/(\d+)/.exec(address)![1]), rate)
  return { throttle, addresses: [address.replace(/tcp\/\d+/, `tcp/${throttle.port}`)] }
}

/** Every party's view of an aborted session: who is to blame. */
export async function outcomeOf(promise: Promise<unknown>): Promise<ProtocolError> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error })
  )
  if ('error' in outcome) return outcome.error as ProtocolError
  throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`)
}

/**
 * Packed residues with one set to its prime, the least that is out of range.
 * @param start byte at which the polynomial begins; its first row is of the first prime
 */
export function withResidueAtItsPrime(bytes: Uint8Array, plan: Plan, start: number, index = 5): Uint8Array {
  const prime = BigInt(plan.parameters.primes[0]!)
  const width = prime.toString(2).length
  const out = bytes.slice()
  for (let bit = 0; bit < width; bit++) {
    const at = index * width + bit
    const byte = start + (at >> 3)
    const mask = 1 << (at & 7)
    out[byte] = ((prime >> BigInt(bit)) & 1n) === 1n ? out[byte]! | mask : out[byte]! & ~mask
  }
  return out
}

/** Bytes of the first component of an input whose encryption is proved; the undivided second one follows. */
export function firstComponentBytes({ parameters, inputs }: Plan): number {
  const bits = parameters.primes.slice(0, inputs.level + 1).map(prime => BigInt(prime).toString(2).length)
  return bits.reduce((sum, width) => sum + (2 ** parameters.logN * width) / 8, 0)
}
