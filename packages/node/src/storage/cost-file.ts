/**
 * Measured costs of this machine, kept so that they are measured once. They hold for one processor, one release of Node and of this package, one build of the kernel, one
 * number of threads: with any other they are measured again.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { availableParallelism, cpus, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type CostModel, costModelSchema } from '@slytherin/engine'
import * as z from 'zod'
import { DataFileError } from '../data/errors.js'
import { VERSION } from '../version.js'
import { writeAtomically } from './atomic-file.js'

const basisSchema = z.strictObject({
  processor: z.string(),
  processors: z.int().min(1),
  node: z.string(),
  software: z.string(),
  evaluator: z.string(),
  kernel: z.string(),
  threads: z.int().min(1)
})

/** What measured costs hold for. */
export type CostBasis = z.infer<typeof basisSchema>

const fileSchema = z.strictObject({ basis: basisSchema, costs: costModelSchema })

/** Of this machine and this process. */
export function costBasis(of: Pick<CostBasis, 'evaluator' | 'kernel' | 'threads'>): CostBasis {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    node: process.version,
    software: VERSION,
    ...of
  }
}

/** Where a user's costs are kept: `slytherin/costs-<evaluator>.json` in $XDG_CACHE_HOME, by default ~/.cache. */
export const userCostFile = (evaluator: string): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slytherin', `costs-${evaluator}.json`)

/** @returns undefined when there is no such file, it is not one, or it holds for something else */
export async function readMeasuredCosts(path: string, basis: CostBasis): Promise<CostModel | undefined> {
  const parsed = fileSchema.safeParse(await contents(path).catch(() => undefined))
  return parsed.success && JSON.stringify(parsed.data.basis) === JSON.stringify(basisSchema.parse(basis)) ? parsed.data.costs : undefined
}

/** Costs from a file that a user names, whatever machine they were measured on. @throws DataFileError */
export async function readCosts(path: string): Promise<CostModel> {
  const json = await contents(path).catch((error: unknown) => {
    throw new DataFileError(path, 'costs', EXPECTED, error instanceof Error ? error.message : String(error))
  })
  const parsed = fileSchema.safeParse(json)
  if (parsed.success) return parsed.data.costs
  const issue = parsed.error.issues[0]!
  throw new DataFileError(path, issue.path.join('.') || 'costs', EXPECTED, issue.message)
}

/** Makes the folder when missing. */
export async function writeCosts(path: string, basis: CostBasis, costs: CostModel): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomically(path, `${JSON.stringify({ basis, costs }, null, 2)}\n`)
}

const EXPECTED = 'what "slytherin plan --calibrate --costs FILE" writes'

const contents = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'))
