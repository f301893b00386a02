/** A set of rows: ascending indices into a ring's moduli, and where each is. Interned per ring, so equal bases are the same object. */
export class Basis {
  /** Position of a modulus index among the rows, -1 when absent. */
  readonly positions: Int32Array

  constructor(
    readonly indices: readonly number[],
    moduli: number
  ) {
    this.positions = new Int32Array(moduli).fill(-1)
    indices.forEach((index, position) => {
      this.positions[index] = position
    })
  }
}
