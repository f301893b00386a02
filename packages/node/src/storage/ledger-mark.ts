/**
 * What the ledger knows of a session at least, kept beside the session's secrets, so that a ledger that was rolled back, or has other rows than were written, is found out.
 *
 *   content = counter (8 bytes, little endian), Σ HMAC-SHA-256(key, label ‖ session ‖ protocol ‖ instance ‖ input hash) modulo 2^256 over all rows
 *   slot    = counter ‖ HMAC-SHA-256(key, label ‖ session ‖ ledger's identity ‖ counter) ‖ HMAC-SHA-256(key, label ‖ session ‖ ledger's identity ‖ content)
 *   file    = two slots, written in turn: a process killed while it writes one leaves the other
 *
 * The sum is of a set, for rows have no order, and it is not in the file: who does not have the key learns no summand, and makes no other rows of the same sum. The mark
 * follows the ledger, so after a crash the ledger may be ahead of it by the one row that was being written, and is never behind.
 */
import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import type { ShareLedgerEntry } from '@slytherin/mhe'
import { SECRET_MODE } from './atomic-file.js'

const COUNTER_BYTES = 8
const TAG_BYTES = 32
const SLOT_BYTES = COUNTER_BYTES + 2 * TAG_BYTES
const SUM_MODULUS = 1n << 256n

/** What is recorded: how many rows, and the sum of what stands for each. */
export interface LedgerContent {
  readonly count: number
  readonly sum: bigint
}

export const NOTHING_RECORDED: LedgerContent = { count: 0, sum: 0n }

export interface MarkOwner {
  readonly key: Uint8Array
  /** Hexadecimal. */
  readonly session: string
  /** Identity of the ledger, hexadecimal. */
  readonly ledger: string
}

interface Slot {
  readonly counter: number
  readonly content: Buffer
}

export class LedgerMark implements Disposable {
  private constructor(
    private readonly file: number,
    private readonly owner: MarkOwner
  ) {}

  /** A mark of nothing; replaces a file that is there. */
  static create(path: string, owner: MarkOwner): LedgerMark {
    const mark = new LedgerMark(openSync(path, 'w+', SECRET_MODE), owner)
    mark.advance(NOTHING_RECORDED)
    return mark
  }

  /**
   * @param recorded rows of the ledger, each time anew
   * @returns the mark, where these are the rows that it was left at or one more; otherwise what is wrong
   */
  static open(path: string, owner: MarkOwner, recorded: () => Iterable<ShareLedgerEntry>): LedgerMark | string {
    let file: number
    try {
      file = openSync(path, 'r+')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'its mark is gone'
      throw error
    }
    const mark = new LedgerMark(file, owner)
    const problem = mark.#problem(recorded)
    if (problem === undefined) return mark
    mark.dispose()
    return problem
  }

  /** These rows and no others. */
  contentOf(rows: Iterable<ShareLedgerEntry>): LedgerContent {
    let content = NOTHING_RECORDED
    for (const row of rows) content = this.with(content, row)
    return content
  }

  /** One row more. */
  with({ count, sum }: LedgerContent, row: ShareLedgerEntry): LedgerContent {
    return { count: count + 1, sum: (sum + this.#valueOf(row)) % SUM_MODULUS }
  }

  /** Durable before it returns. */
  advance(content: LedgerContent): void {
    const counter = encoded(content.count)
    const slot = Buffer.concat([counter, this.#authenticate(counter), this.#authenticateContent(content)])
    writeSync(this.file, slot, 0, SLOT_BYTES, (content.count % 2) * SLOT_BYTES)
    fdatasyncSync(this.file)
  }

  dispose(): void {
    closeSync(this.file)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #problem(recorded: () => Iterable<ShareLedgerEntry>): string | undefined {
    const slots = [0, 1].map(slot => this.#read(slot)).filter(slot => slot !== undefined)
    if (slots.length === 0) return 'its mark was not written by this party'
    const latest = slots.reduce((a, b) => (a.counter > b.counter ? a : b))
    const known = this.contentOf(recorded())
    if (known.count < latest.counter) return `it knows ${known.count} shares, and ${latest.counter} were given`
    if (known.count > latest.counter + 1) return `it knows ${known.count} shares, where ${latest.counter} were given`
    if (known.count === latest.counter) return this.#isOf(latest, known) ? undefined : OTHER_ROWS
    for (const row of recorded()) {
      const before = { count: latest.counter, sum: (known.sum - this.#valueOf(row) + SUM_MODULUS) % SUM_MODULUS }
      if (this.#isOf(latest, before)) return undefined
    }
    return OTHER_ROWS
  }

  #isOf({ content }: Slot, known: LedgerContent): boolean {
    return timingSafeEqual(content, this.#authenticateContent(known))
  }

  #read(slot: number): Slot | undefined {
    const bytes = Buffer.alloc(SLOT_BYTES)
    if (readSync(this.file, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES) !== SLOT_BYTES) return undefined
    const counter = bytes.subarray(0, COUNTER_BYTES)
    // Over the bytes as they are: what somebody else wrote there may be no number at all.
    if (!timingSafeEqual(bytes.subarray(COUNTER_BYTES, COUNTER_BYTES + TAG_BYTES), this.#authenticate(counter))) return undefined
    return { counter: Number(counter.readBigUInt64LE(0)), content: bytes.subarray(COUNTER_BYTES + TAG_BYTES) }
  }

  #authenticate(counter: Buffer): Buffer {
    return this.#hmac('slytherin ledger mark').update(counter).digest()
  }

  #authenticateContent({ count, sum }: LedgerContent): Buffer {
    return this.#hmac('slytherin ledger content').update(encoded(count)).update(sum.toString(16).padStart(64, '0')).digest()
  }

  #hmac(label: string): Hmac {
    const { key, session, ledger } = this.owner
    return createHmac('sha256', key).update(JSON.stringify([label, session, ledger]))
  }

  #valueOf({ session, protocol, instance, inputHash }: ShareLedgerEntry): bigint {
    const row = JSON.stringify(['slytherin ledger row', session, protocol, instance, inputHash])
    return BigInt(`0x${createHmac('sha256', this.owner.key).update(row).digest('hex')}`)
  }
}

const OTHER_ROWS = 'of the shares that it knows, not all are what was given'

function encoded(counter: number): Buffer {
  const bytes = Buffer.alloc(COUNTER_BYTES)
  bytes.writeBigUInt64LE(BigInt(counter))
  return bytes
}
