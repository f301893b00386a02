/**
 * How many shares of a session the ledger knows at least, kept beside the session's secrets, so that a ledger that was rolled back is found out.
 *
 *   slot   = counter (8 bytes, little endian) ‖ HMAC-SHA-256(key, label ‖ session ‖ ledger's identity ‖ counter)
 *   file   = two slots, written in turn: a process killed while it writes one leaves the other
 *
 * The mark follows the ledger, so after a crash the ledger may be ahead of it and never behind.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { SECRET_MODE } from './atomic-file.js'

const COUNTER_BYTES = 8
const SLOT_BYTES = COUNTER_BYTES + 32

export interface MarkOwner {
  readonly key: Uint8Array
  /** Hexadecimal. */
  readonly session: string
  /** Identity of the ledger, hexadecimal. */
  readonly ledger: string
}

export class LedgerMark implements Disposable {
  private constructor(
    private readonly file: number,
    private readonly owner: MarkOwner
  ) {}

  /** A mark at zero; replaces a file that is there. */
  static create(path: string, owner: MarkOwner): LedgerMark {
    const mark = new LedgerMark(openSync(path, 'w+', SECRET_MODE), owner)
    mark.advance(0)
    return mark
  }

  /** The mark as it was left, or undefined when what is there was not written by its owner. */
  static open(path: string, owner: MarkOwner): { readonly mark: LedgerMark; readonly counter: number } | undefined {
    let file: number
    try {
      file = openSync(path, 'r+')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const mark = new LedgerMark(file, owner)
    const counters = [0, 1].map(slot => mark.#read(slot)).filter(counter => counter !== undefined)
    if (counters.length > 0) return { mark, counter: Math.max(...counters) }
    mark.dispose()
    return undefined
  }

  /** Durable before it returns. */
  advance(counter: number): void {
    const bytes = encoded(counter)
    const slot = Buffer.concat([bytes, this.#authenticate(bytes)])
    writeSync(this.file, slot, 0, SLOT_BYTES, (counter % 2) * SLOT_BYTES)
    fdatasyncSync(this.file)
  }

  dispose(): void {
    closeSync(this.file)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #read(slot: number): number | undefined {
    const bytes = Buffer.alloc(SLOT_BYTES)
    if (readSync(this.file, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES) !== SLOT_BYTES) return undefined
    const written = bytes.subarray(0, COUNTER_BYTES)
    // Over the bytes as they are: what somebody else wrote there may be no number at all.
    return timingSafeEqual(bytes.subarray(COUNTER_BYTES), this.#authenticate(written)) ? Number(written.readBigUInt64LE(0)) : undefined
  }

  #authenticate(counter: Buffer): Buffer {
    const { key, session, ledger } = this.owner
    return createHmac('sha256', key)
      .update(JSON.stringify(['slytherin ledger mark', session, ledger]))
      .update(counter)
      .digest()
  }
}

function encoded(counter: number): Buffer {
  const bytes = Buffer.alloc(COUNTER_BYTES)
  bytes.writeBigUInt64LE(BigInt(counter))
  return bytes
}
