/**
 * A parameter set: ring degree N, ciphertext primes q_0 … q_L, special primes p_0 … p_{α-1}, default scale.
 *
 * Moduli have one numbering everywhere: index i ≤ L is q_i, index L+1+k is p_k. With α = 1 the order is SEAL's (special prime last).
 */
import { findNttPrimes, isPrime, MAXIMUM_LOG_N, MAXIMUM_MODULUS_BITS, MINIMUM_LOG_N, Modulus } from '@slytherin/ring'
import { InsecureParametersError, InvalidLevelError, InvalidParametersError } from './errors.js'
import { maximumLogQP } from './security.js'

/** Bits of the widest primes that the kernel computes with. */
export const MAXIMUM_PRIME_BITS = MAXIMUM_MODULUS_BITS

/** A parameter set as JSON has it. */
export interface ParametersJson {
  logN: number
  /** Decimal, q_0 first. */
  primes: string[]
  /** Decimal. */
  specialPrimes: string[]
  /** Default scale. */
  scale: number
  insecure?: true
}

/** A parameter set, prime by prime. */
export interface ParametersInit {
  logN: number
  primes: readonly bigint[]
  specialPrimes: readonly bigint[]
  scale: number
  /** Accept a set below 128-bit security. For unit tests. */
  insecure?: boolean
}

/** A parameter set by sizes: primes are found. */
export interface ParametersRequest {
  logN: number
  /** log2 of q_0: what is left above the scale at level 0 holds the message. */
  firstPrimeBits: number
  /** log2 of q_1 … q_L, each just below 2^primeBits. */
  primeBits: number
  /** L, the number of rescalings from the top. */
  levels: number
  specialPrimeBits: number
  /** α, 1 by default. */
  specialPrimes?: number
  /** Default: 2^primeBits. */
  scale?: number
  insecure?: boolean
}

/** More moduli than any set in the table can use; keeps hostile JSON from costing time. */
const MAXIMUM_MODULI = 64
/** Decimal digits of the largest modulus. */
const MAXIMUM_DECIMALS = 15

/** A parameter set: ring degree, primes, special primes, scale; held to the security table unless it is marked insecure. */
export class Parameters {
  readonly N: number
  /** N / 2. */
  readonly slots: number
  /** L. */
  readonly maxLevel: number
  readonly logQP: number
  readonly securityBits: 128 | 0
  readonly insecure: boolean
  /** Number of special primes, and of ciphertext primes in a digit of the gadget. */
  readonly alpha: number
  /** log2(Q_l) for l = 0..L. */
  private readonly logQ: readonly number[]

  private constructor(
    readonly logN: number,
    readonly primes: readonly Modulus[],
    readonly specialPrimes: readonly Modulus[],
    readonly scale: number
  ) {
    this.N = 2 ** logN
    this.slots = this.N / 2
    this.maxLevel = primes.length - 1
    this.alpha = specialPrimes.length
    let sum = 0
    this.logQ = primes.map(prime => {
      sum += prime.log2
      return sum
    })
    this.logQP = logProduct([...primes, ...specialPrimes])
    this.insecure = this.logQP > maximumLogQP(logN)
    this.securityBits = this.insecure ? 0 : 128
  }

