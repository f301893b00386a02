/** The sender's way of inputs to the evaluator: what is missing, batch by batch, each with its proof, and again what a killed evaluator has lost. */
import { windowed } from '../../base/concurrency.js'
import { hash, toHex } from '../../base/digest.js'
import type { QueryInputs } from '../../cryptography/data-owner.js'
import type { ProtocolError } from '../../errors/errors.js'
import type { Plan } from '../../terms/plan.js'
import { inputBatches, type ProofBatch } from '../../terms/proof-batches.js'
import type { CallKind, Message } from '../calls/call.js'
import { INPUT, OPEN, PROVE } from './calls.js'
import type { OpenRequest } from './desk.js'

/** Inputs on their way at a time. */
const INPUTS_AT_ONCE = 4

/** Asks the query's evaluator, until it is there. */
export type EvaluatorCall = <Q, R>(kind: CallKind<Q, R>, head: Q, blobs: readonly Uint8Array[]) => Promise<Message<R>>

export interface Upload {
  readonly head: OpenRequest
  readonly plan: Plan
  readonly inputs: QueryInputs
  /** Whether this party proves that it has encrypted. */
  readonly proves: boolean
}

export interface UploadOptions {
  onEvent?(event: { readonly kind: 'inputs'; readonly query: string; readonly done: number; readonly total: number }): void
  readonly signal?: AbortSignal
}

/** @returns SHA-256 of every input, in order, hexadecimal */
export async function sendInputs(call: EvaluatorCall, { head, plan, inputs, proves }: Upload, options: UploadOptions): Promise<string[]> {
  const { query } = head
  const { signal = new AbortController().signal, onEvent } = options
  const { head: known } = await call(OPEN, head, [])
  const total = known.inputs.length
  const hashes = new Array<string>(total).fill('')
  let done = 0
  for (const batch of inputBatches(plan)) {
    const { number, first, count } = batch
    await windowed(count, INPUTS_AT_ONCE, signal, async k => {
      const index = first + k
      const bytes = await inputs.encryptInput(index)
      const name = toHex(await hash(bytes))
      hashes[index] = name
      if (known.inputs[index] !== name) await call(INPUT, { query, index, hash: name }, [bytes])
      onEvent?.({ kind: 'inputs', query, done: ++done, total })
    })
    if (proves && !known.proved.includes(number)) await prove(call, inputs, query, batch, hashes)
  }
  return hashes
}

/** Where the evaluator was killed before it wrote down all inputs, those are sent again. */
async function prove(
  call: EvaluatorCall,
  inputs: QueryInputs,
  query: string,
  { number, first, count }: ProofBatch,
  hashes: readonly string[]
): Promise<void> {
  const proof = await inputs.proveInputs(number)
  try {
    await call(PROVE, { query, batch: number }, [proof])
  } catch (error) {
    if (!isMissing(error)) throw error
    for (let index = first; index < first + count; index++) {
      await call(INPUT, { query, index, hash: hashes[index]! }, [await inputs.encryptInput(index)])
    }
    await call(PROVE, { query, batch: number }, [proof])
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'remote' in error && (error.remote as ProtocolError).code === 'out-of-order-message'
}
