/** From samples in the querier's hand to logits in its hand: as it was here, and as planned for other ways between the parties. */
import { join } from 'node:path'
import {
  type CostModel,
  endToEnd,
  firstOfStreamSeconds,
  KERNEL_COSTS,
  LAN,
  type Link,
  type Plan,
  SEAL_COSTS,
  streamSeconds,
  WAN,
  type WitnessedSeconds
} from '@slytherin/engine'
import { readCosts, userCostFile } from '@slytherin/node'

export interface EndToEndSeconds {
  /** Of the first batch, among processes of this machine, after the ceremony. */
  readonly loopback: number
  /** Of one batch, by the costs of this machine. */
  readonly planned: {
    /** For what processes of one machine reach, where the next query, if there is one, takes its part of the processors: what `loopback` is to be held against. Absent from reports of before it was counted. */
    readonly loopback?: number
    readonly lan: number
    readonly wan: number
  }
  /** From the first sample to the last logit of all queries, where there are several: while one is evaluated the next is encrypted and sent. */
  readonly stream?: {
    readonly loopback: number
    readonly planned: { readonly loopback: number; readonly lan: number; readonly wan: number }
  }
}

/** What was seen of the queries of a run. */
export interface SeenQueries {
  readonly queries: number
  /** Seconds to the logits of the first and of the last. */
  readonly first: number
  readonly last: number | undefined
}

/** What operations cost on this machine: as the evaluator measured for its plan, else as the user has, built-in figures otherwise. @param state of the evaluator */
export async function machineModel(evaluator: 'kernel' | 'seal', state: string): Promise<CostModel> {
  for (const file of [join(state, 'costs.json'), userCostFile(evaluator)]) {
    const costs = await readCosts(file).catch(() => undefined)
    if (costs !== undefined) return costs
  }
  return evaluator === 'seal' ? SEAL_COSTS : KERNEL_COSTS
}

/** @param witnessed seconds that witnesses on the same processors take longer */
export function endToEndSeconds(
  plan: Plan,
  { queries, first, last }: SeenQueries,
  model: CostModel,
  witnessed: WitnessedSeconds
): EndToEndSeconds {
  const planned = (link: Link, count = 1): number => streamSeconds(endToEnd(plan, model, link), count, link === model)
  const beside = witnessed.inputs + witnessed.evaluation
  const several = (count: number): { loopback: number; lan: number; wan: number } => ({
    loopback: planned(model, count) + count * beside,
    lan: planned(LAN, count),
    wan: planned(WAN, count)
  })
  const alone = several(1)
  return {
    loopback: first,
    planned: queries === 1 ? alone : { ...alone, loopback: firstOfStreamSeconds(endToEnd(plan, model, model), true) + beside },
    ...(queries === 1 || last === undefined ? {} : { stream: { loopback: last, planned: several(queries) } })
  }
}
