/**
 * node-seal as a resource: one WebAssembly instance with its own memory, every C++ object counted and deleted, every C++ exception turned into a typed error.
 *
 * The build that allows transparent ciphertexts (c1 = 0) is used: a difference a - a or a product with an all-zero plaintext is a legitimate intermediate result, and
 * which ciphertexts may be sent where is decided by the protocols, not here.
 */
import { DisposedError } from '@slytherin/ring'
import initialize from 'node-seal/allows'
import type { MainModule } from 'node-seal/throws'
import { SealError, SealMemoryError } from '../errors.js'

/** node-seal's bindings. */
export type SealModule = MainModule

/** What the bindings export beyond their type declarations. */
interface ExceptionSupport {
  decrementExceptionRefcount?(exception: unknown): void
}

interface Deletable {
  delete(): void
}

/** A C++ object that must be deleted. */
export class SealHandle<T extends Deletable> implements Disposable {
  #object: T | null

  constructor(
    object: T,
    private readonly release: () => void
  ) {
    this.#object = object
  }

  /** @throws DisposedError */
  get object(): T {
    if (this.#object === null) throw new DisposedError('SEAL object')
    return this.#object
  }

  get disposed(): boolean {
    return this.#object === null
  }

  /** Deleting twice does nothing. */
  dispose(): void {
    if (this.#object === null) return
    this.#object.delete()
    this.#object = null
    this.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** An instance of SEAL with a memory of its own, whose objects are counted and whose exceptions are typed errors. */
export class SealRuntime {
  #live = 0

  private constructor(
    readonly module: SealModule,
    private readonly memory: WebAssembly.Memory | undefined
  ) {}

  /** Starts a WebAssembly instance of its own (about 20 ms, 16 MiB). */
  static async load(): Promise<SealRuntime> {
    const capture: { memory?: WebAssembly.Memory } = {}
    const instantiateWasm = await instantiationHook(capture)
    const module = await initialize(instantiateWasm === undefined ? {} : { instantiateWasm })
    return new SealRuntime(module, capture.memory)
  }

  /** C++ objects not yet deleted. */
  get liveHandles(): number {
    return this.#live
  }

  /** Size of the WebAssembly memory; it never shrinks. NaN where the host does not show it (browsers). */
  get heapBytes(): number {
    return this.memory?.buffer.byteLength ?? Number.NaN
  }

  /** Takes charge of a C++ object. */
  own<T extends Deletable>(object: T): SealHandle<T> {
    this.#live++
    return new SealHandle(object, () => {
      this.#live--
    })
  }

  /** Runs `make` and takes charge of what it returns. */
  create<T extends Deletable>(operation: string, make: (seal: SealModule) => T): SealHandle<T> {
    return this.own(this.call(operation, make))
  }

  /** Uses a C++ object that is needed for one computation only. */
  use<T extends Deletable, R>(operation: string, make: (seal: SealModule) => T, body: (object: T) => R): R {
    const handle = this.create(operation, make)
    try {
      return this.call(operation, () => body(handle.object))
    } finally {
      handle.dispose()
    }
  }

  /** Runs C++ code. @throws SealError, SealMemoryError */
  call<R>(operation: string, body: (seal: SealModule) => R): R {
    try {
      return body(this.module)
    } catch (error) {
      throw this.translate(operation, error)
    }
  }

  /**
   * C++ exceptions arrive as WebAssembly.Exception with message [type, text]; running out of memory as std::bad_alloc, or as a RuntimeError when the instance aborts.
   */
  private translate(operation: string, error: unknown): unknown {
    const exception = error as { message?: unknown; name?: unknown }
    if (Array.isArray(exception?.message)) {
      const [type, text] = exception.message.map(String)
      ;(this.module as ExceptionSupport).decrementExceptionRefcount?.(error)
      if (type === 'std::bad_alloc') return new SealMemoryError(operation, this.heapBytes, { cause: error })
      return new SealError(operation, type ?? 'unknown', text ?? '', { cause: error })
    }
    if (error instanceof WebAssembly.RuntimeError) return new SealMemoryError(operation, this.heapBytes, { cause: error })
    if (error instanceof Error && error.name === 'BindingError')
      return new SealError(operation, error.name, error.message, { cause: error })
    return error
  }
}

type InstantiationHook = (
  imports: WebAssembly.Imports,
  receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void
) => Record<string, never>

/** Under Node, instantiates the module itself to get hold of its memory. Elsewhere the bindings load it their own way. */
async function instantiationHook(capture: { memory?: WebAssembly.Memory }): Promise<InstantiationHook | undefined> {
  const files = globalThis.process?.getBuiltinModule?.('node:fs/promises')
  if (files === undefined) return undefined
  const url = new URL('./seal_allows.wasm', import.meta.resolve('node-seal/allows'))
  const module = await WebAssembly.compile(await files.readFile(url))
  return (imports, receive) => {
    const instance = new WebAssembly.Instance(module, imports)
    for (const value of Object.values(instance.exports)) if (value instanceof WebAssembly.Memory) capture.memory = value
    receive(instance, module)
    return {}
  }
}
