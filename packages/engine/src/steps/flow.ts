/** What is known of the error of values on their way through the steps, and what happens to it whatever the step. */
import { type CiphertextMetadata, combineNoise, type PlaintextMetadata } from '@slytherin/ckks'
import { type OperandKind, publicCoins, rerandomizes } from './operands.js'
import type { Setting } from './setting.js'

/** What is known of a ciphertext that flows. */
export interface Flow {
  readonly metadata: CiphertextMetadata
  /** after an activation: the error of its argument apart from what came in since */
  readonly activation?: {
    /** log2 of the error that the argument's error makes per unit of the activation's derivative */
    readonly unit: number
    /** log2 of all other error */
    readonly rest: number
  }
}

export type Factor = { readonly kind: 'encrypted'; readonly flow: Flow } | { readonly kind: 'clear'; readonly metadata: PlaintextMetadata }

/** log2 of the error of encoding. */
export const encodingNoise = ({ noise }: Setting, metadata: PlaintextMetadata): number => noise.encoding(metadata.scale, metadata.magnitude)

/** A factor as its owner makes it. */
export function made(setting: Setting, kind: OperandKind, metadata: PlaintextMetadata): Factor {
  if (kind === 'clear') return { kind, metadata }
  const noise = combineNoise(setting.noise.fresh(), encodingNoise(setting, metadata))
  return { kind, flow: { metadata: { ...metadata, degree: 1, noise } } }
}

/** The input as it is computed with. */
export function arrived(setting: Setting, kind: OperandKind, metadata: PlaintextMetadata): Factor {
  const factor = made(setting, kind, metadata)
  if (factor.kind === 'clear') return factor
  if (!setting.seededInputs) return { kind: 'encrypted', flow: coined(setting, factor.flow) }
  const noise = combineNoise(setting.noise.secretKeyError(), encodingNoise(setting, metadata))
  return { kind: 'encrypted', flow: { metadata: { ...factor.flow.metadata, noise } } }
}

/** With an encryption of zero whose coins are public, where operands and threshold call for it. */
export function coined(setting: Setting, flow: Flow): Flow {
  return publicCoins(setting.threshold, setting.operands) ? withZero(setting, flow) : flow
}

/** A weight as its owner makes it, with what was added to it since. */
export function madeWeight(setting: Setting, metadata: PlaintextMetadata): Factor {
  const factor = made(setting, setting.operands.weights, metadata)
  if (factor.kind === 'clear' || setting.weightError === undefined) return factor
  return { kind: 'encrypted', flow: added(factor.flow, setting.weightError) }
}

/** As key holders are sent it: with a fresh encryption of zero where operands or the threshold call for it. */
export function sent(setting: Setting, flow: Flow): Flow {
  if (!rerandomizes(setting.threshold, setting.operands)) return flow
  return withZero(setting, flow)
}

const withZero = (setting: Setting, flow: Flow): Flow =>
  added(flow, setting.noise.fresh(), encodingNoise(setting, { ...flow.metadata, magnitude: 0 }))

export function rescaled({ rules }: Setting, metadata: CiphertextMetadata, times: number): CiphertextMetadata {
  let result = metadata
  for (let dropped = 0; dropped < times; dropped++) result = rules.rescale(result)
  return result
}

/** Independent errors come in. */
export function added(flow: Flow, ...noises: number[]): Flow {
  const metadata = { ...flow.metadata, noise: combineNoise(flow.metadata.noise, ...noises) }
  if (!flow.activation) return { metadata }
  return { metadata, activation: { ...flow.activation, rest: combineNoise(flow.activation.rest, ...noises) } }
}

export const lowered = (flow: Flow, noise: number): Flow =>
  flow.metadata.noise <= noise ? flow : { metadata: { ...flow.metadata, noise } }

/** Without the error that it has. */
export const silent = (metadata: CiphertextMetadata): CiphertextMetadata => ({ ...metadata, noise: Number.NEGATIVE_INFINITY })

export const atLevel = (flow: Flow, level: number): Flow => ({ ...flow, metadata: { ...flow.metadata, level } })

export function encrypted(factor: Factor): Flow {
  if (factor.kind === 'clear') throw new RangeError('both factors are clear')
  return factor.flow
}
