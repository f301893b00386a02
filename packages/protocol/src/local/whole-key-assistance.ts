/**
 * The evaluator's half of refreshes and results where one party holds the whole key: it masks what it sends, and takes the mask off what comes back. A result of the
 * party that holds the key goes to it as it is, flooded here.
 *
 * What arrives here is re-randomised (assistance.ts).
 */
import { type Ciphertext, type Evaluator, type EvaluatorCiphertext, serializeCiphertext } from '@slytherin/ckks'
import { encodeComponent, floodResult, type MaskedComponent, WholeKeyRefresh, WholeKeySwitch } from '@slytherin/mhe'
import { randomSeed } from '@slytherin/ring'
import type { EvaluationCallbacks } from '../cryptography/evaluator.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import { switchInstance } from '../terms/instances.js'
import { ciphertextInstance } from './instances.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { untilAborted } from './until-aborted.js'

/** Its place among the key holders. */
const HOLDER = 0

export class WholeKeyAssistance {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator

  constructor(session: OpenSession, evaluator: Evaluator) {
    this.#session = session
    this.#evaluator = evaluator
  }

  async refresh(
    instance: string,
    step: number,
    ciphertexts: readonly Ciphertext[],
    callbacks: EvaluationCallbacks,
    signal: AbortSignal
  ): Promise<EvaluatorCiphertext[]> {
    const { context, plan, sessionId } = this.#session
    const protocol = new WholeKeyRefresh(context, sessionId)
    // What the key holder has in the signed plan, to the last bit.
    const { level, scale, magnitude } = plan.refreshes.find(refresh => refresh.step === step)!
    const masks: MaskedComponent['mask'][] = []
    try {
      // Of what has been masked the bytes are enough: a pass of many blocks refreshes hundreds of ciphertexts at once.
      const masked = ciphertexts.map(ciphertext => {
        const component = protocol.mask(ciphertext, randomSeed())
        masks.push(component.mask)
        using hidden = component.masked
        return encodeComponent(context, hidden)
      })
      const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
      const answers = await untilAborted(callbacks.refreshWhole({ instance, step, level, scale, magnitude, masked, c1 }), signal)
      return ciphertexts.map((ciphertext, k) => {
        const name = ciphertextInstance(instance, k)
        const answer = accepted('refreshWhole', name, answers, k, bytes => protocol.deserialize(bytes, name, level))
        using _c0 = answer.c0
        using fresh = protocol.finalize(ciphertext, masks[k]!, answer)
        return this.#evaluator.load(fresh)
      })
    } finally {
      for (const mask of masks) {
        mask.wipe()
        mask.dispose()
      }
    }
  }

  /** @returns the ciphertexts as the querier decrypts them, serialised */
  async result(
    query: string,
    ciphertexts: readonly Ciphertext[],
    callbacks: EvaluationCallbacks,
    signal: AbortSignal
  ): Promise<Uint8Array[]> {
    const { context, plan, sessionId, floodingBits, maximumDecryptions } = this.#session
    const flooding = { securityBits: floodingBits, maximumDecryptions }
    const { level } = plan.output
    const noise = Math.max(plan.output.floodedNoise, ...ciphertexts.map(ciphertext => ciphertext.noise))
    if (callbacks.querierHoldsKey) {
      return ciphertexts.map(ciphertext => {
        using flooded = floodResult(context, ciphertext, noise, flooding, randomSeed())
        return serializeCiphertext(flooded)
      })
    }
    const protocol = new WholeKeySwitch(context, sessionId)
    const instance = switchInstance(query)
    const c1 = ciphertexts.map(ciphertext => encodeComponent(context, ciphertext.components[1]!))
    const answers = await untilAborted(callbacks.switchWhole({ instance, level, noise, c1 }), signal)
    return ciphertexts.map((ciphertext, k) => {
      const name = ciphertextInstance(instance, k)
      const answer = accepted('switchWhole', name, answers, k, bytes => protocol.deserialize(bytes, name, level))
      try {
        using switched = protocol.finalize(ciphertext, answer, flooding, noise)
        return serializeCiphertext(switched)
      } finally {
        protocol.dispose(answer)
      }
    })
  }
}

/** @throws RejectedShareError, for the only key holder */
function accepted<T>(kind: string, instance: string, answers: readonly Uint8Array[], k: number, read: (bytes: Uint8Array) => T): T {
  try {
    const answer = answers[k]
    if (answer === undefined) throw new SessionStateError(`no answer for ciphertext ${k}`)
    return read(answer)
  } catch (cause) {
    throw new RejectedShareError(HOLDER, kind, instance, cause)
  }
}
