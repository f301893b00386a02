/** How far errors of values reach, found from the logits back. */
import { correlated } from '../steps/sum.js'

/** log2 of the factors from errors of values to errors of the logits; errors that reach them on several ways add up. */
export class Gains {
  /** by value: of every reader */
  private readonly values: number[][]
  /** the same from errors of the argument of the activation that makes the value, for as many readers as know them */
  private readonly arguments: number[][]

  /** @param last the logits */
  constructor(last: number) {
    this.values = Array.from({ length: last + 1 }, () => [])
    this.arguments = Array.from({ length: last + 1 }, () => [])
    this.values[last]!.push(0)
  }

  of(value: number, sensitivity = Number.POSITIVE_INFINITY): number {
    return Math.min(correlated(this.values[value]!), Math.log2(sensitivity))
  }

  /** Undefined where some reader knows no more than the slope of the activation. */
  argumentOf(value: number): number | undefined {
    const found = this.arguments[value]!
    return found.length > 0 && found.length === this.values[value]!.length ? correlated(found) : undefined
  }

  /** A reader of the value. @param argument its gain for errors of the argument of the activation that makes the value */
  add(value: number, gain: number, argument?: number): void {
    this.values[value]!.push(gain)
    if (argument !== undefined) this.arguments[value]!.push(argument)
  }
}
