/** What one query costs each resource, read from the report of a run: so a simulation rests on what was measured. */
import { readFile } from 'node:fs/promises'
import * as z from 'zod'

/** Between two of them the key holders are asked. */
export interface Segment {
  /** Core seconds of the worker. */
  readonly coreSeconds: number
}

/** One round of the key holders: a refresh, or the switch of the result. */
export interface Round {
  /** What each of the t holders is sent. */
  readonly requestBytes: number
  /** What each of them answers. */
  readonly shareBytes: number
  /** Core seconds of each holder. */
  readonly coreSeconds: number
}

export interface QueryProfile {
  readonly name: string
  readonly samples: number
  readonly inputBytes: number
  readonly resultBytes: number
  /** One more than there are refreshes. */
  readonly segments: readonly Segment[]
  readonly refreshes: readonly Round[]
  readonly result: Round
  /** Keys and the model's parts, which a worker loads before its first block. */
  readonly coldBytes: number
}

const seconds = z.number().nonnegative()
const byPhase = z.record(z.string(), z.looseObject({ sent: seconds, received: seconds }))

const reportSchema = z.looseObject({
  model: z.string(),
  images: z.number().int().positive(),
  queries: z.number().int().positive(),
  layers: z.array(z.looseObject({ kind: z.string(), seconds })).min(1),
  secondsByPhase: z.looseObject({ evaluation: seconds, refresh: seconds, result: seconds }),
  planned: z.looseObject({
    costModel: z.string(),
    seconds: z.looseObject({ refresh: seconds, result: seconds }),
    bytes: z.looseObject({ input: seconds, model: seconds, keysPerParty: seconds })
  }),
  rolesByParty: z.record(z.string(), z.array(z.string())),
  bytesByParty: z.record(z.string(), z.looseObject({ phases: byPhase }))
})

type Report = z.infer<typeof reportSchema>

export class ProfileError extends Error {
  override readonly name = 'ProfileError'
}

/** @throws ProfileError when the file is no report of a scenario */
export async function readProfile(file: string): Promise<QueryProfile> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new ProfileError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const parsed = reportSchema.safeParse(json)
  if (!parsed.success) {
    throw new ProfileError(
      `${file}: no report of a scenario, which \`npm run scenario -- FILE --report OUT\` writes: ${z.prettifyError(parsed.error)}`
    )
  }
  return profileOf(parsed.data)
}

/** A report's seconds are those of all threads together at work, of which its cost model says how many there were. */
export function profileOf(report: Report): QueryProfile {
  const threads = Number(/(\d+) threads?/.exec(report.planned.costModel)?.[1] ?? 1)
  const segments: { coreSeconds: number }[] = [{ coreSeconds: 0 }]
  for (const layer of report.layers) {
    if (layer.kind === 'refresh') segments.push({ coreSeconds: 0 })
    else segments.at(-1)!.coreSeconds += (layer.seconds * threads) / report.queries
  }
  const count = segments.length - 1
  const holder = partyWith(report, 'key-holder')
  const querier = partyWith(report, 'querier')
  const refreshed = holder?.['refresh']
  const round = (bytes: { sent: number; received: number } | undefined, holderSeconds: number, times: number): Round => ({
    requestBytes: (bytes?.received ?? 0) / Math.max(1, times),
    shareBytes: (bytes?.sent ?? 0) / Math.max(1, times),
    coreSeconds: holderSeconds / Math.max(1, times)
  })
  const resultBytes = (querier?.['result']?.received ?? 0) / report.queries
  return {
    name: report.model,
    samples: report.images / report.queries,
    inputBytes: (querier?.['input']?.sent ?? report.planned.bytes.input) / report.queries,
    resultBytes,
    segments,
    refreshes: Array.from({ length: count }, () => round(refreshed, report.planned.seconds.refresh, count * report.queries)),
    result: { requestBytes: resultBytes / 2, shareBytes: resultBytes / 2, coreSeconds: report.planned.seconds.result },
    coldBytes: report.planned.bytes.model + report.planned.bytes.keysPerParty
  }
}

function partyWith(report: Report, role: string): z.infer<typeof byPhase> | undefined {
  const name = Object.entries(report.rolesByParty).find(([, roles]) => roles.includes(role))?.[0]
  return name === undefined ? undefined : report.bytesByParty[name]?.phases
}
