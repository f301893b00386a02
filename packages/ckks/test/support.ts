/** What the tests share: small parameter sets, reproducible values, slot arithmetic in the clear, measured noise. */
import {
  type Ciphertext,
  type ComplexVector,
  Context,
  Decryptor,
  Encryptor,
  KeyGenerator,
  Parameters,
  type ParametersRequest,
  type PublicKey,
  SecretKey
} from '@slytherin/ckks'
import { deriveSeed, type Kernel, loadKernel } from '@slytherin/ring'

export const SMALL: ParametersRequest = {
  logN: 11,
  firstPrimeBits: 49,
  primeBits: 40,
  levels: 3,
  specialPrimeBits: 49,
  insecure: true
}

export const SECURE: ParametersRequest = { logN: 13, firstPrimeBits: 49, primeBits: 38, levels: 3, specialPrimeBits: 49 }

let kernel: Promise<Kernel> | undefined

/** One kernel per test file. */
export function sharedKernel(): Promise<Kernel> {
  kernel ??= loadKernel()
  return kernel
}

export function seedOf(...labels: (string | number)[]): Uint8Array {
  return deriveSeed(new Uint8Array(32), 'test', ...labels)
}

/** Deterministic numbers in [-1, 1). */
export function* numbers(label: string): Generator<number, never> {
  for (let block = 0; ; block++) {
    const words = new Uint32Array(deriveSeed(new Uint8Array(32), label, block).slice().buffer)
    for (const word of words) yield word / 2 ** 31 - 1
  }
}

export function realSlots(label: string, count: number): Float64Array {
  const source = numbers(label)
  return Float64Array.from({ length: count }, () => source.next().value)
}

/** |slot| < √2. */
export function complexSlots(label: string, count: number): ComplexVector {
  return { real: realSlots(`${label} real`, count), imaginary: realSlots(`${label} imaginary`, count) }
}

type Binary = (a: ComplexVector, b: ComplexVector) => ComplexVector

const map = (a: ComplexVector, f: (re: number, im: number, k: number) => readonly [number, number]): ComplexVector => {
  const out = { real: new Float64Array(a.real.length), imaginary: new Float64Array(a.real.length) }
  for (let k = 0; k < a.real.length; k++) [out.real[k], out.imaginary[k]] = f(a.real[k]!, a.imaginary[k]!, k) as [number, number]
  return out
}

export const plus: Binary = (a, b) => map(a, (re, im, k) => [re + b.real[k]!, im + b.imaginary[k]!])
export const minus: Binary = (a, b) => map(a, (re, im, k) => [re - b.real[k]!, im - b.imaginary[k]!])
export const times: Binary = (a, b) =>
  map(a, (re, im, k) => [re * b.real[k]! - im * b.imaginary[k]!, re * b.imaginary[k]! + im * b.real[k]!])
export const conjugated = (a: ComplexVector): ComplexVector => map(a, (re, im) => [re, -im])
export const rotated = (a: ComplexVector, steps: number): ComplexVector => {
  const n = a.real.length
  const at = (k: number) => (((k + steps) % n) + n) % n
  return map(a, (_re, _im, k) => [a.real[at(k)]!, a.imaginary[at(k)]!])
}

export function largestDifference(a: ComplexVector, b: ComplexVector): number {
  let largest = 0
  for (let k = 0; k < a.real.length; k++)
    largest = Math.max(largest, Math.hypot(a.real[k]! - b.real[k]!, a.imaginary[k]! - b.imaginary[k]!))
  return largest
}

export interface Party {
  context: Context
  secret: SecretKey
  publicKey: PublicKey
  generator: KeyGenerator
  encryptor: Encryptor
  decryptor: Decryptor
}

export async function party(request: ParametersRequest, label = 'party'): Promise<Party> {
  const context = Context.create(Parameters.generate(request), await sharedKernel())
  const secret = SecretKey.fromSeed(context, seedOf(label, 'secret'))
  const generator = new KeyGenerator(context)
  const publicKey = generator.publicKey(secret, seedOf(label, 'public'))
  return {
    context,
    secret,
    publicKey,
    generator,
    encryptor: new Encryptor(context, publicKey),
    decryptor: new Decryptor(context, secret)
  }
}

export function encrypt(
  { context, encryptor }: Party,
  values: ComplexVector,
  label: string,
  level = context.parameters.maxLevel
): Ciphertext {
  using plaintext = context.encoder.encode(values, { level, scale: context.parameters.scale })
  return encryptor.encrypt(plaintext, seedOf('encrypt', label))
}

/** log2 of the root mean square of the coefficients of phase - Δ·encode(expected). */
export function measuredNoise({ context, decryptor }: Party, ciphertext: Ciphertext, expected: ComplexVector): number {
  const { ring, encoder } = context
  using phase = decryptor.phase(ciphertext)
  using ideal = encoder.encode(expected, ciphertext)
  using difference = phase.polynomial.clone()
  ring.subtract(difference, difference, ideal.polynomial)
  ring.inverseNtt(difference)
  const coefficients = ring.toDoubles(difference)
  return 0.5 * Math.log2(coefficients.reduce((sum, x) => sum + x * x, 0) / coefficients.length)
}
