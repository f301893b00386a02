import { SimulatorEvaluator } from '@slytherin/ckks'
import { bookkeepingCompliance } from './evaluator-compliance.js'

bookkeepingCompliance({
  name: 'SimulatorEvaluator',
  create: async context => new SimulatorEvaluator(context.parameters, { galoisKeys: [], relinearizationLevel: null }),
  encrypt: (evaluator, owner, values) => {
    const { maxLevel, scale } = owner.context.parameters
    return (evaluator as SimulatorEvaluator).encrypt(values, { level: maxLevel, scale })
  },
  decrypt: (evaluator, _owner, ciphertext) => (evaluator as SimulatorEvaluator).decrypt(ciphertext),
  memory: 'unbounded'
})
