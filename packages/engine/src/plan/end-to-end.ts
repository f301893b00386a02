/** What a query costs from samples in the querier's hand to logits in its hand, over a link between the parties, and what a stream of queries is bounded by. */
import { type CostModel, DEFAULT_LINK, type Link } from '../costs/cost-model.js'
import { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import { coreOf, programOf } from './compiled.js'
import type { Plan } from './plan.js'
import { costsOf, inputProofs, QUERY_ROUNDS } from './price.js'

/** A gigabit, and a millisecond. */
export const LAN: Link = { bandwidth: 125e6, roundTrip: 0.001 }
/** 100 Mbit/s, and 40 milliseconds. */
export const WAN: Link = { bandwidth: DEFAULT_LINK.bandwidth, roundTrip: 0.04 }

/** Seconds of each stage, one after the other, after keys and model are there. */
export interface EndToEnd {
  readonly encryption: number
  /** that inputs are encryptions: made, sent and checked, where they are proved */
  readonly proofs: number
  /** in which the query is opened and its inputs are said to be there */
  readonly rounds: number
  readonly upload: number
  /** operations of the evaluator */
  readonly evaluation: number
  /** refreshes, with their way over the link */
  readonly refreshes: number
  /** the switch to the querier's key */
  readonly switching: number
  readonly download: number
  readonly decryption: number
  readonly total: number
  /** seconds a query that takes its turn in a stream: those of the slowest of the querier, the link and the evaluator */
  readonly steady: number
  /** the same where all of them share the processors of one machine: all work, one after the other, and no waiting */
  readonly steadyShared: number
  readonly bytes: { readonly up: number; readonly down: number }
}

/** Seconds and bytes of one query of the plan's batch over a link, stage by stage. @param model what operations cost; its own link does not count */
export function endToEnd(plan: Plan, model: CostModel, link: Link): EndToEnd {
  const { parameters, output } = programOf(plan)
  const { seconds, bytes } = costsOf(coreOf(plan), programOf(plan), { ...model, ...link }, plan.batchBlocks)
  const costs = new OperationCosts({ ...model, ...link }, parameters.logN, parameters.alpha)
  const sizes = new Sizes(
    parameters.logN,
    parameters.primes.map(prime => prime.bits),
    parameters.specialPrimes[0]!.bits,
    parameters.alpha
  )
  const results = plan.output.ciphertextsPerBlock * plan.batchBlocks
  const down = results * sizes.ciphertext(output.level)
  const upload = bytes.input / link.bandwidth
  const proofs = inputProofs(coreOf(plan), costs, plan.inputs.count * plan.batchBlocks)
  const rounds = plan.operands.data === 'clear' ? 0 : QUERY_ROUNDS * link.roundTrip
  const encryption = seconds.dataEncryption - upload - proofs - rounds
  const evaluation = seconds.evaluation - seconds.refresh - seconds.result
  const download = down / link.bandwidth + link.roundTrip
  const decryption = model.step + results * costs.encoding(output.level)
  const stages = {
    encryption,
    proofs,
    rounds,
    upload,
    evaluation,
    refreshes: seconds.refresh,
    switching: seconds.result,
    download,
    decryption
  }
  return {
    ...stages,
    total: Object.values(stages).reduce((sum, value) => sum + value, 0),
    steady: Math.max(encryption + proofs + decryption, upload, download, seconds.evaluation),
    steadyShared: Object.values(stages).reduce((sum, value) => sum + value, 0) - rounds - link.roundTrip,
    bytes: { up: bytes.input, down }
  }
}

/**
 * Seconds from the first sample in the querier's hand to the last logit, of queries that are asked one after the other: while one is evaluated the next is encrypted and sent.
 * @param shared all parties share the processors of one machine
 */
export const streamSeconds = (cost: EndToEnd, queries: number, shared: boolean): number =>
  cost.total + (queries - 1) * (shared ? cost.steadyShared : cost.steady)

/**
 * Seconds to the first logits, where more queries are asked after this one: on a machine that all parties share the next one is encrypted and sent on the processors that evaluate this one, as far as its
 * evaluation lasts.
 */
export const firstOfStreamSeconds = ({ encryption, proofs, upload, evaluation, refreshes, total }: EndToEnd, shared: boolean): number =>
  total + (shared ? Math.min(encryption + proofs + upload, evaluation + refreshes) : 0)

const STAGES = ['encryption', 'proofs', 'rounds', 'upload', 'evaluation', 'refreshes', 'switching', 'download', 'decryption'] as const

/** Lines like those of `describePlan`: for a local network and a wide one, or for the link given. */
export function describeEndToEnd(plan: Plan, model: CostModel, link?: Link): string[] {
  const links = link ? [['link', link] as const] : [['LAN', LAN] as const, ['WAN', WAN] as const]
  return links.map(([name, each]) => {
    const cost = endToEnd(plan, model, each)
    const stages = STAGES.filter(stage => cost[stage] > 0).map(stage => `${stage} ${((100 * cost[stage]) / cost.total).toFixed(0)} %`)
    const megabytes = ({ up, down }: EndToEnd['bytes']): string => `${(up / 1e6).toFixed(1)} MB up, ${(down / 1e6).toFixed(1)} MB down`
    return (
      `${name.padEnd(10)} (${(8e-6 * each.bandwidth).toFixed(0)} Mbit/s, ${(1e3 * each.roundTrip).toFixed(0)} ms) samples to answers ${cost.total.toFixed(2)} s: ${stages.join(', ')}; ` +
      `${megabytes(cost.bytes)}; in a stream ${(plan.batch / cost.steady).toPrecision(3)} samples/s`
    )
  })
}
