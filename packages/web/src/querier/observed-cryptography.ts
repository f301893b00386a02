/** Cryptography that tells what it is at, and what leaves: every ciphertext that samples become, as it is sent. */
import type { AskingCryptography, AskingRelease, AskingReleases, AskingTerms, OpenAskingReleases } from '@slytherin/protocol/service'

export interface Observer {
  onStep(step: string): void
  onCiphertext(bytes: Uint8Array): void
}

export function observed(cryptography: AskingCryptography, observer: Observer): AskingCryptography {
  return {
    openEpoch: async (terms: AskingTerms, publicKey: Uint8Array): Promise<OpenAskingReleases> => {
      const releases = await cryptography.openEpoch(terms, publicKey)
      return {
        openRelease: async given => {
          observer.onStep('reading the plan')
          return watched(await releases.openRelease(given), observer)
        },
        resultKey: async (): ReturnType<AskingReleases['resultKey']> => await releases.resultKey(),
        dispose: async () => await releases.dispose()
      }
    },
    dispose: async () => await cryptography.dispose()
  }
}

function watched(release: AskingRelease, observer: Observer): AskingRelease {
  return {
    openQuery: async (samples, query) => {
      const inputs = await release.openQuery(samples, query)
      return {
        encryptInput: async index => {
          observer.onStep('encrypting')
          const bytes = await inputs.encryptInput(index)
          observer.onCiphertext(bytes)
          observer.onStep('sending')
          return bytes
        },
        proveInputs: async batch => {
          observer.onStep('proving')
          const proof = await inputs.proveInputs(batch)
          observer.onStep('sending the proof, which is checked')
          return proof
        },
        dispose: async () => await inputs.dispose()
      }
    },
    decryptResults: async (ciphertexts, seed) => await release.decryptResults(ciphertexts, seed),
    dispose: async () => await release.dispose()
  }
}
