/** A key epoch as the planner takes it: its chain, in the planner's terms, and the keys that it has. */
import { Parameters } from '@slytherin/ckks'
import { InvalidInputError } from '../errors.js'
import { type EpochKeys, galoisLevels, parseEpochKeys } from '../plan/epoch-keys.js'
import type { Chain } from './chain.js'

/** Primes of a chain may differ by so many bits: scales are reckoned with in bits of a prime. */
const MAXIMUM_SPREAD_BITS = 0.1

/** What else is asked for, and must be as the epoch has it. */
interface Asked {
  readonly logN?: number | undefined
  readonly floodingBits?: number | undefined
  readonly maximumDecryptions?: number | undefined
  readonly insecure?: boolean | undefined
}

export interface PlannedInto {
  readonly keys: EpochKeys
  readonly parameters: Parameters
  readonly chain: Pick<Chain, 'logN' | 'primes' | 'primeBits' | 'specialPrimeBits' | 'specialPrimes'>
  /** highest level at which the epoch's key of an element works; -1 where it has none */
  galoisLevel(element: number): number
  readonly relinearizationLevel: number
}

/** @throws InvalidInputError where the epoch is none that is planned for, or another option contradicts it; the errors of `Parameters.fromJSON` */
export function plannedInto(options: Asked, epoch: EpochKeys): PlannedInto {
  const keys = parseEpochKeys(epoch)
  const parameters = Parameters.fromJSON(keys.parameters, { allowInsecure: options.insecure ?? false })
  const fixed = { logN: parameters.logN, floodingBits: keys.floodingBits, maximumDecryptions: keys.maximumDecryptions }
  for (const [name, value] of Object.entries(fixed)) {
    const asked = options[name as keyof typeof fixed]
    if (asked !== undefined && asked !== value) throw new InvalidInputError(`plan option ${name}`, `the epoch's ${value}`, String(asked))
  }
  const bits = parameters.primes.slice(1).map(prime => prime.log2)
  const [least, most] = [Math.min(...bits), Math.max(...bits)]
  if (bits.length === 0 || most - least > MAXIMUM_SPREAD_BITS || parameters.primes[0]!.log2 < least)
    throw new InvalidInputError(
      'plan option epoch.parameters.primes',
      'at least two, all of one size but the first, which may be larger',
      parameters.primes.map(prime => prime.log2.toFixed(2)).join(', ')
    )
  for (const { level } of [...keys.galois, ...(keys.relinearizationLevel === null ? [] : [{ level: keys.relinearizationLevel }])]) {
    if (level > parameters.maxLevel)
      throw new InvalidInputError('plan option epoch', `keys up to level ${parameters.maxLevel}`, `one of level ${level}`)
  }
  const levels = galoisLevels(keys)
  return {
    keys,
    parameters,
    chain: {
      logN: parameters.logN,
      primes: parameters.primes.length,
      // primes just below a power of two count as ones of that many bits, as they do where chains are chosen
      primeBits: Math.ceil(least) - least < MAXIMUM_SPREAD_BITS ? Math.ceil(least) : least,
      specialPrimeBits: parameters.specialPrimes[0]!.bits,
      specialPrimes: parameters.alpha
    },
    galoisLevel: element => levels.get(element) ?? -1,
    relinearizationLevel: keys.relinearizationLevel ?? -1
  }
}
