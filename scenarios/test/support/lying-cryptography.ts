/**
 * The cryptography that ships, hosted in a worker, but for one thing: it asks key holders to refresh other second components than it came to. Runs with type
 * stripping alone.
 */
import type { CryptographyModule, HostedCryptography } from '@slytherin/node'
import type { EvaluationCallbacks, QueryEvaluation } from '@slytherin/protocol'

const shipped = (await import(new URL('./worker/local-cryptography.js', import.meta.resolve('@slytherin/node')).href)) as CryptographyModule

export async function createCryptography(options: Parameters<CryptographyModule['createCryptography']>[0]): Promise<HostedCryptography> {
  const cryptography = await shipped.createCryptography(options)
  const openEvaluation = cryptography.openEvaluation.bind(cryptography)
  return Object.assign(cryptography, {
    openEvaluation: async (...given: Parameters<HostedCryptography['openEvaluation']>): Promise<QueryEvaluation> => {
      const evaluation = await openEvaluation(...given)
      return {
        storeInput: async (index, bytes) => await evaluation.storeInput(index, bytes),
        verifyInputs: async (batch, proof) => await evaluation.verifyInputs(batch, proof),
        evaluate: async (callbacks, signal) => await evaluation.evaluate(lying(callbacks), signal),
        dispose: async () => await evaluation.dispose()
      }
    }
  })
}

function lying(callbacks: EvaluationCallbacks): EvaluationCallbacks {
  const refresh: EvaluationCallbacks['refresh'] = async request => await callbacks.refresh({ ...request, c1: request.c1.map(altered) })
  return new Proxy(callbacks, { get: (target, name) => (name === 'refresh' ? refresh : Reflect.get(target, name)) })
}

/** One bit of one residue. */
function altered(c1: Uint8Array): Uint8Array {
  const out = c1.slice()
  out[out.length >> 1]! ^= 1
  return out
}
