/** An epoch whose keys a trusted dealer makes: what a ceremony comes to, without one. */
import {
  Context,
  KernelEvaluator,
  KeyGenerator,
  type KeySwitchKey,
  Parameters,
  SecretKey,
  serializeKeySwitchKey,
  serializePublicKey
} from '@slytherin/ckks'
import {
  CONSISTENCY_BITS,
  firstHolders,
  InMemoryShareLedger,
  ShamirShare,
  type ShareLedger,
  ThresholdShareGiver,
  WholeKeyHolder
} from '@slytherin/mhe'
import { deriveSeed, type Kernel, type Polynomial } from '@slytherin/ring'
import { toHex } from '../base/digest.js'
import type { EpochTerms, SharingName } from '../service/cryptography/epoch.js'
import type { EvaluationKeyName } from '../service/cryptography/service.js'
import type { EpochHand, EpochMeans } from '../service/local/epoch-means.js'
import type { ContentStore } from '../service/store/content-store.js'
import type { Plan } from '../terms/plan.js'

export interface DealtEpochOptions {
  readonly kernel: Kernel
  readonly threshold: number
  readonly holders: number
  /** Whose parameters, flooding and keys the epoch has; all of them where there are several. */
  readonly plans: readonly [Plan, ...Plan[]]
  readonly proofs?: boolean
  readonly epoch?: Uint8Array
}

/** The epoch as a party has it; whoever makes one disposes it. */
export interface DealtMeans extends EpochMeans {
  dispose(): void
}

export class DealtEpoch {
  readonly terms: EpochTerms
  readonly sharing: SharingName
  readonly publicKey: Uint8Array
  readonly #options: DealtEpochOptions
  readonly #seed = new Uint8Array(32).fill(77)
  readonly #epoch: Uint8Array

