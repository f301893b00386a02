/**
 * The engine's simulator with errors in its slots: every *source* of error (encoding, encryption, relinearisation, rotation, rescaling, refresh, flooding) adds normal
 * deviates as large as the noise model says, and the arithmetic of the slots carries them on.
 *
 * A standard deviation of σ per coefficient is σ·sqrt(N/2)/scale in the real part of a slot, and in the imaginary part. Imaginary parts are left out where messages are
 * real: there they act only in products of two errors.
 */
import {
  type CiphertextMetadata,
  combineNoise,
  type EncodeOptions,
  EvaluationRules,
  type EvaluatorCiphertext,
  type EvaluatorPlaintext,
  type Flooding,
  metadataOf,
  NoiseModel,
  noiseAfterFlooding,
  type Parameters,
  refreshNoise,
  SimulatedCiphertext,
  SimulatorEvaluator,
  type SlotValues
} from '@slytherin/ckks'
import type { Plan } from '@slytherin/engine'
import { Gaussian } from './gaussian.js'

export interface NoisySimulatorOptions {
  /** Key holders. */
  readonly parties: number
  /** Keys that there are, with their levels. */
  readonly galoisKeys: Plan['galoisKeys']
  readonly relinearizationLevel: Plan['relinearizationLevel']
  /** How the evaluator that is simulated decomposes: the kernel's digits are centred, SEAL's are not. */
  readonly digits: 'centred' | 'positive'
  /** Whether slots hold complex numbers, so that their imaginary parts have errors, too. */
  readonly complex: boolean
  readonly seed: number
}

/** Standard deviation of the real part of a slot for a noise of log2 σ per coefficient. */
export function slotDeviation(parameters: Pick<Parameters, 'logN'>, noise: number, scale: number): number {
  return 2 ** (noise + 0.5 * (parameters.logN - 1) - Math.log2(scale))
}

export class NoisySimulator extends SimulatorEvaluator {
  readonly #model: NoiseModel
  readonly #sources: EvaluationRules
  readonly #complex: boolean
  readonly #gaussian: Gaussian

  constructor(parameters: Parameters, { parties, galoisKeys, relinearizationLevel, digits, complex, seed }: NoisySimulatorOptions) {
    super(parameters, { parties, galoisKeys, relinearizationLevel })
    this.#model = new NoiseModel(parameters, parties)
    this.#sources = new EvaluationRules(parameters, this.#model, digits)
    this.#complex = complex
    this.#gaussian = new Gaussian(seed)
  }

  override encrypt(values: SlotValues, options: EncodeOptions & { readonly magnitude?: number }): SimulatedCiphertext {
    const fresh = super.encrypt(values, options)
    this.#disturb(fresh, fresh.noise)
    return fresh
  }

  override plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext {
    const given: { readonly real: Float64Array; readonly imaginary?: Float64Array } =
      values instanceof Float64Array ? { real: values } : values
    const real = new Float64Array(this.slots)
    real.set(given.real)
    const imaginary = new Float64Array(this.slots)
    if (given.imaginary !== undefined) imaginary.set(given.imaginary)
    const largest = real.reduce((bound, value, slot) => Math.max(bound, Math.hypot(value, imaginary[slot]!)), 0)
    const deviation = slotDeviation(this.parameters, this.#model.encoding(options.scale, largest), options.scale)
    this.#gaussian.disturb(real, deviation)
    if (this.#complex) this.#gaussian.disturb(imaginary, deviation)
    return super.plaintext(this.#complex || given.imaginary !== undefined ? { real, imaginary } : real, options)
  }

  override relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext {
    if (a.degree === 1) return super.relinearize(a)
    return this.#disturb(super.relinearize(a), this.#sources.relinearize(silent(a), undefined).noise)
  }

  override rotate(a: EvaluatorCiphertext, steps: number): EvaluatorCiphertext {
    return this.#disturb(super.rotate(a, steps), this.#sources.automorphism('rotate', silent(a), undefined).noise)
  }

  override conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.#disturb(super.conjugate(a), this.#sources.automorphism('conjugate', silent(a), undefined).noise)
  }

  override rescale(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.#disturb(super.rescale(a), this.#sources.rescale(silent(a)).noise)
  }

  /**
   * What a refresh makes of a ciphertext, which is taken over: the top level, and two errors per share.
   * @param rerandomized whether an encryption of zero was added before
   */
  refresh(a: EvaluatorCiphertext, shares: number, rerandomized: boolean): EvaluatorCiphertext {
    const own = refreshNoise(shares)
    const errors = rerandomized ? combineNoise(own, this.#model.fresh()) : own
    const metadata = { ...metadataOf(a), level: this.parameters.maxLevel, noise: combineNoise(a.noise, errors) }
    const { real, imaginary } = this.decrypt(a)
    a.dispose()
    return this.#disturb(new SimulatedCiphertext(this.#complex ? { real, imaginary } : { real }, metadata, () => undefined), errors)
  }

  /**
   * The slots as the querier reads them: switched to its key with the flooding of all shares.
   * @param noise log2 σ that the flooding is derived from: the plan's, or the tracked one where that is larger
   */
  reveal(a: EvaluatorCiphertext, noise: number, flooding: Flooding, shares: number): SlotValues {
    const flooded = noiseAfterFlooding(this.#model, noise, flooding, shares)
    const slots = this.decrypt(a)
    const deviation = slotDeviation(this.parameters, flooded, a.scale)
    this.#gaussian.disturb(slots.real, deviation)
    if (!this.#complex) return slots.real
    this.#gaussian.disturb(slots.imaginary, deviation)
    return slots
  }

  #disturb<T extends EvaluatorCiphertext>(ciphertext: T, noise: number): T {
    const own = ciphertext as unknown as SimulatedCiphertext
    const deviation = slotDeviation(this.parameters, noise, ciphertext.scale)
    const { real, imaginary = new Float64Array(this.slots) } = own.slots
    this.#gaussian.disturb(real, deviation)
    if (!this.#complex) return ciphertext
    this.#gaussian.disturb(imaginary, deviation)
    own.replace({ real, imaginary }, own.noise, own.magnitude)
    return ciphertext
  }
}

/** The same operand without its error: what an operation makes of it is the operation's own error. */
function silent(a: CiphertextMetadata): CiphertextMetadata {
  return { ...metadataOf(a), noise: Number.NEGATIVE_INFINITY }
}
