/** An epoch whose keys a trusted dealer makes: what a ceremony comes to, without one. */
import { Context, KernelEvaluator, KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  CONSISTENCY_BITS,
  firstHolders,
  InMemoryShareLedger,
  ShamirShare,
  type ShareLedger,
  ThresholdShareGiver,
  WholeKeyHolder
} from '@slytherin/mhe'
import type { Plan } from '@slytherin/protocol'
import type { EpochHand, EpochMeans, EpochTerms, SharingName } from '@slytherin/protocol/service'
import { deriveSeed, type Kernel, loadKernel, type Polynomial } from '@slytherin/ring'

const kernel: Kernel = await loadKernel()
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export interface DealtEpochOptions {
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
  means(role: { readonly point?: number; readonly evaluates?: boolean; readonly ledger?: ShareLedger } = {}): DealtMeans {
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
    return Context.create(parameters, kernel, { parties: this.#options.holders })
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
    const generator = new KeyGenerator(context)
    const evaluator = new KernelEvaluator(context)
    const { plans } = this.#options
    const level = Math.max(...plans.map(plan => plan.relinearizationLevel ?? -1))
    if (level >= 0) {
      using key = generator.relinearizationKey(secret, { level, seed: deriveSeed(this.#seed, 'relinearization') })
      evaluator.setRelinearizationKey(key)
    }
    const levels = new Map<number, number>()
    for (const plan of plans) {
      for (const need of plan.galoisKeys) levels.set(need.element, Math.max(need.level, levels.get(need.element) ?? 0))
    }
    for (const [element, of] of levels) {
      using key = generator.galoisKey(secret, element, { level: of, seed: deriveSeed(this.#seed, 'galois', element) })
      evaluator.setGaloisKey(element, key)
    }
    return evaluator
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
