/** One choice of ring, primes, packing and batch block, out of which a search makes a plan. */
import { Parameters } from '@slytherin/ckks'
import type { SlotPacking } from '../packing/slots.js'

export interface Chain {
  readonly logN: number
  readonly primes: number
  readonly primeBits: number
  readonly specialPrimeBits: number
  readonly packing: SlotPacking
  readonly batchBlock: number
}

export function parametersFor(chain: Chain, insecure: boolean): Parameters {
  return Parameters.generate({
    logN: chain.logN,
    firstPrimeBits: chain.primeBits,
    primeBits: chain.primeBits,
    levels: chain.primes - 1,
    specialPrimeBits: chain.specialPrimeBits,
    scale: 2 ** (chain.primeBits - 1),
    insecure
  })
}
