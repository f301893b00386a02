/** What steps have in common: the fields of their schemas, what they need of keys and weights, and what is known of each once it is compiled. */
import * as z from 'zod'
import type { Layout } from '../packing/layout.js'

export const level = z.int().min(0).max(63)
export const count = z
  .int()
  .min(0)
  .max(2 ** 24)
export const positiveCount = z
  .int()
  .min(1)
  .max(2 ** 24)
export const scale = z
  .number()
  .positive()
  .max(2 ** 400)
export const magnitude = z
  .number()
  .positive()
  .max(2 ** 80)
/** index into the architecture's layers */
export const layerIndex = z.int().min(0).max(1023)
/** primes dropped afterwards */
/** Primes that a step may drop: scales of steep polynomials hold many. */
export const MOST_RESCALINGS = 32
export const rescalings = z.int().min(0).max(MOST_RESCALINGS)

/** Level, scale and bound of one weight item, and the layer that it belongs to. */
export const weightDescriptorSchema = z.strictObject({ layer: layerIndex, level, scale, magnitude })
/** Level, scale and bound of one weight item, and the layer that it belongs to. */
export type WeightDescriptor = z.infer<typeof weightDescriptorSchema>

export const galoisKeyNeedSchema = z.strictObject({ element: positiveCount, level })
/** A Galois key that a plan needs. */
export type GaloisKeyNeed = z.infer<typeof galoisKeyNeedSchema>

/** What is known of every compiled step. */
export interface Common {
  readonly index: number
  readonly name: string
  /** values that its layer reads */
  readonly reads: readonly number[]
  /** scale and bound on |slot| of the first of them, at the step's level */
  readonly scaleIn: number
  readonly magnitudeIn: number
  readonly blocksIn: number
  readonly blocksOut: number
  /** where the elements of the result stand */
  readonly layout: Layout
}

/** What is known of a step before its rule has looked at it. */
export type Arrival = Pick<Common, 'index' | 'name' | 'reads' | 'scaleIn' | 'magnitudeIn'>
