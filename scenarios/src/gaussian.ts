/** Normal deviates from a small seeded generator: the same seed gives the same numbers everywhere. For simulations only, never for anything secret. */

/** Chris Doty-Humphrey's sfc32: 128 bits of state, 32 bits at a time. */
function generator(seed: number): () => number {
  let [a, b, c, counter] = [0, seed >>> 0, Math.floor(seed / 2 ** 32) | 0, 1]
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 15; round++) next()
  return next
}

export class Gaussian {
  readonly #bits: () => number
  #spare: number | undefined

  /** @param seed a whole number below 2^53 */
  constructor(seed: number) {
    this.#bits = generator(seed)
  }

  /** Of mean 0 and standard deviation 1, by Marsaglia's polar method. */
  next(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare
      this.#spare = undefined
      return spare
    }
    for (;;) {
      const x = (2 * this.#bits()) / 2 ** 32 - 1
      const y = (2 * this.#bits()) / 2 ** 32 - 1
      const square = x * x + y * y
      if (square >= 1 || square === 0) continue
      const factor = Math.sqrt((-2 * Math.log(square)) / square)
      this.#spare = y * factor
      return x * factor
    }
  }

  /** Adds deviates of the given standard deviation in place. */
  disturb(values: Float64Array, deviation: number): void {
    for (let k = 0; k < values.length; k++) values[k]! += deviation * this.next()
  }
}
