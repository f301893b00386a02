/**
 * Values that cross between threads, whatever they are: plain data as they are, byte arrays in buffers of their own, objects with methods as objects with
 * methods, abort signals as abort signals.
 *
 * A method called on the other side runs on this one. What has no plain-data form travels as one end of a message channel; where it stands in the value is
 * known by the port itself, so no data that a peer may have chosen can be taken for it.
 *
 * An object with methods that came as a result is let go, on both sides, by its own `dispose`: until then its port keeps it alive on the side where it is, and what
 * it holds with it.
 */

import { SessionStateError } from '@slytherin/protocol'
import { type Endpoint, expose, releaseProxy, transfer, wrap } from 'comlink'
import { dismantleError, rebuildError, type TransferredError } from './error-transfer.js'

/** A value on its way. */
interface Packed {
  readonly value: unknown
  /** Objects with methods, by the port that stands for them. */
  readonly objects: readonly { readonly port: MessagePort; readonly methods: readonly string[]; readonly fields: unknown }[]
  readonly signals: readonly { readonly port: MessagePort; readonly aborted: TransferredError | undefined }[]
}

/** A call's result or error. */
type Outcome = { readonly ok: true; readonly packed: Packed } | { readonly ok: false; readonly error: TransferredError }

/** An object as the other thread calls it. */
export interface Service {
  call(method: string, parameters: Packed): Promise<Outcome>
}

/** The other thread's end of a service. */
export interface RemoteService extends Service {
  /** Nothing more is asked: both ends of its port are closed. */
  release(): void
}

/** comlink makes a proxy of every property that is read, and keeps the port of each proxy until the garbage collector has been through all of memory: here all calls share one. */
export function serviceAt(endpoint: Endpoint): RemoteService {
  const service = wrap<Service>(endpoint)
  const { call } = service
  return {
    call: async (method, parameters) => (await call(method, parameters)) as Outcome,
    release: () => {
      call[releaseProxy]()
      service[releaseProxy]()
    }
  }
}

/** Stands between a call and its answer; the thread may end in between. */
export type Guard = <T>(pending: Promise<T>) => Promise<T>

const unguarded: Guard = async pending => await pending

/**
 * What a thread gives to the other: 'copy' leaves the giver its byte arrays (arguments, and what callbacks return), 'move' takes them, where they have a buffer
 * of their own (results).
 */
type Bytes = 'copy' | 'move'

/** Offers all methods of an object to the other thread. */
export function serviceOf(target: object, bytes: Bytes = 'move', methods: readonly string[] = methodsOf(target)): Service {
  const offered = new Set(methods)
  const functions = target as Record<string, (...parameters: unknown[]) => unknown>
  return {
    call: async (method, parameters) => {
      const arrived = new Arrival(parameters, unguarded, true)
      try {
        if (!offered.has(method)) throw new TypeError(`there is no method "${method}"`)
        const result = await functions[method]!(...(arrived.value as unknown[]))
        await arrived.heard()
        const departure = new Departure(result, bytes)
        return transfer<Outcome>({ ok: true, packed: departure.packed }, departure.transfers)
      } catch (error) {
        return { ok: false, error: dismantleError(error) }
      } finally {
        arrived.release()
      }
    }
  }
}

/** Calls a method of the other thread. @throws what it throws, class and fields included; a signal's own reason */
export async function callService(service: RemoteService, method: string, parameters: readonly unknown[], guard: Guard): Promise<unknown> {
  const signals = parameters.filter(parameter => parameter instanceof AbortSignal)
  for (const signal of signals) signal.throwIfAborted()
  const departure = new Departure(parameters, 'copy')
  try {
    const outcome = await guard(service.call(method, transfer(departure.packed, departure.transfers)))
    if (!outcome.ok) throw rebuildError(outcome.error)
    return new Arrival(outcome.packed, guard, false).value
  } catch (error) {
    // The reason itself, not the copy of it that has come back.
    for (const signal of signals) signal.throwIfAborted()
    throw error
  } finally {
    departure.settle()
  }
}

/** Takes a value apart. */
class Departure {
  readonly packed: Packed
  readonly transfers: Transferable[] = []
  private readonly objects: Packed['objects'][number][] = []
  private readonly signals: Packed['signals'][number][] = []
  private readonly undo: (() => void)[] = []
  private readonly buffers = new Set<ArrayBuffer>()

  constructor(
    value: unknown,
    private readonly bytes: Bytes
  ) {
    this.packed = { value: this.pack(value), objects: this.objects, signals: this.signals }
    this.transfers.push(...this.buffers)
  }

  /** The call is over: signals are not listened to any more. Objects are let go by the other side, when it has said everything. */
  settle(): void {
    for (const undo of this.undo) undo()
  }

