/** Ranges of what enters activations, and which activation a range is of. */
import { InvalidInputError } from '../errors.js'

/** Range of an activation's input. */
export interface MeasuredActivation {
  /** name of the activation in the model file */
  readonly layer: string
  /** index of its node in the graph, where it was measured there: names of files repeat */
  readonly node?: number
  /** range of its input */
  readonly min: number
  readonly max: number
}

/** An activation as its range is looked up. */
export interface RangeOwner {
  readonly name: string
  readonly node: number
}

/** Finds ranges by node, and by name where they were written down by hand. */
export class MeasuredRanges {
  private readonly ranges: readonly MeasuredActivation[]

  /** @param owners all activations that may ask */
  constructor(
    ranges: Iterable<MeasuredActivation>,
    private readonly owners: readonly RangeOwner[]
  ) {
    this.ranges = [...ranges]
  }

  /** Names of all ranges, for messages. */
  get names(): string {
    return this.ranges.map(range => range.layer).join(', ') || 'none'
  }

  /** @throws InvalidInputError when a name stands for several activations or several ranges */
  find({ name, node }: RangeOwner): MeasuredActivation | undefined {
    const measured = this.ranges.find(range => range.node === node)
    if (measured) return measured
    const named = this.ranges.filter(range => range.node === undefined && range.layer === name)
    if (named.length === 0) return undefined
    const owners = this.owners.filter(owner => owner.name === name).length
    if (named.length > 1 || owners > 1) {
      throw new InvalidInputError(
        `range of activation '${name}'`,
        'one range and one activation of that name',
        `${named.length} and ${owners}`
      )
    }
    return named[0]
  }
}
