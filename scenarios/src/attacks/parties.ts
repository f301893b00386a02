/** Parties for an attack: real cryptography with real parameters, real signatures, in one process; what the attacker does is the attack's own. */
import { readFile } from 'node:fs/promises'
import {
  Ciphertext,
  Context,
  Decryptor,
  deserializeCiphertext,
  Parameters,
  type SecretKey,
  secondComponent,
  serializedCiphertextLength
} from '@slytherin/ckks'
import { calibrate, fuse, importOnnx, type Operands, plan } from '@slytherin/engine'
import { decodeUndivided, InMemoryShareLedger } from '@slytherin/mhe'
import {
  type AcceptancePolicy,
  type Bodies,
  Coordinator,
  decodeBody,
  encodeMessage,
  type Header,
  type Kind,
  LocalCryptography,
  type LocalCryptographyOptions,
  Member,
  MemorySessionSecrets,
  MINIMUM_FLOODING_BITS,
  messageSizes,
  type PartyCryptography,
  type PartyOptions,
  type Plan,
  type Role,
  readHeader,
  type Signer
} from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import { memoryWires, socketWires } from './wires.js'

/** Trained networks: one that is refreshed once, and a single layer that never is. */
export type ModelName = 'breast-cancer-wdbc-mlp-square' | 'breast-cancer-wdbc-logreg'

const file = (model: ModelName): URL => new URL(`../../../models/onnx/${model}.onnx`, import.meta.url)
const FEATURES = 30

/** Accepts any commitment and any signature: the ceremony as it is without the layer that binds shares. */
export const NO_SHARE_CHECKS: NonNullable<PartyOptions['shareChecks']> = { opens: () => true, signed: async () => true }

export interface CastOptions {
  /** By name; the first is whom all others dial. */
  readonly roles: Record<string, readonly Role[]>
  /** Whether they talk over libp2p on loopback, not by memory. */
  readonly sockets?: boolean
  readonly operands: Operands
  readonly model?: ModelName
  /** Samples of a query: 1 by default. */
  readonly batch?: number
  /** Queries that the session is for: 1 by default; undefined for as many as a session allows where nobody says how many. */
  readonly queries?: number | undefined
  /** Whether encryptions are proved: true by default. */
  readonly proofs?: boolean
  /** What key holders demand besides. */
  readonly policy?: AcceptancePolicy
  /** What a party is given besides the usual. */
  readonly party?: (peer: string) => Partial<PartyOptions>
  /** A party's cryptography where it is not the honest one. */
  readonly cryptography?: (peer: string, options: LocalCryptographyOptions) => Promise<PartyCryptography> | undefined
  readonly secrets?: (peer: string) => LocalCryptographyOptions['secrets']
}

/** A message as the attack sees it. */
export interface Seen {
  readonly from: string
  readonly to: string
  readonly header: Header
  body<K extends Kind>(kind: K): Bodies[K]
  /** The same message with another body. */
  with<K extends Kind>(kind: K, body: Bodies[K]): Uint8Array
}

export interface Cast {
  readonly coordinator: Coordinator
  readonly samples: Float64Array[]
  member(peer: string): Member
  plan(): Plan
  /** Sees every message on its way; what it returns takes its place. */
  watch(hook: (message: Seen) => Uint8Array | undefined | Promise<Uint8Array | undefined>): void
  /** How the roster and messages call a party. */
  peerOf(name: string): string
  /** A party's signature, for an attacker that is this party. */
  signer(name: string): Signer
  /** What ended the attack, in a sentence, parties by their names. */
  reasonOf(error: unknown): string
  /** The scheme of the session's plan. */
  context(): Promise<Context>
  /** Ends whatever goes on. */
  stop(): Promise<void>
}

