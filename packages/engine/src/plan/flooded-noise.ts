/**
 * The noise that the flooding of results is sized by: not what is expected of it (`walkNoise`, for precision), but what nobody gains from understating. Every key holder
 * derives it from the plan.
 *
 * Who could lie about what:
 *
 * - ring, levels, scales, keys and numbers of terms are the plan's, which everybody compiles; every encryption, rounding and key switch of every step counts by them, and
 *   none can be left out. That is the floor under every step.
 * - norms and sensitivities of layers (`rowNorm`, `norms`, `sensitivity`) are the model owner's word alone, and nothing else follows from them. One that publishes them 2^60
 *   too small would switch the flooding off, at no cost. With `magnitudes` they are not used: every row of a layer counts with its largest weight in every entry.
 * - largest values (`weightMagnitude`, `outputMagnitude`) are its word, too. They are used, but not below what they say of each other: a layer of n inputs below M_in has
 *   results of up to M_out only with a weight of M_out / (n·M_in) or more (of M_out / Σ n·M_in where it reads several values). From the bound on the samples, which their owner checks, to the largest logit, of which the
 *   precision is a share, these quotients multiply to the same whatever is said of the layers between.
 * - what an owner *encrypts* nobody sees. Weights larger than the largest that it published amplify noise beyond what is counted here; the bound that the modulus sets
 *   (a wrapped result) is hundreds of bits away and cannot be flooded for. A proof of the range of messages would be needed: see SECURITY.md.
 *
 * Without norms, errors grow by the bound of every layer instead of its norm. For some ten layers that costs little; a network of twenty takes nearly three times the
 * evaluation (a larger ring), one of fifty has no plan. `norms` is for those, and only where every key holder that is not the owner says so in its configuration. Where the
 * model is clear at its owner it protects nobody else. Where one party holds the whole key the tracked noise counts, too, where it
 * is more; and where the data are clear there, the key is the model owner's own, as a rule, and norms are the default.
 *
 * The rounding of what is encoded is left out: it belongs to the message, and knows of no secret key. In doubles it is what limits precision far below the noise.
 */
import { EvaluationRules, NoiseModel, type PlaintextMetadata } from '@slytherin/ckks'
import {
  type AffineArchitecture,
  type Architecture,
  isMap,
  type MapPart,
  magnitudeOf,
  partsOf,
  type SumArchitecture
} from '../architecture/architecture.js'
import { readsOf } from '../architecture/values.js'
import type { CompiledStep } from '../steps/kinds.js'
import { walkNoise } from './noise.js'
import type { FloodingBounds } from './plan.js'
import type { Program } from './program.js'

/** Messages are what their encodings hold. */
class ExactMessages extends NoiseModel {
  override encoding(): number {
    return Number.NEGATIVE_INFINITY
  }
}

/**
 * log2 of the standard deviation per coefficient.
 * @param input level, scale and bound of the inputs
 */
export function floodedNoise(program: Program, input: PlaintextMetadata, bounds: FloodingBounds): number {
  const noise = new ExactMessages(program.parameters, program.parties)
  const exact: Program = { ...program, noise, rules: new EvaluationRules(program.parameters, noise, 'positive') }
  const walked = bounds === 'norms' ? exact : withMagnitudes(exact)
  return Math.max(walkNoise(walked, input).sent.noise, noise.rounding(1))
}

function withMagnitudes(program: Program): Program {
  const architecture = magnitudesOnly(program.architecture)
  const steps = program.steps.map((step): CompiledStep => {
    if (step.kind === 'sum') return { ...step, layer: architecture.layers[step.step.layer] as SumArchitecture }
    if (step.kind !== 'taps' && step.kind !== 'diagonals') return step
    return { ...step, layer: architecture.layers[step.step.layer] as AffineArchitecture }
  })
  return { ...program, architecture, steps }
}

/** An architecture without norms and sensitivities, with weights as large as its values call for at least. */
export function magnitudesOnly(architecture: Architecture): Architecture {
  const { sensitivity: _, ...input } = architecture.input
  const layers = architecture.layers.map((layer, index): Architecture['layers'][number] => {
    const { sensitivity: __, ...bounded } = layer
    if (!isMap(bounded)) return bounded
    const reads = readsOf(layer, index)
    const terms = partsOf(bounded).reduce((sum, { inputs }, part) => sum + inputs * magnitudeOf(architecture, reads[part]!), 0)
    const reaching = bounded.outputMagnitude / terms
    const largestOnly = <P extends MapPart>({ rowNorm: ___, norms: ____, ...part }: P): Omit<P, 'rowNorm' | 'norms'> & MapPart => ({
      ...part,
      weightMagnitude: Math.max(part.weightMagnitude, reaching)
    })
    return bounded.kind === 'sum' ? { ...bounded, parts: bounded.parts.map(largestOnly) } : largestOnly(bounded)
  })
  return { ...architecture, input, layers }
}
