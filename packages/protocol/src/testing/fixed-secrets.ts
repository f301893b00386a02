import { deriveSeed } from '@slytherin/ring'

/** Secrets that are the same in every run: what a store of session secrets is given in place of the platform's generator. */
export function fixedSecrets(seed: number): (length: number) => Uint8Array {
  const root = new Uint8Array(32).fill(seed)
  let made = 0
  return length => deriveSeed(root, 'fixed secret', made++).slice(0, length)
}
