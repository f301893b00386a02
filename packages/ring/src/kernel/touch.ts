/**
 * Memory that a kernel is going to need, asked of the system in advance: a system gives a process the pages of its memory when they are first written, and zeroes them then,
 * which takes from a quarter of a second to a whole one for every GiB.
 */
import { OutOfMemoryError } from '../errors.js'
import type { Kernel } from './kernel.js'

/** Written in one go: some milliseconds. */
const SLICE_BYTES = 2 ** 23
/** The smallest pages there are. */
const PAGE_BYTES = 4096

/**
 * Grows the memory until so many bytes more could be allocated, and writes to all pages of them, a slice between two turns of the generator; nothing is allocated afterwards.
 * Where there is no such room, nothing happens.
 */
export function* touchMemory(kernel: Kernel, bytes: number): Generator<void, void, void> {
  if (bytes <= 0 || bytes > kernel.bytesFree) return
  const address = allocated(kernel, bytes)
  if (address === undefined) return
  try {
    for (let from = 0; from < bytes; from += SLICE_BYTES) {
      // made anew: memory may have grown meanwhile
      const memory = kernel.bytes
      const end = address + Math.min(bytes, from + SLICE_BYTES)
      for (let at = address + from; at < end; at += PAGE_BYTES) memory[at] = 0
      yield
    }
  } finally {
    kernel.arena.release(address)
  }
}

function allocated(kernel: Kernel, bytes: number): number | undefined {
  try {
    return kernel.arena.allocate(bytes)
  } catch (error) {
    if (error instanceof OutOfMemoryError) return undefined
    throw error
  }
}
