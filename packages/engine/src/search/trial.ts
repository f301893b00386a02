/** One choice of ring, chain, packing and batch block, and what follows from it at once. */
import { EvaluationRules, type Flooding, NoiseModel, PAIR_SQUARE_SCALE, type Parameters } from '@slytherin/ckks'
import type { Architecture } from '../architecture/architecture.js'
import { slotFactor } from '../packing/slots.js'
import { magnitudesOnly } from '../plan/flooded-noise.js'
import type { LayerPacking } from '../steps/packed.js'
import { type Chain, parametersFor } from './chain.js'
import { floodingIn, type Settings } from './options.js'
import type { PackedLayer } from './packer.js'

export interface Trial {
  readonly architecture: Architecture
  /** the architecture with those of its bounds that flooding may rest on */
  readonly flooded: Architecture
  readonly flooding: Flooding
  readonly settings: Settings
  readonly chain: Chain
  readonly parameters: Parameters
  readonly noise: NoiseModel
  readonly rules: EvaluationRules
  readonly batchBlocks: number
  /** batch blocks that one after another are evaluated by the worker that has most of them */
  readonly turns: number
  /** by layer */
  readonly packed: readonly PackedLayer[]
  readonly packings: readonly LayerPacking[]
  readonly slotFactor: number
  /** scale of a square relative to the square of its operand's */
  readonly squareFactor: number
  /** bounds on |value|: input, then after every layer */
  readonly values: readonly number[]
  /** log2 of the bounds on |slot| */
  readonly magnitudes: readonly number[]
}

export function trialOf(architecture: Architecture, settings: Settings, chain: Chain, packed: readonly PackedLayer[]): Trial {
  const parameters = settings.epoch?.parameters ?? parametersFor(chain, settings.insecure)
  const noise = new NoiseModel(parameters, settings.parties)
  const factor = slotFactor(chain.packing)
  const batchBlocks = Math.ceil(settings.batch / chain.batchBlock)
  const values = [architecture.input.magnitude, ...architecture.layers.map(layer => layer.outputMagnitude)]
  return {
    architecture,
    flooded: settings.floodingBounds === 'norms' ? architecture : magnitudesOnly(architecture),
    flooding: floodingIn(settings, parameters.N),
    settings,
    chain,
    parameters,
    noise,
    rules: new EvaluationRules(parameters, noise, 'positive'),
    batchBlocks,
    turns: Math.ceil(batchBlocks / settings.workers),
    packed,
    packings: packed.map(layer => layer.packing),
    slotFactor: factor,
    squareFactor: chain.packing === 'complex' ? PAIR_SQUARE_SCALE : 1,
    values,
    magnitudes: values.map(value => Math.log2(value * factor))
  }
}
