/** Who disposes what while a plan runs. */
import type { Operand } from './options.js'

/** Everything alive, so that a failure leaves nothing behind. */
export class Scope {
  private readonly alive = new Set<Operand>()

  keep<T extends Operand>(operand: T): T {
    this.alive.add(operand)
    return operand
  }

  /** Gives up ownership without disposing. */
  take<T extends Operand>(operand: T): T {
    this.alive.delete(operand)
    return operand
  }

  drop(operand: Operand): void {
    this.alive.delete(operand)
    operand.dispose()
  }

  dropAll(): void {
    for (const operand of this.alive) operand.dispose()
    this.alive.clear()
  }
}

/** Rotated inputs of one batch block: made at their first use, dropped after their last. */
export class Turns {
  private readonly made = new Map<number, Map<number, Operand>>()
  /** input blocks by the item that uses them last */
  private readonly ends = new Map<number, number>()

  constructor(
    last: Int32Array,
    private readonly prepare: (inputBlock: number) => Promise<Map<number, Operand>>,
    private readonly drop: (operand: Operand) => void
  ) {
    last.forEach((item, inputBlock) => {
      this.ends.set(item, inputBlock)
    })
  }

  async get(inputBlock: number, baby: number): Promise<Operand> {
    let turns = this.made.get(inputBlock)
    if (!turns) {
      turns = await this.prepare(inputBlock)
      this.made.set(inputBlock, turns)
    }
    return turns.get(baby)!
  }

  /** Item `index` of the packing has been multiplied. */
  used(index: number): void {
    const inputBlock = this.ends.get(index)
    if (inputBlock === undefined) return
    for (const operand of this.made.get(inputBlock)?.values() ?? []) this.drop(operand)
    this.made.delete(inputBlock)
  }
}
