/** Scenarios among processes beyond those that every run of the suite has. */
import { describe, it } from 'vitest'
import { expectAnswers, expectAnswersWithClearOperand } from './support/answers.js'

describe('a scenario among processes answers as the clear model does', () => {
  it('with stock SEAL', async () => await expectAnswers('seal'))

  it('with an encrypted model and clear data, batch after batch', async () => await expectAnswersWithClearOperand('encrypted-model'))
})