export async function cast(options: CastOptions): Promise<Cast> {
  const {
    roles,
    sockets = false,
    operands,
    model = 'breast-cancer-wdbc-mlp-square',
    batch = 1,
    proofs = true,
    policy: demanded = {},
    party,
    cryptography,
    secrets
  } = options
  const queries = 'queries' in options ? options.queries : 1
  const onnx = await readFile(file(model))
  const network = fuse(importOnnx(onnx))
  const samples = Array.from({ length: 64 }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * 31 + k)))
  const ranges = calibrate(network, samples)
  const names = Object.keys(roles)
  const wires = sockets ? await socketWires(names) : memoryWires(names)
  const roster = Object.entries(roles).map(([name, list]) => ({ peer: wires.peerOf(name), roles: [...list] }))
  const stopping = new AbortController()
  const members = new Map<string, Member>()
  const hosted: PartyCryptography[] = []
  const contexts: Context[] = []
  let made: Plan | undefined
  let coordinator: Coordinator | undefined
  for (const [name, list] of Object.entries(roles)) {
    const options: LocalCryptographyOptions = {
      ...(list.includes('key-holder') ? { ledger: new InMemoryShareLedger(), secrets: secrets?.(name) ?? new MemorySessionSecrets() } : {}),
      ...(list.includes('model-owner') ? { model: { name: 'breast cancer', onnx, ranges: () => ranges } } : {})
    }
    const own = await (cryptography?.(name, options) ?? LocalCryptography.create(options))
    hosted.push(own)
    const policy: AcceptancePolicy = {
      data: operands.data,
      weights: operands.weights,
      ...(proofs ? {} : { allowUnproved: true }),
      ...(list.includes('key-holder') ? demanded : {})
    }
    const common: PartyOptions = {
      transport: wires.transport(name),
      signer: wires.signer(name),
      roster,
      cryptography: own,
      policy,
      ...party?.(name)
    }
    if (list.includes('evaluator')) {
      coordinator = new Coordinator({
        ...common,
        signal: stopping.signal,
        proofs,
        ...(queries === undefined ? {} : { limits: { queries } }),
        planner: (architecture, { parties, floodingBits, maximumDecryptions }) => {
          made = plan(architecture, {
            ...operands,
            batch,
            minimumRefreshes: model === 'breast-cancer-wdbc-logreg' ? 0 : 1,
            parties,
            // No defence but the one in question: flooding is as small as it may be.
            floodingBits: floodingBits ?? MINIMUM_FLOODING_BITS,
            ...(maximumDecryptions === undefined ? {} : { maximumDecryptions })
          })
          return made
        }
      })
    } else {
      const member = new Member(common)
      member.start()
      members.set(name, member)
    }
  }
  await wires.connected()
  return {
    coordinator: coordinator!,
    samples: samples.slice(0, 1),
    member: name => members.get(name)!,
    plan: () => made!,
    watch: hook =>
      wires.watch(async (from, to, bytes) => {
        const header = readHeader(bytes, from)
        return await hook({
          from,
          to,
          header,
          body: kind => decodeBody(kind, header.body, messageSizes(made!), from),
          with: (kind, body) => encodeMessage(header, kind, body)
        })
      }),
    peerOf: name => wires.peerOf(name),
    signer: name => wires.signer(name),
    reasonOf: error => reasonOf(error, new Map(names.map(name => [wires.peerOf(name), name]))),
    context: async () => {
      const context = Context.create(Parameters.fromJSON(made!.parameters), await loadKernel(), {
        parties: roster.filter(({ roles: list }) => list.includes('key-holder')).length
      })
      contexts.push(context)
      return context
    },
    stop: async () => {
      wires.watch(undefined)
      stopping.abort()
      for (const member of members.values()) await member.stop()
      for (const context of contexts) context.dispose()
      for (const own of hosted) await (own as LocalCryptography).dispose()
      await wires.stop()
    }
  }
}

/** Whether a secret opens an encrypted sample: every feature is in some slot, and nothing in the slots is larger than features are. */
export function readsSample(context: Context, secret: SecretKey, plan: Plan, bytes: Uint8Array, sample: Float64Array): boolean {
  const ciphertext = arrived(context, bytes, plan.inputs)
  const { real, imaginary } = new Decryptor(context, secret).decrypt(ciphertext)
  ciphertext.dispose()
  const slots = [...real, ...imaginary]
  return slots.every(value => Math.abs(value) < 4) && sample.every(feature => slots.some(value => Math.abs(value - feature) < 1e-4))
}

/** A ciphertext as it travels: proved, its second component is not divided yet. */
export function arrived(
  context: Context,
  bytes: Uint8Array,
  { level, scale }: { readonly level: number; readonly scale: number }
): Ciphertext {
  if (bytes.length === serializedCiphertextLength(context.parameters, level)) return deserializeCiphertext(context, bytes, { level, scale })
  const { ring, parameters, noise } = context
  const indices = parameters.ciphertextIndices(level)
  const length = ring.packedLength(indices)
  using undivided = decodeUndivided(context, bytes.subarray(length), level)
  const components = [ring.decodePacked(bytes.subarray(0, length), indices, 'ntt'), secondComponent(context, undivided, level)]
  return new Ciphertext(components, { level, scale, noise: noise.fresh(), magnitude: 1 })
}

/** What ended an attack, in a sentence. @param names of peers */
export function reasonOf(error: unknown, names: ReadonlyMap<string, string> = new Map()): string {
  let text = error instanceof Error ? error.message : String(error)
  for (const [peer, name] of names) text = text.replaceAll(peer, name)
  return text.slice(0, 400)
}
