/** The cost model of this machine: from a file while it holds, otherwise measured. */
import { createHash } from 'node:crypto'
import { type CostModel, KERNEL_COSTS, SEAL_COSTS } from '@slytherin/engine'
import { costBasis, readMeasuredCosts, writeCosts } from './storage/cost-file.js'

/** What can be measured: a party's cryptography, or a kernel of its own (`slytherin plan`). */
export interface Measurable {
  /** What computes on ciphertexts: this project's kernel, or Microsoft SEAL. */
  readonly evaluator: 'kernel' | 'seal'
  /** Build of the WebAssembly kernel that runs. */
  readonly kernel: string
  /** That share an operation. */
  readonly threads: number
  /** Measures what operations take, about a second's work. @param name under which the cost model is kept */
  measure(name: string): Promise<CostModel>
}

/** Built in: the same everywhere, so that plans are, too. */
export const referenceCosts = (evaluator: 'kernel' | 'seal'): CostModel => (evaluator === 'seal' ? SEAL_COSTS : KERNEL_COSTS)

/**
 * @param path file that keeps them; one that cannot be written costs a measurement next time and nothing else
 * @param options.again measure even when the file holds
 */
export async function machineCosts(path: string, measurable: Measurable, options: { readonly again?: boolean } = {}): Promise<CostModel> {
  const { evaluator, kernel, threads } = measurable
  const basis = costBasis({ evaluator, kernel, threads })
  const known = options.again === true ? undefined : await readMeasuredCosts(path, basis)
  if (known !== undefined) return known
  const name = `${evaluator}, ${threads} thread${threads === 1 ? '' : 's'}`
  const measured = await measurable.measure(name)
  const digest = createHash('sha256').update(JSON.stringify(measured)).digest('hex').slice(0, 8)
  const costs = { ...measured, name: `${name}, measured ${digest}` }
  await writeCosts(path, basis, costs).catch(() => undefined)
  return costs
}
