/** One case: imported, evaluated in the clear, held against the right outputs, approximated and planned. */
import { answerOf, applyFinal, architectureOf, Calibration, evaluate, type NetworkGraph, plan } from '@slytherin/engine'
import { importModelFile, referenceCosts, type SampleArray } from '@slytherin/node'
import type { CaseFile, RightOutput } from './case-files.js'

export interface CaseResult {
  readonly name: string
  readonly outcome: 'right' | 'wrong' | 'refused'
  /** Largest difference between what the file gives and what is right; null where nothing was computed. */
  readonly worstError: number | null
  /** Why it is wrong or refused, or why a right one has no plan. */
  readonly reason: string | null
  /** Largest difference that polynomial activations make to a logit, on the samples; null where there is none. */
  readonly approximationError: number | null
  /** Null without a plan. */
  readonly plan: { readonly batch: number; readonly refreshes: number; readonly inputBytes: number } | null
}

/** Files compute in float32. */
const TOLERANCE = 5e-4
const PLANNED_BATCH = 64
const PARTIES = 3

export async function runCase(file: CaseFile): Promise<CaseResult> {
  const { name } = file
  const nothing = { name, worstError: null, approximationError: null, plan: null }
  if (!file.samples || file.right.length === 0)
    return { ...nothing, outcome: 'refused', reason: `no samples in ${name}-x.npy, or no right outputs in ${name}-right.npy or .npz` }
  const samples = rowsOf(file.samples)
  let graph: NetworkGraph | undefined
  let worst = 0
  let wrong: string | undefined
  try {
    for (const right of file.right) {
      const own = await importModelFile(file.model, { output: right.output })
      // what is planned has scores, where the file has some
      if (!graph || endsInClass(graph)) graph = own
      const { error, largest } = differenceOf(own, samples, right)
      worst = Math.max(worst, error)
      if (!(error <= TOLERANCE * Math.max(1, largest))) wrong ??= `${right.output ?? 'output'} differs by ${error.toPrecision(3)}`
    }
    // several outputs at once say what each does alone
    const whole = await importModelFile(file.model)
    if (whole.parts !== undefined) {
      graph = whole
      for (const right of file.right) {
        const { error, largest } = differenceOf(whole, samples, right)
        worst = Math.max(worst, error)
        if (!(error <= TOLERANCE * Math.max(1, largest)))
          wrong ??= `${right.output ?? 'output'}, of all together, differs by ${error.toPrecision(3)}`
      }
    }
  } catch (error) {
    return { ...nothing, outcome: 'refused', reason: (error as Error).message }
  }
  if (wrong !== undefined) return { ...nothing, outcome: 'wrong', worstError: worst, reason: wrong }
  const planned = approximateAndPlan(graph!, samples)
  return { name, outcome: 'right', worstError: worst, ...planned }
}

const endsInClass = (graph: NetworkGraph): boolean => graph.final.some(({ kind }) => kind === 'argmax')

/** What the file's output gives: scores, or the label of a class. */
function outputsOf(graph: NetworkGraph, sample: Float64Array, output: string | undefined): Float64Array {
  const logits = evaluate(graph, sample)
  if (graph.parts !== undefined) return answerOf(graph, logits).parts!.find(({ name }) => name === output)?.outputs ?? new Float64Array()
  return endsInClass(graph) ? Float64Array.of(Number(answerOf(graph, logits).prediction)) : applyFinal(graph.final, logits)
}

const rowsOf = (array: SampleArray): Float64Array[] =>
  Array.from({ length: array.rows }, (_, row) => Float64Array.from({ length: array.columns }, (__, column) => array.value(row, column)))

function differenceOf(
  graph: NetworkGraph,
  samples: readonly Float64Array[],
  { output, values }: RightOutput
): { error: number; largest: number } {
  // right outputs may be kept of the first samples only
  let [error, largest] = [values.rows > 0 && values.rows <= samples.length ? 0 : Number.POSITIVE_INFINITY, 0]
  samples.slice(0, values.rows).forEach((sample, row) => {
    const found = outputsOf(graph, sample, output)
    if (found.length !== values.columns) error = Number.POSITIVE_INFINITY
    found.forEach((value, column) => {
      if (column >= values.columns) return
      const right = values.value(row, column)
      const difference = Math.abs(value - right)
      // NaN is as wrong as can be
      error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference)
      largest = Math.max(largest, Math.abs(right))
    })
  })
  return { error, largest }
}

function approximateAndPlan(
  graph: NetworkGraph,
  samples: readonly Float64Array[]
): Pick<CaseResult, 'reason' | 'approximationError' | 'plan'> {
  let approximationError: number | null = null
  try {
    const calibration = Calibration.fromSamples(samples)
    const { network } = calibration.approximate(graph)
    approximationError = 0
    for (const sample of samples) {
      const exact = evaluate(graph, sample)
      network.forward(sample).forEach((value, k) => {
        approximationError = Math.max(approximationError!, Math.abs(value - exact[k]!))
      })
    }
    const batch = Math.min(samples.length, PLANNED_BATCH)
    const { steps, costs } = plan(architectureOf(network, calibration.ranges(network)), {
      data: 'encrypted',
      weights: 'encrypted',
      batch,
      parties: PARTIES,
      costModel: referenceCosts('kernel'),
      // The least: cases are about files and their answers, and most flooding that has a plan takes long to find.
      floodingBits: 30,
      floodingBounds: 'norms'
    })
    const refreshes = steps.filter(({ kind }) => kind === 'refresh').length
    return { reason: null, approximationError, plan: { batch, refreshes, inputBytes: costs.bytes.input } }
  } catch (error) {
    return { reason: `no plan: ${(error as Error).message}`, approximationError, plan: null }
  }
}
