/** What every operation of one parameter set shares: ring, encoder, noise model. */
import { type Kernel, Ring } from '@slytherin/ring'
import { Encoder } from './encoder.js'
import { InvalidParametersError } from './errors.js'
import { NoiseModel } from './noise.js'
import type { Parameters } from './parameters.js'

/** What a context is told beside its parameters. */
export interface ContextOptions {
  /** Number of ternary secrets summed in the key, 1 by default. Only the noise model uses it. */
  parties?: number
}

/** Ring, encoder and noise model of one parameter set. Dispose it last. */
export class Context implements Disposable {
  readonly encoder: Encoder
  readonly noise: NoiseModel

  private constructor(
    readonly parameters: Parameters,
    readonly ring: Ring,
    readonly parties: number
  ) {
    this.encoder = new Encoder(parameters, ring)
    this.noise = new NoiseModel(parameters, parties)
  }

  /** @throws InvalidParametersError */
  static create(parameters: Parameters, kernel: Kernel, options: ContextOptions = {}): Context {
    const parties = options.parties ?? 1
    if (!Number.isInteger(parties) || parties < 1) throw new InvalidParametersError('parties', 'a positive integer', String(parties))
    const moduli = parameters.moduli().map(modulus => modulus.value)
    return new Context(parameters, new Ring(kernel, { logN: parameters.logN, moduli }), parties)
  }

  /** Releases the ring's tables. Polynomials of the ring must be disposed before. */
  dispose(): void {
    this.ring.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