  /** @throws InvalidParametersError, InsecureParametersError */
  static create(init: ParametersInit): Parameters {
    const { logN, primes, specialPrimes, scale } = init
    if (!Number.isInteger(logN) || logN < MINIMUM_LOG_N || logN > MAXIMUM_LOG_N) {
      throw new InvalidParametersError('logN', `an integer from ${MINIMUM_LOG_N} to ${MAXIMUM_LOG_N}`, String(logN))
    }
    if (primes.length < 1) throw new InvalidParametersError('primes', 'at least one prime', 'none')
    if (specialPrimes.length < 1) throw new InvalidParametersError('specialPrimes', 'at least one prime', 'none')
    if (primes.length + specialPrimes.length > MAXIMUM_MODULI) {
      throw new InvalidParametersError('primes', `at most ${MAXIMUM_MODULI} moduli`, String(primes.length + specialPrimes.length))
    }
    checkScale(scale)
    const seen = new Set<bigint>()
    const check = (field: string) => (value: bigint) => {
      checkModulus(field, value, logN)
      if (seen.has(value)) throw new InvalidParametersError(field, 'distinct primes', `${value} twice`)
      seen.add(value)
      return new Modulus(value)
    }
    const parameters = new Parameters(logN, primes.map(check('primes')), specialPrimes.map(check('specialPrimes')), scale)
    if (parameters.insecure && init.insecure !== true) {
      throw new InsecureParametersError(logN, parameters.logQP, maximumLogQP(logN))
    }
    return parameters
  }

  /**
   * Picks primes just below the powers of two asked for, so that a rescaling leaves the scale nearly as it was.
   * @throws InvalidParametersError, InsecureParametersError, NotEnoughPrimesError of the ring package
   */
  static generate(request: ParametersRequest): Parameters {
    const { logN, firstPrimeBits, primeBits, levels, specialPrimeBits, specialPrimes: count = 1 } = request
    if (!Number.isInteger(levels) || levels < 0 || levels >= MAXIMUM_MODULI) {
      throw new InvalidParametersError('levels', `an integer from 0 to ${MAXIMUM_MODULI - 1}`, String(levels))
    }
    const taken: bigint[] = []
    const take = (bits: number, wanted: number) => {
      const found = wanted > 0 ? findNttPrimes(logN, bits, wanted, taken) : []
      taken.push(...found)
      return found
    }
    const specialPrimes = take(specialPrimeBits, count)
    const first = take(firstPrimeBits, 1)
    const primes = [...first, ...take(primeBits, levels)]
    const scale = request.scale ?? 2 ** primeBits
    return Parameters.create({ logN, primes, specialPrimes, scale, insecure: request.insecure ?? false })
  }

  /** Number of gadget digits at `level`: ⌈(level + 1) / α⌉. */
  digits(level: number): number {
    return Math.ceil((level + 1) / this.alpha)
  }

  /** Indices of the ciphertext primes of digit `digit` that are alive at `level`. */
  digitIndices(digit: number, level: number = this.maxLevel): number[] {
    return range(digit * this.alpha, Math.min((digit + 1) * this.alpha, level + 1))
  }

  /** 0..level. @throws InvalidLevelError */
  ciphertextIndices(level: number): number[] {
    this.checkLevel('ciphertextIndices', level)
    return range(0, level + 1)
  }

  /** L+1..L+α. */
  specialIndices(): number[] {
    return range(this.maxLevel + 1, this.maxLevel + 1 + this.alpha)
  }

  /** 0..level and the special primes. @throws InvalidLevelError */
  keyIndices(level: number = this.maxLevel): number[] {
    return [...this.ciphertextIndices(level), ...this.specialIndices()]
  }

  /** Every modulus in index order. */
  moduli(): Modulus[] {
    return [...this.primes, ...this.specialPrimes]
  }

  /** log2(Q_l). */
  logModulus(level: number): number {
    this.checkLevel('logModulus', level)
    return this.logQ[level]!
  }

  /** @throws InvalidLevelError */
  checkLevel(operation: string, level: number): void {
    if (!Number.isInteger(level) || level < 0 || level > this.maxLevel) throw new InvalidLevelError(operation, level, this.maxLevel)
  }

  /** Same ring, moduli in the same order and default scale. */
  equals(other: Parameters): boolean {
    return this === other || JSON.stringify(this.toJSON()) === JSON.stringify(other.toJSON())
  }

