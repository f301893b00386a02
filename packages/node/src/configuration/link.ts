/** The way between parties, as people say it. */
import type { Link } from '@slytherin/engine'
import * as z from 'zod'

export const linkSchema = z.strictObject({
  /** Mbit/s. */
  bandwidth: z.number().positive().max(1e6),
  /** Milliseconds. */
  roundTrip: z.number().min(0).max(10_000)
})

/** In bytes per second, and seconds. */
export const linkOf = ({ bandwidth, roundTrip }: z.infer<typeof linkSchema>): Link => ({
  bandwidth: (bandwidth * 1e6) / 8,
  roundTrip: roundTrip / 1e3
})
