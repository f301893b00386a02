/** The values that are alive while blocks go through a program: kept as long as some step will read them. */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import type { Program } from '../plan/program.js'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import type { CompiledStep } from '../steps/kinds.js'
import type { CompiledSum } from '../steps/sum.js'
import type { Workbench } from './workbench.js'

/** Ciphertexts by batch block. */
type Blocks = EvaluatorCiphertext[][]

export class Values {
  private readonly alive = new Map<number, Blocks>()

  /** @param from first batch block @param to behind the last */
  constructor(
    private readonly bench: Workbench,
    private readonly program: Program,
    private readonly from: number,
    private readonly to: number
  ) {}

  set(value: number, blocks: Blocks): void {
    this.alive.set(value, blocks)
  }

  /** The result of the program. */
  get last(): Blocks {
    return this.alive.get(this.program.readers.length - 1)!
  }

  /** What is alive besides a value, but the inputs, which are read again where they are needed. */
  others(besides: number): Map<number, Blocks> {
    return new Map([...this.alive].filter(([value]) => value !== 0 && value !== besides))
  }

  /** A value that a step reads, for it to take over: the value itself where no later step reads it, or a copy at the step's level. */
  async take(step: CompiledStep, part = 0): Promise<Blocks> {
    const value = step.reads[part]!
    const blocks = await this.blocks(value, step)
    if (step.kind === 'refresh') return blocks
    if (this.program.readers[value]!.at(-1) === step.step.layer) {
      this.alive.delete(value)
      return blocks
    }
    return blocks.map(ciphertexts => ciphertexts.map(ciphertext => this.bench.copyAt(ciphertext, step.step.level)))
  }

  /** All values that an affine step reads, side by side; undefined where it reads inputs that nothing else reads, which it fetches when it needs them. */
  async side(step: CompiledDiagonals | CompiledSum): Promise<Blocks | undefined> {
    const first = step.reads[0]!
    if (step.reads.length === 1 && first === 0 && this.program.readers[0]!.length === 1) return undefined
    const side: Blocks = Array.from({ length: this.to - this.from }, () => [])
    for (const [part, value] of step.reads.entries()) {
      const blocks = value === 0 && this.program.operands.data === 'clear' ? undefined : await this.take(step, part)
      side.forEach((ciphertexts, block) => {
        // clear inputs are fetched when they are needed: nothing stands in their place
        if (blocks) ciphertexts.push(...blocks[block]!)
      })
    }
    return side
  }

  private async blocks(value: number, step: CompiledStep): Promise<Blocks> {
    const known = this.alive.get(value)
    if (known) return known
    const { supply } = this.bench
    const count = value === 0 ? this.program.inputsPerBlock : step.blocksIn
    const read = await supply.readInputs(this.from, this.to, count)
    this.alive.set(value, read)
    return read
  }
}
