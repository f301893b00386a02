/** Pulls the encrypted model from its owner, a few parts at a time, no faster than they are stored; or makes the evaluator's own clear model ready. */
import { windowed } from '../base/concurrency.js'
import { InternalError, MalformedMessageError, type ProtocolError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { checkBytes } from '../wire/checks.js'

export async function uploadModel(lead: Lead): Promise<void> {
  const owner = connectionsWith(lead, 'model-owner')[0]!
  const { plan, record } = lead.session()
  if (plan.operands.weights === 'clear') {
    lead.progress({ phase: 'model-upload', done: 0, total: 1, peer: lead.self })
    await lead.cryptography.prepareModel()
    lead.progress({ phase: 'model-upload', done: 1, total: 1, peer: lead.self })
    return
  }
  const total = plan.weights.count
  let done = 0
  await windowed(total, lead.window, lead.signal, async (index, signal) => {
    const part = await owner.request('modelPart', { index }, signal)
    if (part.index !== index) {
      throw new MalformedMessageError({
        peer: owner.peer,
        kind: 'modelPartReply',
        field: 'index',
        expected: String(index),
        actual: String(part.index)
      })
    }
    checkBytes(part.ciphertext, record.sizes.modelPart, 'ciphertext', 'modelPartReply', owner.peer)
    await lead.cryptography.storeModelPart(index, part.ciphertext).catch(error => {
      throw blamed(error, owner.peer)
    })
    lead.progress({ phase: 'model-upload', done: ++done, total, peer: owner.peer })
  })
}

/** A part that is none is its owner's fault; that it cannot be kept is not. */
function blamed(error: unknown, owner: string): ProtocolError {
  const typed = translateError(error, { peer: owner, kind: 'modelPartReply', field: 'ciphertext', culprit: owner })
  return typed instanceof InternalError ? translateError(error, { kind: 'modelPartReply' }) : typed
}
