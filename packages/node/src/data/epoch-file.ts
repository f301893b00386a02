/**
 * The key terms of an epoch from a file: what `EpochKeys` has (parameters, floodingBits, maximumDecryptions, relinearizationLevel, galois) as JSON, or the record or proposal of
 * an epoch, which says its holders and threshold, too.
 */
import { type EpochKeys, InvalidInputError, parseEpochKeys } from '@slytherin/engine'
import * as z from 'zod'
import { DataFileError } from './errors.js'
import { readDataFile } from './read.js'

export interface EpochFile {
  readonly keys: EpochKeys
  /** Where the file says it. */
  readonly parties?: number
  readonly threshold?: number
}

const EXPECTED = "the key terms of an epoch, or an epoch's record, as JSON"

const termsSchema = z.object({
  parameters: z.unknown(),
  floodingBits: z.unknown(),
  maximumDecryptions: z.unknown(),
  relinearizationLevel: z.unknown(),
  galois: z.unknown(),
  holders: z.array(z.unknown()).min(1).optional(),
  threshold: z.int().min(1).optional()
})
const fileSchema = z.union([z.object({ proposal: termsSchema }).transform(({ proposal }) => proposal), termsSchema])

/** @throws DataFileError */
export async function readEpochFile(file: string): Promise<EpochFile> {
  const bytes = await readDataFile(file, EXPECTED)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new DataFileError(file, 'file', EXPECTED, error instanceof Error ? error.message : String(error), { cause: error })
  }
  const parsed = fileSchema.safeParse(json)
  if (!parsed.success) throw new DataFileError(file, 'file', EXPECTED, parsed.error.issues[0]!.message)
  const { holders, threshold, ...terms } = parsed.data
  try {
    return {
      keys: parseEpochKeys(terms),
      ...(holders === undefined ? {} : { parties: holders.length }),
      ...(threshold === undefined ? {} : { threshold })
    }
  } catch (error) {
    if (error instanceof InvalidInputError) throw new DataFileError(file, error.what, error.expected, error.actual, { cause: error })
    throw error
  }
}
