/** The memory that an evaluation takes, asked of the system while the evaluator has nothing else to do: otherwise its first query waits for it. */
import { type Evaluator, polynomialBytes } from '@slytherin/ckks'
import { nextTurn, type Plan, RESIDENT_INPUT_BYTES } from '@slytherin/engine'

/** Bytes of the evaluation and of the inputs that wait for it. */
export function evaluationBytes({ batchBlocks, inputs, operands, parameters, costs }: Plan): number {
  const components = operands.data === 'encrypted' ? 2 : 1
  const waiting = batchBlocks * inputs.count * components * polynomialBytes(inputs.level, 2 ** parameters.logN)
  return costs.bytes.evaluatorMemory + Math.min(waiting, RESIDENT_INPUT_BYTES)
}

/** Lets the event loop turn all the time. @param signal to end it early */
export async function touchMemory(evaluator: Evaluator, bytes: number, signal: AbortSignal): Promise<void> {
  for (const _ of evaluator.touchMemory?.(bytes) ?? []) {
    await nextTurn()
    if (signal.aborted) return
  }
}
