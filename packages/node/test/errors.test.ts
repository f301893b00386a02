/**
 * Errors across threads and between parties go by their names, so no two classes may share one, and each must find its way back to itself.
 */
import * as ckks from '@slytherin/ckks/errors'
import * as engine from '@slytherin/engine/errors'
import * as mhe from '@slytherin/mhe/errors'
import * as protocol from '@slytherin/protocol'
import * as ring from '@slytherin/ring/errors'
import { describe, expect, it } from 'vitest'
import * as storage from '../src/storage/errors.js'
import { dismantleError, rebuildError } from '../src/worker/error-transfer.js'

type ErrorClass = new (...parameters: unknown[]) => Error

/** Bases that are never thrown themselves. */
const ABSTRACT = new Set(['CkksError', 'EngineError', 'MalformedBytesError', 'MultipartyError', 'ProtocolError', 'StorageError'])

const classes = [ring, ckks, mhe, engine, protocol, storage].flatMap(module =>
  Object.values(module as Record<string, unknown>).filter(
    (value): value is ErrorClass => typeof value === 'function' && value.prototype instanceof Error && !ABSTRACT.has(value.name)
  )
)

/** Stands for any parameter of a constructor: text, number, list or details. */
const anything: unknown = new Proxy(() => undefined, {
  get: (_, key) => {
    if (key === Symbol.toPrimitive) return () => '1'
    if (key === Symbol.iterator) return [][Symbol.iterator].bind([])
    return key === 'length' ? 0 : anything
  },
  apply: () => anything
})

describe('error classes', () => {
  it('have names of their own', () => {
    const names = classes.map(({ name }) => name)
    expect(names.length).toBeGreaterThan(80)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  it.each(classes.map(type => [type.name, type] as const))('%s crosses the worker as itself', (name, Type) => {
    const error = new Type(...new Array(8).fill(anything))
    expect(error.name).toBe(name)
    const caught = rebuildError(structuredClone(dismantleError(error)))
    expect(Object.getPrototypeOf(caught)).toBe(Type.prototype)
    expect(caught).toMatchObject({ name, message: error.message })
  })

  it('of the packages below that have a meaning between parties exist', () => {
    const known = new Set(classes.map(({ name }) => name))
    const named = Object.values(protocol.CODES).flatMap(entry => ('means' in entry ? [...entry.means] : []))
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(name => !known.has(name))).toEqual([])
    expect(named.filter((name, index) => named.indexOf(name) !== index)).toEqual([])
  })

  it('of the protocol come back from their bytes as themselves, one class for each code', () => {
    const codes = Object.keys(protocol.CODES)
    for (const code of codes) {
      const error = protocol.errorFromCode(code, { field: 'here' })
      expect(error.code).toBe(code)
      const back = protocol.decodeFailure(protocol.encodeFailure(error), 'peer')
      expect(back.constructor).toBe(error.constructor)
      expect(back).toMatchObject({ code, field: 'here' })
    }
    const ofProtocol = classes.filter(type => type.prototype instanceof protocol.ProtocolError)
    expect(ofProtocol.map(type => (type as unknown as { code: string }).code).sort()).toEqual([...codes].sort())
  })
})
