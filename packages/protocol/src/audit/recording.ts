/** An evaluator's cryptography that keeps, as evidence, every byte string that it is given: what a replay gives it again. */
import type { EvaluationCallbacks, EvaluatorCryptography, QueryEvaluation } from '../cryptography/evaluator.js'
import type { SessionCryptography } from '../cryptography/session.js'
import type { Gathering } from './gathering.js'

/**
 * The same cryptography, which also hands every key share, model part, input, proof, refresh or switch share and result to `evidence`, and waits while evidence
 * has no room.
 */
export function recording<C extends EvaluatorCryptography & Pick<SessionCryptography, 'open'>>(cryptography: C, evidence: Gathering): C {
  let parts = evidence.list()
  const own: Partial<EvaluatorCryptography & SessionCryptography> = {
    open: async session => {
      parts = evidence.list()
      await cryptography.open(session)
    },
    addShare: async (protocol, instance, party, share) => {
      evidence.bytes(share)
      await evidence.room()
      await cryptography.addShare(protocol, instance, party, share)
    },
    storeModelPart: async (index, bytes) => {
      parts.put(index, bytes, evidence.modelParts)
      await evidence.room()
      await cryptography.storeModelPart(index, bytes)
    },
    verifyModel: async (batch, proof) => {
      evidence.proof('', batch, proof)
      return await cryptography.verifyModel(batch, proof)
    },
    openEvaluation: async (query, owner) => {
      // Nobody asks before the whole model is there.
      parts.complete()
      return recordingEvaluation(query, await cryptography.openEvaluation(query, owner), evidence)
    }
  }
  return overriding<C>(cryptography, own as Partial<C>)
}

function recordingEvaluation(query: string, evaluation: QueryEvaluation, evidence: Gathering): QueryEvaluation {
  const inputs = evidence.list()
  return overriding(evaluation, {
    storeInput: async (index, bytes) => {
      inputs.put(index, bytes)
      await evaluation.storeInput(index, bytes)
    },
    verifyInputs: async (batch, proof) => {
      evidence.proof(query, batch, proof)
      return await evaluation.verifyInputs(batch, proof)
    },
    evaluate: async (callbacks, signal) => {
      inputs.complete()
      const kept: EvaluationCallbacks = {
        ...callbacks,
        refresh: async request => sharesKept(await callbacks.refresh(request), evidence),
        switchShares: async request => sharesKept(await callbacks.switchShares(request), evidence)
      }
      const result = await evaluation.evaluate(kept, signal)
      evidence.result(query, result)
      return result
    }
  } satisfies Partial<QueryEvaluation>)
}

/** Each holder signs its own. */
function sharesKept(shares: Uint8Array[][], evidence: Gathering): Uint8Array[][] {
  for (const ofHolder of shares) evidence.components(ofHolder)
  return shares
}

/** An object with some methods replaced, and all others as they are. */
function overriding<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (_target, name) => {
      const replaced = (methods as Record<PropertyKey, unknown>)[name]
      if (replaced !== undefined) return replaced
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
