/** Real runs beside their simulation: what says whether the model may be believed. */
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import type { Simulation } from './description.js'
import { simulateTogether } from './outcome.js'
import { ProfileError } from './profile.js'

/** What `npm run fleet` writes, as far as it is needed here. */
const measuredSchema = z.looseObject({
  runs: z
    .array(
      z.looseObject({
        workers: z.number().int().positive(),
        /** Blocks that were evaluated, all there from the start. */
        blocks: z.number().int().positive(),
        seconds: z.number().positive()
      })
    )
    .min(1)
})

export interface Compared {
  readonly workers: number
  readonly blocks: number
  readonly measuredSeconds: number
  readonly simulatedSeconds: number
  /** Simulated by measured. */
  readonly ratio: number
}

/** @throws ProfileError when the file is none of measured runs */
export async function compare(simulation: Simulation, file: string): Promise<readonly Compared[]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new ProfileError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const measured = measuredSchema.safeParse(json)
  if (!measured.success)
    throw new ProfileError(`${file}: no runs as \`npm run fleet -- --json FILE\` writes them: ${z.prettifyError(measured.error)}`)
  return measured.data.runs.map(({ workers, blocks, seconds }) => {
    const simulatedSeconds = simulateTogether({ ...simulation, workers: { ...simulation.workers, count: workers } }, blocks)
    return { workers, blocks, measuredSeconds: seconds, simulatedSeconds, ratio: simulatedSeconds / seconds }
  })
}
