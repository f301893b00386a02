/** A querier whose program is the one that ships, but for what it encrypts, and that it keeps what it reads. */
import {
  type ComplexVector,
  Context,
  Decryptor,
  deserializeCiphertext,
  KeyGenerator,
  Parameters,
  SecretKey,
  serializeCiphertext,
  serializePublicKey
} from '@slytherin/ckks'
import { InputPacker, type Plan, unpackOutputs } from '@slytherin/engine'
import { decodeUndivided, encodeUndivided, undividedLength } from '@slytherin/mhe'
import {
  LocalCryptography,
  type LocalCryptographyOptions,
  type PlanParameters,
  type QueryInputs,
  type SessionParameters
} from '@slytherin/protocol'
import { loadKernel } from '@slytherin/ring'
import type { Cast, Seen } from './parties.js'

/** A slot of s in units of a sample's: slots of s are some hundred, weights up to three, and results have room for some hundred. */
export const GAIN = 2 ** -4

export class ProbingQuerier extends LocalCryptography {
  /** Slots of g, in units of a sample's; none for an honest query. */
  mask: Float64Array | undefined
  /** Slots of the last result, as decrypted. */
  read: ComplexVector | undefined
  readonly #seed = crypto.getRandomValues(new Uint8Array(32))
  #session: { readonly parameters: SessionParameters; readonly context: Context } | undefined

  static override async create(options: LocalCryptographyOptions): Promise<ProbingQuerier> {
    return new ProbingQuerier(options, await LocalCryptography.loadKernel(options))
  }

  override async open(session: SessionParameters): Promise<void> {
    const { plan, parties } = session
    this.#session = { parameters: session, context: Context.create(Parameters.fromJSON(plan.parameters), await loadKernel(), { parties }) }
    await super.open(session)
  }

  override async resultKey(parameters: PlanParameters): Promise<Uint8Array> {
    using context = Context.create(Parameters.fromJSON(parameters), await loadKernel(), { parties: 1 })
    using secret = this.resultSecret(context)
    using key = new KeyGenerator(context).publicKey(secret)
    return serializePublicKey(key)
  }

  override async openQuery(samples: Float64Array[], query: string): Promise<QueryInputs> {
    const inputs = await super.openQuery(samples, query)
    return {
      encryptInput: async index => {
        const { parameters, context } = this.#session!
        return this.crafted(context, parameters, await inputs.encryptInput(index))
      },
      proveInputs: async batch => await inputs.proveInputs(batch),
      dispose: async () => await inputs.dispose()
    }
  }

  /** What results are switched to; the caller disposes it. */
  resultSecret(context: Context): SecretKey {
    return SecretKey.fromSeed(context, this.#seed)
  }

  override async decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    const { parameters, context } = this.#session!
    this.seen(context, parameters, ciphertexts)
    using secret = this.resultSecret(context)
    const decryptor = new Decryptor(context, secret)
    const slots = ciphertexts.map(bytes => {
      using ciphertext = deserializeCiphertext(context, bytes, { level: parameters.plan.output.level })
      return decryptor.decrypt(ciphertext)
    })
    this.read = slots[0]!
    return unpackOutputs(parameters.plan, slots)
  }

  /** What it sends in place of an honest encryption. */
  protected crafted(context: Context, { proofs, plan }: SessionParameters, bytes: Uint8Array): Uint8Array {
    if (this.mask === undefined) return bytes
    return (proofs === undefined ? withSecretMessage : withUnprovenMessage)(context, bytes, plan.inputs, this.mask)
  }

  /** Results as they arrive, under this querier's key. */
  protected seen(_context: Context, _session: SessionParameters, _ciphertexts: readonly Uint8Array[]): void {}
}

/** c1 + g in place of c1, so that g·s is added to the message. @param mask slots of g */
export function withSecretMessage(
  context: Context,
  bytes: Uint8Array,
  { level, scale }: { readonly level: number; readonly scale: number },
  mask: Float64Array
): Uint8Array {
  const { ring } = context
  using ciphertext = deserializeCiphertext(context, bytes, { level, scale })
  const { coefficients } = context.encoder.coefficients(mask, level, scale)
  const c1 = ciphertext.components[1]!
  using g = ring.ntt(ring.fromIntegers(ring.allocate(c1.indices, 'coefficient'), coefficients))
  ring.add(c1, c1, g)
  return serializeCiphertext(ciphertext)
}

/** The same where C1 = a·u + e1 travels in place of c1 = ⌊2·C1/p⌉: p·g/2 is added to it. */
export function withUnprovenMessage(
  context: Context,
  bytes: Uint8Array,
  { level, scale }: { readonly level: number; readonly scale: number },
  mask: Float64Array
): Uint8Array {
  const { ring, parameters } = context
  const at = bytes.length - undividedLength(context, level)
  using undivided = decodeUndivided(context, bytes.subarray(at), level)
  const { coefficients } = context.encoder.coefficients(mask, level, scale / 2)
  using g = ring.fromIntegers(ring.allocate(undivided.indices, 'coefficient'), coefficients)
  ring.add(undivided, undivided, ring.multiplyScalar(g, g, parameters.specialPrimes[0]!.value))
  const out = bytes.slice()
  out.set(encodeUndivided(context, undivided), at)
  return out
}

/** Where a feature stands in the slots of an input, sample after sample. */
export function slotsOfFeature(plan: Plan, features: number, feature: number): number[] {
  const ones = Array.from({ length: plan.batch }, () => new Float64Array(features).fill(1, feature, feature + 1))
  const packed = new InputPacker(plan, ones).pack(0) as Float64Array
  return [...packed.keys()].filter(slot => packed[slot] !== 0)
}

/** The shares of the public key, which everybody is shown: what a secret is held against. */
export interface SeenPublicKey {
  session: Uint8Array | undefined
  readonly byHolder: Map<string, Uint8Array>
}

export function watchPublicKey(parties: Cast, also?: (message: Seen) => void): SeenPublicKey {
  const seen: SeenPublicKey = { session: undefined, byHolder: new Map() }
  parties.watch(message => {
    also?.(message)
    // They come first of all shares that are revealed.
    if (message.header.kind === 'revealedShare' && !seen.byHolder.has(message.from)) {
      seen.session = message.header.session
      seen.byHolder.set(message.from, message.body('revealedShare').share)
    }
    return undefined
  })
  return seen
}
