/**
 * The allocator of a kernel's memory: best fit in size classes, neighbouring free blocks joined, so that any sequence of allocations and
 * releases of a bounded live set keeps memory bounded.
 *
 * Addresses are byte offsets up to 4 GiB (kept as non-negative numbers), aligned to 64 bytes.
 */

import { OutOfMemoryError } from '../errors.js'

export const ALIGNMENT = 64
const PAGE = 65536
/** Memory grows by at least this much at a time. */
const GROWTH_BYTES = 4 << 20

interface Block {
  start: number
  size: number
  free: boolean
  previous: Block | undefined
  next: Block | undefined
}

/** Four classes per power of two. */
const classOf = (size: number): number => {
  const exponent = 31 - Math.clz32(size / ALIGNMENT)
  return exponent * 4 + Math.floor((size / ALIGNMENT / 2 ** exponent - 1) * 4)
}

export class Arena {
  #bytesInUse = 0
  readonly #blocks = new Map<number, Block>()
  readonly #classes: Set<Block>[] = Array.from({ length: 27 * 4 }, () => new Set<Block>())
  #last: Block | undefined
  #end: number

  /**
   * @param base first byte that may be given out
   * @param maximumBytes the memory is never grown beyond this
   */
  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly base: number,
    private readonly maximumBytes: number
  ) {
    this.#end = Math.ceil(base / ALIGNMENT) * ALIGNMENT
    const available = Math.floor((memory.buffer.byteLength - this.#end) / ALIGNMENT) * ALIGNMENT
    if (available > 0) this.#append(available)
  }

  /** Bytes given out and not released. */
  get bytesInUse(): number {
    return this.#bytesInUse
  }

  /** Bytes that may still be given out, the memory grown to its limit. */
  get bytesFree(): number {
    return this.maximumBytes - this.base - this.#bytesInUse
  }

  /** @returns the address of `bytes` bytes of unspecified content @throws OutOfMemoryError */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)
    const block = this.#find(size) ?? this.#grow(size)
    this.#classes[classOf(block.size)]!.delete(block)
    block.free = false
    if (block.size > size) {
      const rest: Block = { start: block.start + size, size: block.size - size, free: true, previous: block, next: block.next }
      if (rest.next) rest.next.previous = rest
      else this.#last = rest
      block.next = rest
      block.size = size
      this.#classes[classOf(rest.size)]!.add(rest)
    }
    this.#blocks.set(block.start, block)
    this.#bytesInUse += size
    return block.start
  }

  /** Releases what `allocate` gave. */
  release(address: number): void {
    let block = this.#blocks.get(address)
    if (!block) throw new RangeError(`no allocation at address ${address}`)
    this.#blocks.delete(address)
    this.#bytesInUse -= block.size
    block.free = true
    const { previous, next } = block
    if (next?.free) this.#join(block, next)
    if (previous?.free) {
      this.#join(previous, block)
      block = previous
    }
    this.#classes[classOf(block.size)]!.add(block)
  }

  /** Appends `second` to `first`; both leave their classes. */
  #join(first: Block, second: Block): void {
    this.#classes[classOf(first.size)]!.delete(first)
    this.#classes[classOf(second.size)]!.delete(second)
    first.size += second.size
    first.next = second.next
    if (second.next) second.next.previous = first
    else this.#last = first
  }

  #find(size: number): Block | undefined {
    const own = classOf(size)
    let best: Block | undefined
    for (const block of this.#classes[own]!) {
      if (block.size === size) return block
      if (block.size > size && (!best || block.size < best.size)) best = block
    }
    for (let k = own + 1; !best && k < this.#classes.length; k++) {
      for (const block of this.#classes[k]!) {
        best = block
        break
      }
    }
    return best
  }

  #append(bytes: number): Block {
    const last = this.#last
    if (last?.free) {
      this.#classes[classOf(last.size)]!.delete(last)
      last.size += bytes
      this.#end += bytes
      this.#classes[classOf(last.size)]!.add(last)
      return last
    }
    const block: Block = { start: this.#end, size: bytes, free: true, previous: last, next: undefined }
    if (last) last.next = block
    this.#last = block
    this.#end += bytes
    this.#classes[classOf(bytes)]!.add(block)
    return block
  }

  #grow(size: number): Block {
    const have = this.#last?.free ? this.#last.size : 0
    const current = this.memory.buffer.byteLength
    const needed = Math.ceil((this.#end + size - have - current) / PAGE)
    // A quarter more than now, to grow rarely; only what is needed when that does not fit.
    const wished = Math.max(needed, Math.ceil(Math.max(GROWTH_BYTES, current / 4) / PAGE))
    const room = Math.floor((this.maximumBytes - current) / PAGE)
    for (const pages of [Math.min(wished, room), needed]) {
      if (pages < needed || pages > room) continue
      try {
        this.memory.grow(pages)
      } catch {
        continue
      }
      const available = Math.floor((this.memory.buffer.byteLength - this.#end) / ALIGNMENT) * ALIGNMENT
      return this.#append(available)
    }
    throw new OutOfMemoryError(size, this.#bytesInUse, this.maximumBytes)
  }
}
