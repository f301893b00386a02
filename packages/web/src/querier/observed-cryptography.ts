/** Cryptography that tells what leaves: every ciphertext that samples become, as it is sent. */
import type { AskingCryptography, AskingRelease, AskingReleases, AskingTerms, OpenAskingReleases } from '@slytherin/protocol/service'

export type OnCiphertext = (bytes: Uint8Array) => void

export function observed(cryptography: AskingCryptography, onCiphertext: OnCiphertext): AskingCryptography {
  return {
    openEpoch: async (terms: AskingTerms, publicKey: Uint8Array): Promise<OpenAskingReleases> => {
      const releases = await cryptography.openEpoch(terms, publicKey)
      return {
        openRelease: async given => watched(await releases.openRelease(given), onCiphertext),
        resultKey: async (): ReturnType<AskingReleases['resultKey']> => await releases.resultKey(),
        dispose: async () => await releases.dispose()
      }
    },
    dispose: async () => await cryptography.dispose()
  }
}

function watched(release: AskingRelease, onCiphertext: OnCiphertext): AskingRelease {
  return {
    openQuery: async (samples, query) => {
      const inputs = await release.openQuery(samples, query)
      return {
        encryptInput: async index => {
          const bytes = await inputs.encryptInput(index)
          onCiphertext(bytes)
          return bytes
        },
        proveInputs: async batch => await inputs.proveInputs(batch),
        dispose: async () => await inputs.dispose()
      }
    },
    decryptResults: async (ciphertexts, seed) => await release.decryptResults(ciphertexts, seed),
    dispose: async () => await release.dispose()
  }
}
