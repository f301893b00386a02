/** What a plan takes on a machine of more cores than the costs were measured on. */
import type { CostModel, Link } from '../costs/cost-model.js'
import { type Cores, withThreads } from '../costs/threads.js'
import { endToEnd, LAN, WAN } from './end-to-end.js'
import type { Plan } from './plan.js'

/** Lines like those of `describeEndToEnd`. @param measured how many threads the cost model was measured with */
export function describeOnThreads(plan: Plan, model: CostModel, measured: number, cores: Cores, link?: Link): string[] {
  const links = link ? [['link', link] as const] : [['LAN', LAN] as const, ['WAN', WAN] as const]
  const faster = withThreads(model, measured, cores)
  return links.map(([name, each]) => {
    const [now, then] = [endToEnd(plan, model, each), endToEnd(plan, faster, each)]
    return (
      `threads    ${cores.threads}, ${(cores.bandwidth / 1e9).toFixed(0)} GB/s of memory, ${name}: samples to answers ${then.total.toFixed(2)} s, of which evaluation ${then.evaluation.toFixed(2)} s, ` +
      `${(now.evaluation / then.evaluation).toFixed(1)} times as fast as with ${measured}`
    )
  })
}
