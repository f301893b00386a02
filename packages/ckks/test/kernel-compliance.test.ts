import { type Context, KernelEvaluator } from '@slytherin/ckks'
import { bookkeepingCompliance, evaluatorCompliance, REAL_CIPHERTEXTS } from './evaluator-compliance.js'
import { keyLevelCompliance } from './key-level-compliance.js'
import { SECURE, SMALL } from './support.js'

const kernel = {
  name: 'KernelEvaluator',
  create: async (context: Context) => new KernelEvaluator(context),
  held: (evaluator: unknown) => {
    const { live } = evaluator as KernelEvaluator
    return live.ciphertexts + live.plaintexts
  }
}

evaluatorCompliance(kernel, { parameters: SMALL })
evaluatorCompliance(kernel, { parameters: { ...SMALL, levels: 4, specialPrimes: 2 } })
evaluatorCompliance(kernel, { parameters: { ...SMALL, levels: 4, specialPrimes: 3 } })
evaluatorCompliance(kernel, { parameters: SECURE })
keyLevelCompliance(kernel, SMALL)
keyLevelCompliance(kernel, { ...SMALL, levels: 4, specialPrimes: 2 })
bookkeepingCompliance({ ...kernel, ...REAL_CIPHERTEXTS, memory: 'counted' })
