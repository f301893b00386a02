/**
 * Noise of the result from the metadata alone: the rules of the evaluators applied to one representative of every sum, counted as often as it is added. It is never
 * below what an evaluator tracks when it runs the program.
 */
import { type CiphertextMetadata, combineNoise, ERROR_SIGMA } from '@slytherin/ckks'
import type { CompiledAffine, CompiledStep, Program } from './program.js'

/** log2 of the error that the shares of a refresh leave: two errors per party. */
const refreshNoise = (parties: number): number => 0.5 * Math.log2(2 * parties * ERROR_SIGMA ** 2)

/** @returns the metadata of the logits, and of the ciphertexts after each step */
export function walkNoise(
  program: Program,
  parties: number,
  input: { level: number; scale: number; magnitude: number }
): CiphertextMetadata[] {
  const { noise } = program
  const fresh = (metadata: { level: number; scale: number; magnitude: number }): CiphertextMetadata => ({
    ...metadata,
    degree: 1,
    noise: combineNoise(noise.fresh(), noise.encoding(metadata.scale, metadata.magnitude))
  })
  let state = fresh(input)
  return program.steps.map(step => {
    state = walkStep(program, step, { ...state, level: step.step.level }, parties, fresh)
    return state
  })
}

const added = (state: CiphertextMetadata, ...noises: number[]): CiphertextMetadata => ({
  ...state,
  noise: combineNoise(state.noise, ...noises)
})

function walkStep(
  program: Program,
  step: CompiledStep,
  state: CiphertextMetadata,
  parties: number,
  fresh: (metadata: { level: number; scale: number; magnitude: number }) => CiphertextMetadata
): CiphertextMetadata {
  const { rules, parameters } = program
  if (step.kind === 'refresh') return { ...added(state, refreshNoise(parties)), level: parameters.maxLevel }
  let result: CiphertextMetadata
  if (step.kind === 'square') result = rules.relinearize(rules.multiply('square', state, state, true), undefined)
  else result = walkAffine(program, step, state, fresh)
  for (let dropped = 0; dropped < step.step.rescalings; dropped++) result = rules.rescale(result)
  result = { ...result, magnitude: step.step.magnitude }
  if (step.kind === 'square') return result
  const bias = fresh({ level: result.level, scale: result.scale, magnitude: step.layer.biasMagnitude })
  return added(result, bias.noise)
}

function walkAffine(
  { rules }: Program,
  step: CompiledAffine,
  state: CiphertextMetadata,
  fresh: (metadata: { level: number; scale: number; magnitude: number }) => CiphertextMetadata
): CiphertextMetadata {
  const weight = fresh({ level: state.level, scale: step.step.weightScale, magnitude: step.layer.weightMagnitude })
  if (step.kind === 'taps') {
    const product = rules.multiply('taps', state, weight, false)
    return rules.relinearize({ ...product, noise: product.noise + 0.5 * Math.log2(step.packing.taps) }, undefined)
  }
  const { packing } = step
  const rotated = packing.babySteps > 1 ? rules.automorphism('rotate', state, undefined) : state
  const product = rules.multiply('diagonals', rotated, weight, false)
  const terms = Math.ceil(packing.products / packing.outputBlocks)
  const silent = { ...product, degree: 2, noise: Number.NEGATIVE_INFINITY }
  const relinearization = rules.relinearize(silent, undefined).noise
  const rotation = rules.automorphism('rotate', { ...silent, degree: 1 }, undefined).noise
  let sum: CiphertextMetadata = { ...product, degree: 1, noise: product.noise + 0.5 * Math.log2(terms) }
  sum = added(sum, relinearization + 0.5 * Math.log2(packing.giantSteps))
  if (packing.giantSteps > 1) sum = added(sum, rotation + 0.5 * Math.log2(packing.giantSteps - 1))
  for (let fold = 0; fold < packing.folds.length; fold++) sum = added(sum, sum.noise, rotation)
  return sum
}
