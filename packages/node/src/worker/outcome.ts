/** A call's result or error as one value that crosses threads, byte arrays moved instead of cloned. */
import { transfer } from 'comlink'
import { dismantleError, rebuildError, type TransferredError } from './error-transfer.js'

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: TransferredError }

/** Runs and packs; what is returned belongs to the other thread afterwards. */
export async function settle(run: () => unknown): Promise<Outcome> {
  try {
    const value = detachable(await run())
    return transfer<Outcome>({ ok: true, value }, buffersOf(value))
  } catch (error) {
    return { ok: false, error: dismantleError(error) }
  }
}

/** Unpacks what `settle` packed. */
export function unpack<T>(outcome: Outcome): T {
  if (outcome.ok) return outcome.value as T
  throw rebuildError(outcome.error)
}

/** Arguments as copies that can be moved: the caller keeps its own, and a view of a large buffer does not drag the buffer along. */
export function movable(values: unknown[]): unknown[] {
  const copies = values.map(copied)
  return transfer(copies, buffersOf(copies))
}

type Bytes = Uint8Array | Float64Array

function isBytes(value: unknown): value is Bytes {
  return value instanceof Uint8Array || value instanceof Float64Array
}

/** A copy in a buffer of its own; a Node `Buffer` becomes a plain array, whose buffer is not shared with others. */
function plainCopy(bytes: Bytes): Bytes {
  return bytes instanceof Float64Array ? Float64Array.from(bytes) : Uint8Array.from(bytes)
}

function copied(value: unknown): unknown {
  return mapBytes(value, plainCopy)
}

/** Byte arrays that have a buffer of their own stay; views and shared memory are copied out. */
function detachable(value: unknown): unknown {
  return mapBytes(value, bytes =>
    bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? bytes : plainCopy(bytes)
  )
}

function mapBytes(value: unknown, map: (bytes: Bytes) => Bytes): unknown {
  if (isBytes(value)) return map(value)
  if (Array.isArray(value)) return value.map(item => mapBytes(item, map))
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapBytes(item, map)]))
  }
  return value
}

function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (isBytes(value)) found.add(value.buffer as ArrayBuffer)
  else if (Array.isArray(value)) for (const item of value) buffersOf(item, found)
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) buffersOf(item, found)
  return [...found]
}
