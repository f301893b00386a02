/** Polynomials applied element by element; a coefficient is one number for all elements or one number each. */

export type Coefficient = number | Float64Array
/** Ascending powers; the last coefficient is not identically zero unless it is the only one. */
export type Polynomial = readonly Coefficient[]

export const at = (coefficient: Coefficient, index: number): number => (typeof coefficient === 'number' ? coefficient : coefficient[index]!)

const combine = (a: Coefficient, b: Coefficient, operation: (a: number, b: number) => number): Coefficient => {
  if (typeof a === 'number' && typeof b === 'number') return operation(a, b)
  const length = typeof a === 'number' ? (b as Float64Array).length : a.length
  return Float64Array.from({ length }, (_, index) => operation(at(a, index), at(b, index)))
}

export const isZero = (coefficient: Coefficient): boolean =>
  typeof coefficient === 'number' ? coefficient === 0 : coefficient.every(value => value === 0)

const trim = (polynomial: Coefficient[]): Polynomial => {
  while (polynomial.length > 1 && isZero(polynomial.at(-1)!)) polynomial.pop()
  return polynomial
}

export const degree = (polynomial: Polynomial): number => polynomial.length - 1

export const IDENTITY: Polynomial = [0, 1]

export const isIdentity = (polynomial: Polynomial): boolean =>
  polynomial.length === 2 &&
  isZero(polynomial[0]!) &&
  (polynomial[1] === 1 || (typeof polynomial[1] !== 'number' && polynomial[1]!.every(value => value === 1)))

export function add(a: Polynomial, b: Polynomial, factor = 1): Polynomial {
  return trim(Array.from({ length: Math.max(a.length, b.length) }, (_, k) => combine(a[k] ?? 0, b[k] ?? 0, (x, y) => x + factor * y)))
}

export function multiply(a: Polynomial, b: Polynomial): Polynomial {
  const out: Coefficient[] = new Array<Coefficient>(a.length + b.length - 1).fill(0)
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      out[i + j] = combine(
        out[i + j]!,
        combine(x, y, (left, right) => left * right),
        (left, right) => left + right
      )
    })
  })
  return trim(out)
}

export function power(base: Polynomial, exponent: number): Polynomial {
  let out: Polynomial = [1]
  for (let k = 0; k < exponent; k++) out = multiply(out, base)
  return out
}

/** Σ powers[k]·p^k, by Horner's scheme */
export function evaluateAt(powers: Polynomial, p: Polynomial): Polynomial {
  return powers.reduceRight<Polynomial>((sum, coefficient) => add(multiply(sum, p), [coefficient]), [0])
}
