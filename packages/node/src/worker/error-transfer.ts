/**
 * Errors across threads. A structured clone keeps only name, message and stack of an error; these keep the fields and, where the class is
 * known on the other side, the class: `instanceof` holds for what a worker threw.
 */
import * as ckks from '@slytherin/ckks/errors'
import * as engine from '@slytherin/engine/errors'
import * as mhe from '@slytherin/mhe/errors'
import * as protocol from '@slytherin/protocol'
import * as ring from '@slytherin/ring/errors'
import * as storage from '../storage/errors.js'

export interface TransferredError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Own enumerable fields that are plain data. */
  readonly fields: Record<string, unknown>
  /** Own fields that are errors themselves, and the cause. */
  readonly errors: Record<string, TransferredError>
  /** A DOMException, as an abort without a reason is: its name is no class. */
  readonly platform: boolean
}

type ErrorClass = { readonly prototype: Error }

const LANGUAGE = { TypeError, RangeError, SyntaxError, AggregateError }

/** By name: no two packages have a class of the same name. */
const CLASSES = new Map<string, ErrorClass>(
  [LANGUAGE, ring, ckks, mhe, engine, protocol, storage].flatMap(module =>
    Object.entries(module as Record<string, unknown>).filter((entry): entry is [string, ErrorClass] => isErrorClass(entry[1]))
  )
)

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error
}

/** Causes nest; deeper ones are cut. */
const MAXIMUM_DEPTH = 4

export function dismantleError(thrown: unknown, depth = 0): TransferredError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const fields: Record<string, unknown> = {}
  const errors: Record<string, TransferredError> = {}
  for (const key of new Set([...Object.keys(error), 'cause'])) {
    const value: unknown = (error as unknown as Record<string, unknown>)[key]
    if (value instanceof Error) {
      if (depth < MAXIMUM_DEPTH) errors[key] = dismantleError(value, depth + 1)
    } else if (key !== 'name' && isPlain(value)) {
      fields[key] = value
    }
  }
  return { name: error.name, message: error.message, stack: error.stack, fields, errors, platform: error instanceof DOMException }
}

export function rebuildError({ name, message, stack, fields, errors, platform }: TransferredError): Error {
  if (platform) return new DOMException(message, name)
  const prototype = CLASSES.get(name)?.prototype ?? Error.prototype
  const error = Object.create(prototype) as Error
  const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true, enumerable: false })
  Object.defineProperties(error, { name: hidden(name), message: hidden(message), stack: hidden(stack) })
  for (const [key, value] of Object.entries(fields))
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: true })
  for (const [key, value] of Object.entries(errors)) {
    Object.defineProperty(error, key, { value: rebuildError(value), writable: true, configurable: true, enumerable: key !== 'cause' })
  }
  return error
}

/** Plain data that every thread understands: primitives, and lists and records of them. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return true
  if (typeof value !== 'object' || depth > 3) return false
  if (Array.isArray(value)) return value.every(item => isPlain(item, depth + 1))
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(item => isPlain(item, depth + 1))
}
