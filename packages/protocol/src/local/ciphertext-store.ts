/**
 * Ciphertexts that an evaluator was sent, kept until they are used: as many as there is room for in memory, ready to be computed with; the others as bytes
 * in a part store.
 */
import {
  type Ciphertext,
  deserializeCiphertext,
  deserializeSeeded,
  type Evaluator,
  type EvaluatorCiphertext,
  polynomialBytes,
  serializeCiphertext
} from '@slytherin/ckks'
import { WEIGHTS_HELD } from '@slytherin/engine'
import type { OpenSession } from './open-session.js'
import type { PartStore } from './part-store.js'

/** What the plan says of a ciphertext. */
export interface ExpectedCiphertext {
  readonly level: number
  readonly scale: number
  /** A seed stands for its second component. */
  readonly seeded?: boolean
}

export class CiphertextStore {
  readonly #session: OpenSession
  readonly #evaluator: Evaluator
  readonly #parts: PartStore
  readonly #maximumBytes: number
  readonly #hasRoom: (bytes: number) => boolean
  readonly #ready = new Map<string, EvaluatorCiphertext>()
  readonly #lent: EvaluatorCiphertext[] = []
  #bytes = 0

  /**
   * @param maximumBytes what is kept in memory at most
   * @param hasRoom whether the evaluator's memory holds so many bytes more
   */
  constructor(session: OpenSession, evaluator: Evaluator, parts: PartStore, maximumBytes: number, hasRoom: (bytes: number) => boolean) {
    this.#session = session
    this.#evaluator = evaluator
    this.#parts = parts
    this.#maximumBytes = maximumBytes
    this.#hasRoom = hasRoom
  }

  /** Checks a ciphertext in full before it is kept. @throws MalformedCiphertextError and the like */
  async put(key: string, bytes: Uint8Array, expected: ExpectedCiphertext): Promise<void> {
    using ciphertext = this.#read(bytes, expected)
    await this.#keep(key, ciphertext, () => bytes)
  }

  /** Keeps a ciphertext that has been checked and is in memory; it stays the caller's. */
  async keep(key: string, ciphertext: Ciphertext): Promise<void> {
    await this.#keep(key, ciphertext, () => serializeCiphertext(ciphertext))
  }

  async #keep(key: string, ciphertext: Ciphertext, serialized: () => Uint8Array): Promise<void> {
    const size = this.#sizeOf(ciphertext)
    await this.delete(key)
    if (this.#bytes + size <= this.#maximumBytes && this.#hasRoom(size)) {
      this.#ready.set(key, this.#evaluator.load(ciphertext))
      this.#bytes += size
    } else await this.#parts.put(key, serialized())
  }

  /** Gives a ciphertext away: the caller disposes it. @throws MissingPartError */
  async take(key: string, expected: ExpectedCiphertext): Promise<EvaluatorCiphertext> {
    const ready = this.#ready.get(key)
    if (ready === undefined) {
      const bytes = await this.#parts.get(key)
      await this.#parts.delete(key)
      return this.#load(bytes, expected)
    }
    this.#ready.delete(key)
    this.#bytes -= this.#sizeOf(expected)
    return ready
  }

  /** Lends a ciphertext, until as many others have been lent as a runner holds. @throws MissingPartError */
  async lend(key: string, expected: ExpectedCiphertext): Promise<EvaluatorCiphertext> {
    const ready = this.#ready.get(key)
    if (ready !== undefined) return ready
    const loaded = this.#load(await this.#parts.get(key), expected)
    this.#lent.push(loaded)
    while (this.#lent.length > WEIGHTS_HELD) this.#lent.shift()!.dispose()
    return loaded
  }

  async delete(key: string): Promise<void> {
    const ready = this.#ready.get(key)
    if (ready === undefined) return await this.#parts.delete(key)
    this.#ready.delete(key)
    this.#bytes -= this.#sizeOf(ready)
    ready.dispose()
  }

  /** What is in memory; the part store is cleared by its owner. */
  dispose(): void {
    for (const ciphertext of [...this.#ready.values(), ...this.#lent]) ciphertext.dispose()
    this.#ready.clear()
    this.#lent.length = 0
    this.#bytes = 0
  }

  #sizeOf({ level }: { level: number }): number {
    return 2 * polynomialBytes(level, this.#session.context.parameters.N)
  }

  #load(bytes: Uint8Array, expected: ExpectedCiphertext): EvaluatorCiphertext {
    using ciphertext = this.#read(bytes, expected)
    return this.#evaluator.load(ciphertext)
  }

  #read(bytes: Uint8Array, { level, scale, seeded = false }: ExpectedCiphertext): Ciphertext {
    const { context } = this.#session
    return seeded ? deserializeSeeded(context, bytes, { level, scale }) : deserializeCiphertext(context, bytes, { level, degree: 1, scale })
  }
}
