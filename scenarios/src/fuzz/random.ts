/** Randomness that a seed, a parser and a number give again: what one message was mutated by does not depend on any other. */
import { createCipheriv, createHash } from 'node:crypto'

const BLOCK = Buffer.alloc(1024)
const IV = Buffer.alloc(16)

export class Keystream {
  readonly #cipher: ReturnType<typeof createCipheriv>
  #block: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(...labels: readonly (string | number)[]) {
    const key = createHash('sha256').update(JSON.stringify(labels)).digest()
    this.#cipher = createCipheriv('aes-256-ctr', key, IV)
  }

  byte(): number {
    if (this.#at === this.#block.length) {
      this.#block = this.#cipher.update(BLOCK)
      this.#at = 0
    }
    return this.#block[this.#at++]!
  }

  word(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0
  }

  /** A whole number from 0 and below `limit`, which is at most 2^32; the bias of 2^-32·limit matters to no test. */
  below(limit: number): number {
    return limit <= 1 ? 0 : Math.floor((this.word() / 2 ** 32) * limit)
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.word() / 2 ** 32 < probability
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.byte())
  }
}
