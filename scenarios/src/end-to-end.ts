/** From samples in the querier's hand to logits in its hand: as it was here, and as planned for other ways between the parties. */
import { type CostModel, endToEnd, KERNEL_COSTS, LAN, type Plan, SEAL_COSTS, WAN } from '@slytherin/engine'
import { readCosts, userCostFile } from '@slytherin/node'

export interface EndToEndSeconds {
  /** Of the first batch, among processes of this machine, after the ceremony. */
  readonly loopback: number
  /** Of one batch, by the costs of this machine. */
  readonly planned: { readonly lan: number; readonly wan: number }
}

/** What operations cost on this machine where parties have measured it, built-in figures otherwise. */
export async function machineModel(evaluator: 'kernel' | 'seal'): Promise<CostModel> {
  try {
    return await readCosts(userCostFile(evaluator))
  } catch {
    return evaluator === 'seal' ? SEAL_COSTS : KERNEL_COSTS
  }
}

export function endToEndSeconds(plan: Plan, loopback: number, model: CostModel): EndToEndSeconds {
  return { loopback, planned: { lan: endToEnd(plan, model, LAN).total, wan: endToEnd(plan, model, WAN).total } }
}
