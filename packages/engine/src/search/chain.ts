/** One choice of ring, primes, packing and batch block, out of which a search makes a plan. */
import { Parameters } from '@slytherin/ckks'
import type { SlotPacking } from '../packing/slots.js'

export interface Chain {
  readonly logN: number
  readonly primes: number
  readonly primeBits: number
  readonly specialPrimeBits: number
  /** α: how many special primes, and primes in a digit of a key */
  readonly specialPrimes: number
  readonly packing: SlotPacking
  readonly batchBlock: number
}

/** Parameters by what they are generated from: finding primes takes longer than trying a chain, and there are no more than some thousand chains. */
const generated = new Map<string, Parameters>()

export function parametersFor({ logN, primes, primeBits, specialPrimeBits, specialPrimes }: Chain, insecure: boolean): Parameters {
  const name = [logN, primes, primeBits, specialPrimeBits, specialPrimes, insecure].join()
  let parameters = generated.get(name)
  if (parameters === undefined) {
    parameters = Parameters.generate({
      logN,
      firstPrimeBits: primeBits,
      primeBits,
      levels: primes - 1,
      specialPrimeBits,
      specialPrimes,
      scale: 2 ** (primeBits - 1),
      insecure
    })
    generated.set(name, parameters)
  }
  return parameters
}
