import { describe, it } from 'vitest'
import { expectAnswersWithClearOperand } from './support/answers.js'

describe('encrypted data, a clear model, among processes', () => {
  it('answers as the clear model does, batch after batch', async () => await expectAnswersWithClearOperand('encrypted-data'))
})
