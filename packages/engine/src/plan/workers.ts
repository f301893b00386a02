/** What a plan takes where workers of a fleet evaluate with the evaluator: parts of the batch side by side, queries side by side. */
import type { CostModel, Link } from '../costs/cost-model.js'
import { type EndToEnd, endToEnd, LAN, WAN } from './end-to-end.js'
import type { Plan } from './plan.js'

/** What can be busy all the time. */
export type WorkerBound = 'workers' | 'link' | 'key holders'

/** Of queries of the plan's batch, with keys and weights in every worker's memory. */
export interface OnWorkers {
  /** into how many parts the batch is divided, of one pass each, which workers evaluate side by side */
  readonly parts: number
  /** seconds from samples to answers of one query, while there is no other */
  readonly total: number
  /** queries a second, of as many queriers as it takes */
  readonly queries: number
  /** what no more than that goes through */
  readonly bound: WorkerBound
  /** bytes of keys and encrypted weights that a worker fetches before its first part */
  readonly cold: number
}

/**
 * @param model what operations cost on one worker
 * @param link between the evaluator and everybody else
 * @param workers as fast as the machine of the cost model, 1 or more
 */
export function onWorkers(plan: Plan, model: CostModel, link: Link, workers: number): OnWorkers {
  const cost = endToEnd(plan, model, link)
  const parts = partsOn(plan, workers)
  const share = busiest(parts, workers) / plan.batchBlocks
  const most: Readonly<Record<WorkerBound, number>> = {
    workers: workers / cost.evaluation,
    link: 1 / Math.max(cost.upload, cost.download),
    'key holders': 1 / (cost.refreshes + cost.switching)
  }
  const [bound, queries] = (Object.entries(most) as [WorkerBound, number][]).reduce((a, b) => (b[1] < a[1] ? b : a))
  const { model: weights, keysPerParty } = plan.costs.bytes
  return { parts: parts.length, total: withShare(cost, share), queries, bound, cold: weights + keysPerParty }
}

/** Batch blocks of each part: as few parts as keep all workers busy, none of more than one pass. */
function partsOn({ batchBlocks, batchBlocksPerPass }: Plan, workers: number): number[] {
  const fair = Math.ceil(batchBlocks / workers)
  const sizes: number[] = []
  for (let from = 0; from < batchBlocks; from += batchBlocksPerPass) {
    const blocks = Math.min(batchBlocksPerPass, batchBlocks - from)
    const parts = Math.ceil(blocks / fair)
    for (let k = 0; k < parts; k++) sizes.push(Math.floor(((k + 1) * blocks) / parts) - Math.floor((k * blocks) / parts))
  }
  return sizes
}

/** Batch blocks of the worker that has most of them, where whoever is done first takes the next part. */
function busiest(parts: readonly number[], workers: number): number {
  const done = new Array<number>(Math.min(workers, parts.length)).fill(0)
  for (const blocks of parts) {
    const first = done.indexOf(Math.min(...done))
    done[first]! += blocks
  }
  return Math.max(...done)
}

const withShare = ({ total, evaluation }: EndToEnd, share: number): number => total - evaluation * (1 - share)

/** Lines like those of `describeEndToEnd`. Clear data are evaluated at the evaluator alone, since they never leave its machine; clear weights where its operator does not allow it. */
export function describeOnWorkers(plan: Plan, model: CostModel, workers: number, link?: Link): string[] {
  if (plan.operands.data === 'clear') return ['workers    the data are clear and stay at the evaluator, which evaluates alone']
  const allowed =
    plan.operands.weights === 'clear'
      ? ['workers    the weights are clear: the evaluator evaluates alone unless its fleet has clearModels: true, and then:']
      : []
  const links = link ? [['link', link] as const] : [['LAN', LAN] as const, ['WAN', WAN] as const]
  const lines = links.map(([name, each]) => {
    const { parts, total, queries, bound, cold } = onWorkers(plan, model, each, workers)
    return (
      `workers    ${workers}, ${name}: samples to answers ${total.toFixed(2)} s (${parts} ${parts === 1 ? 'part' : 'parts'} side by side); of many queriers ${(queries * plan.batch).toPrecision(3)} samples/s, ` +
      `bound by the ${bound}; ${(cold / 1e6).toFixed(0)} MB to each worker before its first part`
    )
  })
  return [...allowed, ...lines]
}
