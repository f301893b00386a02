/** From samples in the querier's hand to logits in its hand: as it was here, and as planned for other ways between the parties. */
import { type CostModel, endToEnd, KERNEL_COSTS, LAN, type Link, type Plan, SEAL_COSTS, WAN } from '@slytherin/engine'
import { readCosts, userCostFile } from '@slytherin/node'

export interface EndToEndSeconds {
  /** Of the first batch, among processes of this machine, after the ceremony. */
  readonly loopback: number
  /** Of one batch, by the costs of this machine. */
  readonly planned: {
    /** For what processes of one machine reach: what `loopback` is to be held against. Absent from reports of before it was counted. */
    readonly loopback?: number
    readonly lan: number
    readonly wan: number
  }
}

/** What operations cost on this machine where parties have measured it, built-in figures otherwise. */
export async function machineModel(evaluator: 'kernel' | 'seal'): Promise<CostModel> {
  try {
    return await readCosts(userCostFile(evaluator))
  } catch {
    return evaluator === 'seal' ? SEAL_COSTS : KERNEL_COSTS
  }
}

/** @param witnesses which compute beside the evaluator, on the same processors */
export function endToEndSeconds(plan: Plan, loopback: number, model: CostModel, witnesses: number): EndToEndSeconds {
  const planned = (link: Link): number => endToEnd(plan, model, link).total
  const beside = witnesses * endToEnd(plan, model, model).evaluation
  return { loopback, planned: { loopback: planned(model) + beside, lan: planned(LAN), wan: planned(WAN) } }
}
