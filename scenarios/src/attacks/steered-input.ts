/**
 * A querier is shown an encrypted weight (c0_w, c1_w) by the evaluator, and encrypts nothing: with the second component c1 of an honest encryption, which it can prove, it
 * chooses the first so that c0·c1_w + c1·c0_w + relin(c1·c1_w) is q·⌊Q_l/3⌋. Evaluator and witness multiply, rescale and ask for the secret.
 */
import type { Polynomial } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { Bench, outcome } from './steering.js'

export const steeredInput: Attack = {
  name: 'steered-input',
  layer: 'public coins',
  stoppedBy: /nobody has chosen/,
  fast: true,
  mount: async ({ layerOn }) => {
    using bench = await Bench.create()
    const { ring } = bench.context
    using weight = bench.encrypt()
    using honest = bench.encrypt()
    const [, c1] = honest.components as [Polynomial, Polynomial]
    using nothing = bench.ciphertext(ring.allocate(c1.indices, 'ntt'), c1.clone())
    using without = bench.product(nothing, weight)
    using input = bench.ciphertext(bench.steered(without.components[1]!, weight.components[1]!), c1.clone())
    using used = layerOn ? bench.coins.rerandomize({ purpose: 'input', names: ['', 'query', 'model', '0'] }, input) : input
    using product = bench.product(used, weight)
    return outcome(ring.N, await bench.opens(product))
  }
}
