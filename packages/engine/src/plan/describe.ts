/** A plan in words and figures, for people. */
import { securityBitsFor } from '@slytherin/ckks'
import { describeOutput } from '../architecture/describe-output.js'
import { formatBytes } from '../costs/byte-size.js'
import type { CompiledStep } from '../steps/kinds.js'
import { programOf } from './compiled.js'
import type { EvaluationKeyNames } from './epoch-keys.js'
import { type Plan, WANTED_DISTANCE_BITS } from './plan.js'

/** Decryptions of a short session, against which others are told. */
const FEW_DECRYPTIONS = 64

const bits = (value: number): string => Math.log2(value).toFixed(1)
const seconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} s`

/** Many lines of text; nothing in it is secret. */
export function describePlan(plan: Plan): string {
  const program = programOf(plan)
  const { parameters } = program
  const { architecture, output, costs } = plan
  const primeBits = parameters.primes.map(prime => prime.log2.toFixed(1))
  const limit = parameters.securityBits === 0 ? 'INSECURE, for tests only' : `${parameters.securityBits}-bit security`
  const lines = [
    `plan for ${plan.model}: ${plan.operands.data} data, ${plan.operands.weights} model, ${describeHolders(plan)}, batch of ${plan.batch}`,
    `ring       N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP.toFixed(1)} (${limit})`,
    `chain      ${parameters.primes.length} primes of ${[...new Set(primeBits)].join(', ')} bits, special ${describeSpecial(parameters.specialPrimes)}`,
    `packing    ${plan.batchBlocks} block(s) of ${plan.batchBlock} samples, ${plan.packing === 'complex' ? 'two' : 'one'} to a slot, ${program.width} positions each, ${plan.batchBlocksPerPass} block(s) per pass`,
    `input      ${plan.inputs.count} ${plan.operands.data === 'clear' ? 'clear vector(s)' : 'ciphertext(s)'} per block at level ${plan.inputs.level}, scale 2^${bits(plan.inputs.scale)}${plan.inputs.seeded ? ', encrypted with the secret key: a seed stands for the second component' : ''}`
  ]
  for (const step of program.steps) lines.push(`${String(step.index + 1).padStart(3)}  ${describeStep(step, architecture)}`)
  lines.push(
    `output     ${architecture.output.features} logits in ${output.ciphertextsPerBlock} ciphertext(s) per block at level ${output.level}, scale 2^${bits(output.scale)}, noise 2^${output.noise.toFixed(1)}, flooded as 2^${output.floodedNoise.toFixed(1)} (from ${plan.floodingBounds})`,
    `flooding   ${describeFlooding(plan, parameters.N)}`,
    `precision  ${plan.maximumDecryptions} decryptions${describeDecryptions(plan)}: worst logit error ${plan.precision.worstError.toExponential(1)} (${(100 * plan.precision.relativeError).toPrecision(2)} % of the largest logit)`,
    `answers    ${describeOutput(architecture)}`,
    `keys       ${describeKeys(plan)}, ${formatBytes(costs.bytes.keysPerParty)} per party`,
    plan.operands.weights === 'clear'
      ? `weights    ${program.weights.length} clear vectors, encoded by the evaluator`
      : `weights    ${plan.weights.count} ciphertexts, ${formatBytes(costs.bytes.model)}`,
    `bytes      input ${formatBytes(costs.bytes.input)}, refreshes ${formatBytes(costs.bytes.refreshesPerParty)} per party, evaluator memory ${formatBytes(costs.bytes.evaluatorMemory)}`,
    `seconds    (${costs.model}) evaluation ${seconds(costs.seconds.evaluation)} of which refresh ${seconds(costs.seconds.refresh)}, data ${seconds(costs.seconds.dataEncryption)}, model ${seconds(costs.seconds.modelEncryption)}, keys ${seconds(costs.seconds.keys)}`
  )
  return lines.join('\n')
}

const describeSpecial = (primes: readonly { readonly log2: number }[]): string =>
  `${primes.length === 1 ? '' : `${primes.length} of `}${[...new Set(primes.map(prime => prime.log2.toFixed(1)))].join(', ')} bits`

const describeHolders = ({ parties, threshold }: Plan): string =>
  threshold === parties ? `${parties} key holder(s)` : `${threshold} of ${parties} key holders`

/** Bits of security and statistical distance, what they cost, and what a distance of 2^-40 would. */
function describeFlooding({ floodingBits, floodingDistanceBits }: Plan, N: number): string {
  const wanted = securityBitsFor(WANTED_DISTANCE_BITS, N)
  const more = wanted - floodingBits
  const left = more > 0 ? `; 2^-${WANTED_DISTANCE_BITS} would take ${wanted} bits of security and ${(more / 2).toFixed(1)} bits more` : ''
  return (
    `${floodingBits} bits of security, a statistical distance of 2^-${floodingDistanceBits.toFixed(1)} over a session; ` +
    `costs ${(floodingBits / 2).toFixed(1)} bits of precision or modulus${left}`
  )
}

/** What so many decryptions cost: flooding grows with the root of their number. */
function describeDecryptions({ maximumDecryptions }: Plan): string {
  const bitsFor = (decryptions: number): number => 0.5 * Math.log2(decryptions)
  const more = bitsFor(maximumDecryptions) - bitsFor(FEW_DECRYPTIONS)
  const against = more > 0 ? `, ${more.toFixed(1)} more than ${FEW_DECRYPTIONS}` : ''
  return ` (their number costs ${bitsFor(maximumDecryptions).toFixed(1)} bits${against})`
}

function describeKeys({ galoisKeys, relinearizationLevel }: Plan): string {
  const counts = new Map<number, number>()
  for (const { level } of galoisKeys) counts.set(level, (counts.get(level) ?? 0) + 1)
  const levels = [...counts].sort(([a], [b]) => b - a).map(([level, count]) => `${count} at level ${level}`)
  const galois = `${galoisKeys.length} Galois keys${levels.length > 0 ? ` (${levels.join(', ')})` : ''}`
  return `${galois}, ${relinearizationLevel === null ? 'no relinearisation' : `relinearisation at level ${relinearizationLevel}`}`
}

/** What a key epoch must still make for a plan, in words; a line like those of `describePlan`. */
export function describeMissingKeys({ galois, relinearizationLevel }: EvaluationKeyNames): string {
  const names = [
    ...(relinearizationLevel === null ? [] : [`relinearisation at level ${relinearizationLevel}`]),
    ...galois.map(({ element, level }) => `element ${element} at level ${level}`)
  ]
  return `epoch      ${names.length === 0 ? 'has every key' : `lacks ${names.length} key(s): ${names.join(', ')}`}`
}

function describeStep(step: CompiledStep, { layers }: Plan['architecture']): string {
  const nameOf = (value: number): string => (value === 0 ? 'the input' : `'${layers[value - 1]!.name}'`)
  const { level, scale } = step.step
  const to = step.kind === 'refresh' ? '' : ` → ${level - step.step.rescalings}`
  const tail = `level ${level}${to}, scale 2^${bits(scale)}, |x| ≤ ${step.step.magnitude.toPrecision(3)}`
  switch (step.kind) {
    case 'taps':
      return `convolution '${step.name}' by ${step.packing.taps} taps into ${step.blocksOut} block(s), ${step.packing.items.length} weights of scale 2^${bits(step.step.weightScale)}; ${tail}`
    case 'diagonals': {
      const { packing } = step
      const kind = step.step.order ? 'convolution' : 'dense'
      return `${kind} '${step.name}' ${step.layer.outputs}×${step.layer.inputs}: ${packing.diagonals} diagonals = ${packing.babySteps} × ${packing.giantSteps}, ${packing.folds.length} folds, ${step.blocksIn} → ${step.blocksOut} block(s), ${packing.items.length} weights of scale 2^${bits(step.step.weightScale)}; ${tail}`
    }
    case 'sum': {
      const { packing, summands } = step
      const scales = step.step.weightScales.map(value => `2^${bits(value)}`).join(', ')
      const read = summands.map(({ value, blocks }) => `${nameOf(value)} (${blocks} block(s))`).join(' and ')
      return `sum '${step.name}' of ${read} into ${step.blocksOut} block(s): ${packing.diagonals} diagonals = ${packing.babySteps} × ${packing.giantSteps}, ${packing.folds.length} folds, ${packing.items.length} weights of scale ${scales}; ${tail}`
    }
    case 'product':
      return `product '${step.name}' of ${step.reads.map(nameOf).join(' and ')}, ${step.blocksIn} block(s) each; ${tail}`
    case 'square':
      return `square '${step.name}' of ${step.blocksIn} block(s); ${tail}`
    case 'polynomial':
      return `polynomial '${step.name}' of degree ${step.layer.coefficients.length - 1} in ${step.step.rescalings} levels, ${step.blocksIn} block(s); ${tail}`
    case 'refresh':
      return `refresh of ${step.blocksIn} ciphertext(s) per block; ${tail}`
  }
}
