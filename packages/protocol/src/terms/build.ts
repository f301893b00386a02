/** Which software this is, as a hash: what computes ciphertexts, to the byte. Parties of the same build come to the same second components. */
import { KERNEL_HASHES } from '@slytherin/ring'
import { digest, fromHex, toHex } from '../base/digest.js'

/** Raised whenever the same plan on the same ciphertexts would be computed to other bytes. */
const COMPUTATION = 1

/** Hash, in hexadecimal, of the version of the computation and of the kernel in all its variants. */
export async function softwareBuild(): Promise<string> {
  return toHex(digest('slytherin build', String(COMPUTATION), ...KERNEL_HASHES.map(fromHex)))
}
