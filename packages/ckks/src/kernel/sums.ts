/** Sums and differences of ciphertexts, component by component; missing components are zero. */
import type { Polynomial, Ring } from '@slytherin/ring'
import { blankLike, into, mapAll } from './memory.js'

export class Sums {
  constructor(private readonly ring: Ring) {}

  sum(x: readonly Polynomial[], y: readonly Polynomial[]): Polynomial[] {
    const longer = x.length >= y.length ? x : y
    return mapAll(longer, (component, k) =>
      k < x.length && k < y.length ? into(blankLike(component), out => this.ring.add(out, x[k]!, y[k]!)) : component.clone()
    )
  }

  difference(x: readonly Polynomial[], y: readonly Polynomial[]): Polynomial[] {
    const longer = x.length >= y.length ? x : y
    return mapAll(longer, (component, k) => {
      if (k >= y.length) return component.clone()
      return into(blankLike(component), out => (k < x.length ? this.ring.subtract(out, x[k]!, y[k]!) : this.ring.negate(out, y[k]!)))
    })
  }

  /** x += y */
  add(x: Polynomial[], y: readonly Polynomial[]): void {
    this.widen(x, y.length)
    y.forEach((component, k) => {
      this.ring.add(x[k]!, x[k]!, component)
    })
  }

  /** Appends zero components until there are `count`. */
  widen(x: Polynomial[], count: number): void {
    while (x.length < count) x.push(this.ring.allocate(x[0]!.indices, 'ntt'))
  }
}
