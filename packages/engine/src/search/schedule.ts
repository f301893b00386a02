/** What the shortest path of levels, rescalings and refreshes (`placement`) is asked, and what it finds. */

/** A value that an operation reads. */
export interface ScheduledOperand {
  readonly value: number
  /** log2 of the bound on |slot| */
  readonly magnitude: number
  /** least and largest log2 scale of the weights (affine only) */
  readonly weightMinimum: number
  readonly weightMaximum: number
}

export interface ScheduledOperation {
  readonly kind: 'affine' | 'square' | 'polynomial' | 'product'
  /** at least one; affine operations may have any number, products have two */
  readonly operands: readonly [ScheduledOperand, ...ScheduledOperand[]]
  /** values that are read later, the result left out; ascending */
  readonly waiting: readonly number[]
  /** g: log2 of the scale of a square relative to the square of its operand's */
  readonly squareBits: number
  /** log2 of the bound on |slot| of the result */
  readonly magnitudeOut: number
  /** polynomial only */
  readonly polynomial?: {
    /** primes that it drops */
    readonly depth: number
    /** least log2 scale of the argument */
    readonly argumentMinimum: number
    /** largest log2 scale of the argument, given the level of the result */
    argumentMaximum(level: number): number
    /** least log2 scale of the result, given the argument's */
    resultMinimum(argument: number): number
  }
  /** least and largest log2 scale of the result */
  readonly minimum: number
  readonly maximum: number
  /** seconds when run at this level with d rescalings */
  cost(level: number, rescalings: number): number
}

export interface ScheduleProblem {
  readonly operations: readonly ScheduledOperation[]
  /** number of ciphertext primes */
  readonly primes: number
  readonly primeBits: number
  readonly inputMinimum: number
  readonly inputMaximum: number
  readonly inputMagnitude: number
  inputCost(level: number): number
  readonly minimumRefreshes: number
  /** whatever a schedule costs: nothing is gained by giving up levels */
  readonly costless?: true
  /** whether a value may be refreshed at this level and log2 scale */
  refreshable(value: number, level: number, scale: number): boolean
  refreshCost(value: number, level: number): number
  /** whether the logits may leave at this level and log2 scale */
  finishable(level: number, scale: number): boolean
  /** bits that flooded logits take and bits that there are, at whichever level and log2 scale comes closest */
  floodedBits(leaving: readonly { readonly level: number; readonly low: number }[]): { readonly needed: number; readonly available: number }
}

/** A refresh of a value, at the level at which it is taken. */
export interface ScheduledRefresh {
  readonly value: number
  readonly level: number
}

export interface ScheduledStep {
  readonly operation: number
  /** level at which the operation runs */
  readonly level: number
  readonly rescalings: number
  /** log2 scale of the first operand and of the result */
  readonly scaleIn: number
  readonly scaleOut: number
  /** what is refreshed first */
  readonly refreshed?: readonly ScheduledRefresh[]
}

export interface Schedule {
  readonly inputLevel: number
  readonly steps: readonly ScheduledStep[]
}

/** Where no schedule gets past. */
export interface Blockage {
  /** the operation; their number when all are done and the logits cannot leave */
  readonly operation: number
  /**
   * what it takes more of than there is: levels; bits of a log2 scale; bits of noise that the logits leave with; refreshes that have a place; bytes in the evaluator; bits by
   * which the tracked error is too large
   */
  readonly kind: 'levels' | 'scale' | 'flooding' | 'refreshes' | 'memory' | 'precision'
  readonly needed: number
  readonly available: number
}
