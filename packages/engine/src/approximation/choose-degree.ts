/** The degree of fitted polynomials: the smallest that keeps the answers, among those whose networks can be evaluated under encryption. */
import { describeAgreement, UnplannableAgreementError, UnreachableAgreementError } from '../errors.js'
import { measureOf } from '../graph/agreement.js'
import type { NetworkGraph } from '../graph/graph.js'
import { isNumeric } from '../graph/task.js'
import type { ApproximatedNetwork } from './activations.js'

/** How answers to samples stay that the polynomials were not fitted to. */
export interface Validation {
  /** by the measure of the task */
  readonly agreement: number
  /** largest change of a logit, relative to the largest logit */
  readonly worst: number
}

/** Fits by degree. */
export interface DegreeFits {
  /** undefined where the degree is of no use */
  crossValidate(degree: number): Validation | undefined
  result(degree: number, agreement: number): ApproximatedNetwork
}

export interface DegreeWishes {
  readonly agreement: number
  readonly maximumDegree: number
  /** why a network cannot be evaluated under encryption as is wanted; undefined when it can */
  readonly obstacle: ((approximated: ApproximatedNetwork) => string | undefined) | undefined
}

/** Degrees worth a try: the largest and a cheaper one or two of every depth. */
const DEGREES = [2, 3, 4, 5, 6, 7, 9, 11, 13, 15, 19, 23, 31, 47, 63] as const
/** Change of a logit that counts as none, relative to the largest. */
export const LOGIT_TOLERANCE = 0.005

/**
 * Degrees in order. When every degree has an obstacle, the smallest that keeps the answers is taken, for whoever plans it to say what blocks.
 * @throws UnreachableAgreementError when no degree keeps the answers; UnplannableAgreementError when those that do have an obstacle, and others have none
 */
export function chooseDegree(
  graph: NetworkGraph,
  fits: DegreeFits,
  { agreement, maximumDegree, obstacle }: DegreeWishes
): ApproximatedNetwork {
  const measure = measureOf(graph)
  const missed: { readonly degree: number; readonly agreement: number }[] = []
  let blocked: { readonly degree: number; readonly result: ApproximatedNetwork; readonly obstacle: string } | undefined
  for (const degree of DEGREES) {
    if (degree > maximumDegree) break
    const kept = fits.crossValidate(degree)
    if (kept === undefined) continue
    // a number that is read as such has no class that could stay
    const close = !isNumeric(graph) && kept.worst <= LOGIT_TOLERANCE
    if (kept.agreement < agreement && !close) {
      missed.push({ degree, agreement: kept.agreement })
      continue
    }
    const result = fits.result(degree, kept.agreement)
    const found = obstacle?.(result)
    if (found === undefined) return result
    blocked ??= { degree, result, obstacle: found }
  }
  missed.sort((a, b) => b.agreement - a.agreement)
  if (!blocked) {
    throw new UnreachableAgreementError(graph.name, agreement, missed[0]?.agreement ?? Number.NEGATIVE_INFINITY, maximumDegree, measure)
  }
  const plannable = missed.find(kept => obstacle?.(fits.result(kept.degree, kept.agreement)) === undefined)
  if (!plannable) return blocked.result
  throw new UnplannableAgreementError(
    graph.name,
    describeAgreement(agreement, measure),
    blocked.degree,
    blocked.obstacle,
    plannable.degree,
    describeAgreement(plannable.agreement, measure)
  )
}