  constructor(options: DealtEpochOptions) {
    this.#options = options
    const { threshold, holders, plans, proofs = true } = options
    this.#epoch = options.epoch ?? new Uint8Array(32).fill(9)
    const [plan] = plans
    this.terms = {
      epoch: toHex(this.#epoch),
      parameters: plan.parameters,
      dealers: holders,
      floodingBits: plan.floodingBits,
      maximumDecryptions: plan.maximumDecryptions,
      maximumRefreshes: 1_000_000,
      proofs
    }
    this.sharing = {
      generation: 0,
      lineage: toHex(new Uint8Array(32).fill(3)),
      threshold,
      points: Array.from({ length: holders }, (_, i) => i + 1)
    }
    using context = this.#context()
    using secret = this.#secret(context)
    using key = this.#publicKeyOf(context, secret)
    this.publicKey = serializePublicKey(key)
  }

  /** @param role point of the holder, whether it computes. @param ledger of the holder, which may outlive these means */
  means(
    role: { readonly point?: number; readonly evaluates?: boolean; readonly ledger?: ShareLedger; readonly keys?: EpochMeans['keys'] } = {}
  ): DealtMeans {
    const context = this.#context()
    const secret = this.#secret(context)
    const publicKey = this.#publicKeyOf(context, secret)
    const evaluator = role.evaluates === true ? this.#evaluator(context, secret) : undefined
    const hand = role.point === undefined ? undefined : this.#hand(context, secret, role.point, role.ledger ?? new InMemoryShareLedger())
    secret.dispose()
    return {
      terms: this.terms,
      threshold: this.#options.threshold,
      context,
      publicKey,
      keys: role.keys ?? [],
      get evaluator() {
        if (evaluator === undefined) throw new Error('this party does not compute')
        return evaluator
      },
      get hand() {
        if (hand === undefined) throw new Error('this party holds no share')
        return hand
      },
      dispose: () => {
        evaluator?.[Symbol.dispose]()
        hand?.giver.dispose()
        hand?.whole?.dispose()
        publicKey.dispose()
        context.dispose()
      }
    }
  }

  #context(): Context {
    const parameters = Parameters.fromJSON(this.terms.parameters, { allowInsecure: true })
    return Context.create(parameters, this.#options.kernel, { parties: this.#options.holders })
  }

  #secret(context: Context): SecretKey {
    const secrets = Array.from({ length: this.#options.holders }, (_, i) =>
      SecretKey.fromSeed(context, deriveSeed(this.#seed, 'secret', i))
    )
    return SecretKey.sum(context, secrets)
  }

  #publicKeyOf(context: Context, secret: SecretKey) {
    return new KeyGenerator(context).publicKey(secret, deriveSeed(this.#seed, 'public key'))
  }

  #evaluator(context: Context, secret: SecretKey): KernelEvaluator {
    const evaluator = new KernelEvaluator(context)
    this.#eachKey(context, secret, (name, key) => {
      if (name.kind === 'galois') evaluator.setGaloisKey(name.element, key)
      else evaluator.setRelinearizationKey(key)
    })
    return evaluator
  }

  /** Puts the evaluation keys where an evaluator's are. */
  async putKeys(contents: Pick<ContentStore, 'put'>): Promise<EpochMeans['keys']> {
    using context = this.#context()
    using secret = this.#secret(context)
    const space = `epoch-${this.terms.epoch}`
    const serialized: [EvaluationKeyName, Uint8Array][] = []
    this.#eachKey(context, secret, (name, key) => serialized.push([name, serializeKeySwitchKey(key)]))
    return await Promise.all(serialized.map(async ([name, bytes]) => ({ ...name, space, hash: await contents.put(space, bytes) })))
  }

  #eachKey(context: Context, secret: SecretKey, each: (name: EvaluationKeyName, key: KeySwitchKey) => void): void {
    const generator = new KeyGenerator(context)
    const { plans } = this.#options
    const level = Math.max(...plans.map(plan => plan.relinearizationLevel ?? -1))
    if (level >= 0) {
      using key = generator.relinearizationKey(secret, { level, seed: deriveSeed(this.#seed, 'relinearization') })
      each({ kind: 'relinearization', level }, key)
    }
    const levels = new Map<number, number>()
    for (const plan of plans) {
      for (const need of plan.galoisKeys) levels.set(need.element, Math.max(need.level, levels.get(need.element) ?? 0))
    }
    for (const [element, of] of levels) {
      using key = generator.galoisKey(secret, element, { level: of, seed: deriveSeed(this.#seed, 'galois', element) })
      each({ kind: 'galois', element, level: of }, key)
    }
  }

  #hand(context: Context, secret: SecretKey, point: number, ledger: ShareLedger): EpochHand {
    const { threshold, holders } = this.#options
    const sharing = { epoch: this.#epoch, generation: 0, lineage: new Uint8Array(32).fill(3), access: firstHolders(threshold, holders) }
    const { securityBits, maximumDecryptions } = {
      securityBits: this.terms.floodingBits,
      maximumDecryptions: this.terms.maximumDecryptions
    }
    const shareKey = deriveSeed(this.#seed, 'share key', point)
    const common = { shareKey, ledger, flooding: { securityBits, maximumDecryptions }, maximumRefreshes: this.terms.maximumRefreshes }
    const share = new ShamirShare(context, sharing, point, this.#shareAt(context, secret, point), spareMasks(context))
    const giver = new ThresholdShareGiver({ ...common, share })
    const whole =
      holders === 1
        ? new WholeKeyHolder(context, { ...common, sessionId: this.#epoch, secret: SecretKey.sum(context, [secret]) })
        : undefined
    return { sharing, giver, whole }
  }

  /** S(j) = s + Σ_k c_k·j^k, the c_k uniform. */
  #shareAt({ ring, parameters }: Context, secret: SecretKey, point: number): Polynomial {
    const indices = parameters.keyIndices()
    const sum = ring.copy(ring.allocate(indices, 'ntt'), secret.polynomial)
    for (let k = 1; k < this.#options.threshold; k++) {
      const coefficient = ring.uniform(ring.allocate(indices, 'ntt'), deriveSeed(this.#seed, 'coefficient', k))
      ring.add(sum, sum, ring.multiplyScalar(coefficient, coefficient, BigInt(point) ** BigInt(k)))
      coefficient.dispose()
    }
    return sum
  }
}

/** As many as a share of this ring has; of no use to anybody. */
function spareMasks({ ring }: Context): bigint[][] {
  const bits = Math.min(...ring.moduli.map(modulus => modulus.log2))
  return Array.from({ length: Math.ceil(CONSISTENCY_BITS / bits) }, () => ring.moduli.map(() => 0n))
}