  private pack(value: unknown): unknown {
    if (isBytes(value)) return this.packBytes(value)
    if (Array.isArray(value)) return value.map(item => this.pack(item))
    if (value instanceof AbortSignal) return this.packSignal(value)
    // Class instances are '[object Object]' too; dates, maps and the like, which can be cloned, are not.
    if (Object.prototype.toString.call(value) !== '[object Object]') return value
    const object = value as Record<string, unknown>
    const methods = methodsOf(object)
    if (methods.length > 0) return this.packObject(object, methods)
    return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, this.pack(item)]))
  }

  private packBytes(bytes: ByteArray): ByteArray {
    const own = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    const packed = own && this.bytes === 'move' ? bytes : plainCopy(bytes)
    this.buffers.add(packed.buffer as ArrayBuffer)
    return packed
  }

  private packObject(object: Record<string, unknown>, methods: string[]): MessagePort {
    const { port1, port2 } = new MessageChannel()
    expose(serviceOf(object, this.bytes, methods), port1 as Endpoint)
    const plain = Object.getPrototypeOf(object) === Object.prototype
    const fields = plain ? Object.entries(object).filter(([, item]) => typeof item !== 'function') : []
    this.objects.push({ port: port2, methods, fields: this.pack(Object.fromEntries(fields)) })
    this.transfers.push(port2)
    return port2
  }

  private packSignal(signal: AbortSignal): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const abort = (): void => port1.postMessage(dismantleError(signal.reason))
    if (!signal.aborted) signal.addEventListener('abort', abort, { once: true })
    this.undo.push(() => {
      signal.removeEventListener('abort', abort)
      port1.close()
    })
    this.signals.push({ port: port2, aborted: signal.aborted ? dismantleError(signal.reason) : undefined })
    this.transfers.push(port2)
    return port2
  }
}

/** Puts a value together again. */
class Arrival {
  readonly value: unknown
  private readonly made = new Map<unknown, unknown>()
  private readonly undo: (() => void)[] = []
  private readonly calls = new Set<Promise<unknown>>()

  /** @param onLoan it came as arguments, and is given back when the call is over */
  constructor(
    { value, objects, signals }: Packed,
    guard: Guard,
    private readonly onLoan: boolean
  ) {
    for (const { port, aborted } of signals) this.made.set(port, this.signal(port, aborted))
    for (const { port, methods, fields } of objects) this.made.set(port, this.object(port, methods, fields, guard))
    this.value = this.unpack(value)
  }

  /** When all that was said to the other side has been heard there, also what nobody waited for. */
  async heard(): Promise<void> {
    await Promise.allSettled(this.calls)
  }

  /** Lets go of what came with the arguments of a call. */
  release(): void {
    for (const undo of this.undo) undo()
  }

  private unpack(value: unknown): unknown {
    if (value instanceof MessagePort) return this.made.get(value)
    if (Array.isArray(value)) return value.map(item => this.unpack(item))
    if (isBytes(value) || Object.prototype.toString.call(value) !== '[object Object]') return value
    return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, this.unpack(item)]))
  }

  private object(port: MessagePort, methods: readonly string[], fields: unknown, guard: Guard): object {
    const service = serviceAt(port as Endpoint)
    const held = new HeldObject(service, guard)
    if (this.onLoan) this.undo.push(() => service.release())
    const call = (method: string, parameters: unknown[]): Promise<unknown> => {
      if (!this.onLoan) return held.call(method, parameters)
      const answer = callService(service, method, parameters, guard)
      this.calls.add(answer)
      const over = (): void => void this.calls.delete(answer)
      // A callback of which nothing is awaited may fail without harm.
      answer.then(over, over)
      return answer
    }
    const callers = methods.map(method => [method, (...parameters: unknown[]) => call(method, parameters)])
    return Object.assign(Object.fromEntries(callers), this.unpack(fields))
  }

  private signal(port: MessagePort, aborted: TransferredError | undefined): AbortSignal {
    const controller = new AbortController()
    if (aborted !== undefined) controller.abort(rebuildError(aborted))
    port.onmessage = ({ data }: MessageEvent<TransferredError>) => controller.abort(rebuildError(data))
    this.undo.push(() => port.close())
    return controller.signal
  }
}

/** An object of the other side that is this side's to dispose of. */
class HeldObject {
  #calls = 0
  #disposed = false
  #released = false

  constructor(
    private readonly service: RemoteService,
    private readonly guard: Guard
  ) {}

  /** @throws SessionStateError when it was disposed of; that may be repeated */
  async call(method: string, parameters: readonly unknown[]): Promise<unknown> {
    if (this.#released) {
      if (method === DISPOSE) return undefined
      throw new SessionStateError(`"${method}" was asked of something that was disposed of`)
    }
    this.#calls++
    try {
      const result = await callService(this.service, method, parameters, this.guard)
      this.#disposed ||= method === DISPOSE
      return result
    } finally {
      // Whoever waits for an answer still hears it.
      if (--this.#calls === 0 && this.#disposed) this.#release()
    }
  }

  #release(): void {
    if (this.#released) return
    this.#released = true
    this.service.release()
  }
}

/** Ends an object with methods. */
const DISPOSE = 'dispose'

type ByteArray = Uint8Array | Float64Array

function isBytes(value: unknown): value is ByteArray {
  return value instanceof Uint8Array || value instanceof Float64Array
}

/** A copy in a buffer of its own; a Node `Buffer` becomes a plain array, whose buffer is not shared with others. */
function plainCopy(bytes: ByteArray): ByteArray {
  return bytes instanceof Float64Array ? Float64Array.from(bytes) : Uint8Array.from(bytes)
}

/** Names of an object's methods, its own and inherited. */
function methodsOf(object: object): string[] {
  const names = new Set<string>()
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name)
    }
  }
  return [...names]
}
