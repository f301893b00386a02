/** Parties for an attack: real cryptography with real parameters, real signatures, in one process; what the attacker does is the attack's own. */
import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Ciphertext, Context, Decryptor, deserializeCiphertext, Parameters, type SecretKey } from '@slytherin/ckks'
import { calibrate, fuse, importOnnx, type Operands, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
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
  messageSizes,
  type PartyCryptography,
  type PartyOptions,
  type Plan,
  type Role,
  readHeader,
  type Signer
} from '@slytherin/protocol'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { loadKernel } from '@slytherin/ring'

const MODEL = new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url)
const FEATURES = 30

/** Accepts any commitment and any signature: the ceremony as it is without the layer that binds shares. */
export const NO_SHARE_CHECKS: NonNullable<PartyOptions['shareChecks']> = { opens: () => true, signed: async () => true }

export interface CastOptions {
  readonly roles: Record<string, Role[]>
  readonly operands: Operands
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
  /** The scheme of the session's plan. */
  context(): Promise<Context>
  /** Ends whatever goes on. */
  stop(): Promise<void>
}

class KeySigner implements Signer {
  readonly #key: KeyObject
  constructor(
    readonly self: string,
    key: KeyObject,
    private readonly publicKeys: ReadonlyMap<string, KeyObject>
  ) {
    this.#key = key
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return Uint8Array.from(sign(null, bytes, this.#key))
  }

  async verify(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const key = this.publicKeys.get(peer)
    return key !== undefined && verify(null, bytes, key, signature)
  }
}

export async function cast({ roles, operands, party, cryptography, secrets }: CastOptions): Promise<Cast> {
  const onnx = await readFile(MODEL)
  const network = fuse(importOnnx(onnx))
  const samples = Array.from({ length: 64 }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * 31 + k)))
  const ranges = calibrate(network, samples)
  const wires = new MemoryNetwork()
  const roster = Object.entries(roles).map(([peer, list]) => ({ peer, roles: list }))
  const pairs = new Map(roster.map(({ peer }) => [peer, generateKeyPairSync('ed25519')]))
  const publicKeys = new Map([...pairs].map(([peer, { publicKey }]) => [peer, publicKey]))
  const stopping = new AbortController()
  const members = new Map<string, Member>()
  const hosted: PartyCryptography[] = []
  const contexts: Context[] = []
  let made: Plan | undefined
  let coordinator: Coordinator | undefined
  for (const { peer, roles: list } of roster) {
    const options: LocalCryptographyOptions = {
      ...(list.includes('key-holder') ? { ledger: new InMemoryShareLedger(), secrets: secrets?.(peer) ?? new MemorySessionSecrets() } : {}),
      ...(list.includes('model-owner') ? { model: { name: 'breast cancer', onnx, ranges: () => ranges } } : {})
    }
    const own = await (cryptography?.(peer, options) ?? LocalCryptography.create(options))
    hosted.push(own)
    const policy: AcceptancePolicy = { data: operands.data, weights: operands.weights }
    const common: PartyOptions = {
      transport: wires.transport(peer),
      signer: new KeySigner(peer, pairs.get(peer)!.privateKey, publicKeys),
      roster,
      cryptography: own,
      policy,
      ...party?.(peer)
    }
    if (list.includes('evaluator')) {
      coordinator = new Coordinator({
        ...common,
        signal: stopping.signal,
        limits: { queries: 1 },
        planner: (architecture, { parties, floodingBits, maximumDecryptions }) => {
          made = plan(architecture, {
            ...operands,
            batch: 1,
            minimumRefreshes: 1,
            parties,
            floodingBits,
            ...(maximumDecryptions === undefined ? {} : { maximumDecryptions })
          })
          return made
        }
      })
    } else {
      const member = new Member(common)
      member.start()
      members.set(peer, member)
    }
  }
  return {
    coordinator: coordinator!,
    samples: samples.slice(0, 1),
    member: peer => members.get(peer)!,
    plan: () => made!,
    watch: hook =>
      wires.setFault(async ({ from, to, bytes }) => {
        const header = readHeader(bytes, from)
        return await hook({
          from,
          to,
          header,
          body: kind => decodeBody(kind, header.body, messageSizes(made!), from),
          with: (kind, body) => encodeMessage(header, kind, body)
        })
      }),
    context: async () => {
      const context = Context.create(Parameters.fromJSON(made!.parameters), await loadKernel(), {
        parties: roster.filter(({ roles: list }) => list.includes('key-holder')).length
      })
      contexts.push(context)
      return context
    },
    stop: async () => {
      wires.setFault(undefined)
      stopping.abort()
      for (const member of members.values()) await member.stop()
      for (const context of contexts) context.dispose()
      for (const own of hosted) await (own as LocalCryptography).dispose()
    }
  }
}

/** Whether a secret opens an encrypted sample: every feature is in some slot, and nothing in the slots is larger than features are. */
export function readsSample(context: Context, secret: SecretKey, plan: Plan, bytes: Uint8Array, sample: Float64Array): boolean {
  const { level, scale } = plan.inputs
  const ciphertext: Ciphertext = deserializeCiphertext(context, bytes, { level, scale })
  const { real, imaginary } = new Decryptor(context, secret).decrypt(ciphertext)
  ciphertext.dispose()
  const slots = [...real, ...imaginary]
  return slots.every(value => Math.abs(value) < 4) && sample.every(feature => slots.some(value => Math.abs(value - feature) < 1e-4))
}

/** What ended an attack, in a sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 400) : String(error)
}
