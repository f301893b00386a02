/**
 * Products of ciphertexts in the ntt domain, without relinearisation:
 *
 *   (a0 + a1·s)(b0 + b1·s) = a0·b0 + (a0·b1 + a1·b0)·s + a1·b1·s²
 */
import type { Polynomial, Ring } from '@slytherin/ring'
import { blankLike, into, mapAll } from './memory.js'

export class Products {
  constructor(private readonly ring: Ring) {}

  /** Three new components out of two and two. */
  tensor(a: readonly Polynomial[], b: readonly Polynomial[]): Polynomial[] {
    const { ring } = this
    const [a0, a1] = a as [Polynomial, Polynomial]
    const [b0, b1] = b as [Polynomial, Polynomial]
    const middle = (out: Polynomial) => {
      ring.multiply(out, a0, b1)
      if (a === b) ring.add(out, out, out)
      else ring.multiplyAdd(out, a1, b0)
    }
    const parts = [(out: Polynomial) => ring.multiply(out, a0, b0), middle, (out: Polynomial) => ring.multiply(out, a1, b1)]
    return mapAll(parts, compute => into(blankLike(a0), compute))
  }

  /** sum += a·b; the sum has three components, none of them among the factors. */
  addTensor(sum: readonly Polynomial[], a: readonly Polynomial[], b: readonly Polynomial[]): void {
    const { ring } = this
    ring.multiplyAdd(sum[0]!, a[0]!, b[0]!)
    ring.multiplyAdd(sum[1]!, a[0]!, b[1]!)
    ring.multiplyAdd(sum[1]!, a[1]!, b[0]!)
    ring.multiplyAdd(sum[2]!, a[1]!, b[1]!)
  }

  /** sum += a·p, component by component. A component may be the sum's own. */
  addPlain(sum: readonly Polynomial[], a: readonly Polynomial[], p: Polynomial): void {
    a.forEach((component, k) => {
      this.ring.multiplyAdd(sum[k]!, component, p)
    })
  }
}