  /** What `fromJSON` reads. */
  toJSON(): ParametersJson {
    return {
      logN: this.logN,
      primes: this.primes.map(prime => prime.value.toString()),
      specialPrimes: this.specialPrimes.map(prime => prime.value.toString()),
      scale: this.scale,
      ...(this.insecure ? { insecure: true as const } : {})
    }
  }

  /**
   * Checks what it is given field by field.
   * @param options allowInsecure: accept a set marked insecure (unit tests)
   * @throws InvalidParametersError, InsecureParametersError
   */
  static fromJSON(json: unknown, options: { allowInsecure?: boolean } = {}): Parameters {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new InvalidParametersError('json', 'an object', kindOf(json))
    const record = json as Record<string, unknown>
    const known = new Set(['logN', 'primes', 'specialPrimes', 'scale', 'insecure'])
    for (const key of Object.keys(record)) {
      if (!known.has(key)) throw new InvalidParametersError('json', `only the fields ${[...known].join(', ')}`, key.slice(0, 40))
    }
    const { logN, scale, insecure } = record
    if (typeof logN !== 'number') throw new InvalidParametersError('logN', 'a number', kindOf(logN))
    if (typeof scale !== 'number') throw new InvalidParametersError('scale', 'a number', kindOf(scale))
    if (insecure !== undefined && insecure !== true) throw new InvalidParametersError('insecure', 'true or nothing', kindOf(insecure))
    const primes = parseModuli('primes', record['primes'])
    const specialPrimes = parseModuli('specialPrimes', record['specialPrimes'])
    if (insecure === true && options.allowInsecure !== true) {
      throw new InsecureParametersError(
        logN,
        logProduct([...primes, ...specialPrimes].map(p => new Modulus(p))),
        maximumLogQP(logN),
        'marked insecure'
      )
    }
    return Parameters.create({ logN, primes, specialPrimes, scale, insecure: insecure === true })
  }
}

/** from..to − 1, in a loop: a search of plans asks for millions of these, and a callback for every number took most of their time. */
function range(from: number, to: number): number[] {
  const indices: number[] = []
  for (let index = from; index < to; index++) indices.push(index)
  return indices
}

function logProduct(moduli: readonly Modulus[]): number {
  return moduli.reduce((sum, modulus) => sum + modulus.log2, 0)
}

function checkScale(scale: number): void {
  if (!Number.isFinite(scale) || scale < 1) throw new InvalidParametersError('scale', 'a finite number of at least 1', String(scale))
}

function checkModulus(field: string, value: bigint, logN: number): void {
  const twoN = 2n ** BigInt(logN + 1)
  if (value < 3n || value >= 2n ** BigInt(MAXIMUM_MODULUS_BITS)) {
    throw new InvalidParametersError(field, `primes below 2^${MAXIMUM_MODULUS_BITS}`, String(value))
  }
  if (value % twoN !== 1n) throw new InvalidParametersError(field, `primes ≡ 1 mod 2N = ${twoN}`, String(value))
  if (!isPrime(value)) throw new InvalidParametersError(field, 'primes', String(value))
}

function parseModuli(field: string, value: unknown): bigint[] {
  if (!Array.isArray(value)) throw new InvalidParametersError(field, 'an array of decimal strings', kindOf(value))
  if (value.length > MAXIMUM_MODULI) throw new InvalidParametersError(field, `at most ${MAXIMUM_MODULI} moduli`, String(value.length))
  return value.map(item => {
    if (typeof item !== 'string' || item.length > MAXIMUM_DECIMALS || !/^[1-9][0-9]*$/.test(item)) {
      throw new InvalidParametersError(field, `decimal strings of at most ${MAXIMUM_DECIMALS} digits`, kindOf(item))
    }
    return BigInt(item)
  })
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/** Bytes of one polynomial of a ciphertext or plaintext at a level, as it lies in memory: a residue of 8 bytes for each coefficient and prime. */
export function polynomialBytes(level: number, N: number): number {
  return (level + 1) * N * 8
}
