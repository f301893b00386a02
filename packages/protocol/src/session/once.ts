/** Answer once: one input per instance. The same request again gets the same answer, another one is refused. */
import { toHex } from '../base/digest.js'
import { ShareConflictError } from '../errors/errors.js'
import type { HandlerContext } from '../wire/connection.js'

export class Once {
  /** Hash of the input by instance. */
  readonly #inputs = new Map<string, string>()

  /** A new session begins. */
  reset(): void {
    this.#inputs.clear()
  }

  /**
   * Refuses a second input for an instance; remembers the first when its share was given, so that a damaged request can be repeated.
   * @param input hash of what the share is for
   * @param give is told whether this very input was answered before
   * @throws ShareConflictError, whatever `give` throws
   */
  async answer<T>(
    kind: string,
    instance: string,
    input: Uint8Array,
    context: HandlerContext,
    give: (again: boolean) => Promise<T>
  ): Promise<T> {
    const key = `${kind} ${instance}`
    const text = toHex(input)
    const check = (): boolean => {
      const known = this.#inputs.get(key)
      if (known === undefined) return false
      if (known === text) return true
      throw new ShareConflictError({
        peer: context.peer,
        kind,
        field: 'c1',
        reason: `instance ${instance} was used for another input`,
        remedy: 'Re-randomise the ciphertext and start a new instance.'
      })
    }
    const shares = await give(check())
    check()
    this.#inputs.set(key, text)
    return shares
  }
}
