/** What a querier signs where somebody else sends the inputs: the key that its results are switched to. */
import { digest, fromHex } from '../../base/digest.js'

/** What the querier signs: bound to the epoch, to itself and to who sends the inputs. @param key SHA-256 of the serialised key, hexadecimal */
export function resultKeyDigest(epoch: string, querier: string, sender: string, key: string): Uint8Array {
  return digest('slytherin result key', fromHex(epoch), querier, sender, fromHex(key))
}
