/**
 * A key holder gives its share of a refresh last, with the evaluator's help, which shows it the others': it makes the refreshed first component what it likes. The network
 * squares it, c1 = 2·c0·a + relin(a²), and what is asked of key holders next is no longer a second component but ⌊Q_l/3⌋. An honest witness endorses it: it follows from
 * signed shares.
 */
import { Refresh } from '@slytherin/mhe'
import type { Attack } from './attack.js'
import { Bench, outcome, random } from './steering.js'

const INSTANCE = 'refresh'

export const steeredRefresh: Attack = {
  name: 'steered-refresh',
  layer: 'public coins',
  stoppedBy: /nobody has chosen/,
  fast: true,
  mount: async ({ layerOn }) => {
    using bench = await Bench.create()
    const { context, sessionId, level } = bench
    const { ring, parameters } = context
    const protocol = new Refresh(context, sessionId)
    using before = bench.encrypt()
    const request = { instance: INSTANCE, level, scale: before.scale, magnitude: before.magnitude, c1: before.components[1]! }
    const shares = bench.secrets.map(secret => protocol.share(secret, request, random()))
    // As it would come out, were everybody honest.
    const sum = protocol.aggregate(shares)
    using honest = protocol.finalize(before, sum, INSTANCE)
    const [c0, a] = honest.components as [typeof sum.h0, typeof sum.h0]
    using twice = ring.add(a.clone(), a, a)
    using nothing = bench.ciphertext(ring.allocate(parameters.ciphertextIndices(level), 'ntt'), a.clone())
    using without = bench.product(nothing, nothing)
    using wanted = bench.steered(without.components[1]!, twice)
    // The last share is the honest one and the difference.
    const last = sum.h1[0]!
    ring.add(last, last, ring.subtract(wanted, wanted, c0))
    using refreshed = protocol.finalize(before, sum, INSTANCE)
    using used = layerOn ? bench.coins.rerandomize({ purpose: 'refreshed', names: [INSTANCE] }, refreshed) : refreshed
    using product = bench.product(used, used)
    return outcome(ring.N, await bench.opens(product))
  }
}
