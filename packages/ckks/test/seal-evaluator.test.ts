import { SealEvaluator } from '@slytherin/ckks/seal'
import { bookkeepingCompliance, evaluatorCompliance, REAL_CIPHERTEXTS } from './evaluator-compliance.js'
import { keyLevelCompliance } from './key-level-compliance.js'
import { SECURE, SMALL } from './support.js'

const seal = {
  name: 'SealEvaluator',
  create: SealEvaluator.create,
  held: (evaluator: unknown) => (evaluator as SealEvaluator).runtime.liveHandles,
  slotPeak: Math.sqrt
}

evaluatorCompliance(seal, { parameters: SMALL })
evaluatorCompliance(seal, { parameters: SECURE })
keyLevelCompliance(seal, SMALL)
bookkeepingCompliance({ ...seal, ...REAL_CIPHERTEXTS, memory: 'untold' })
