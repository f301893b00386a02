/**
 * A module that uses no atomic instruction differs from its shared-memory build in one bit: the `shared` flag of its memory import's limits.
 * Setting it saves compiling, and carrying, everything twice.
 */

const IMPORT_SECTION = 2
const MEMORY = 2
const FUNCTION = 0
const GLOBAL = 3

/** @param binary a module importing one memory with a maximum @returns the same module importing shared memory @throws Error for any other module */
export function withSharedMemory(binary: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const output = Uint8Array.from(binary)
  let at = 8
  const unsigned = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = output[at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const skipName = (): void => {
    const length = unsigned()
    at += length
  }
  while (at < output.length) {
    const section = output[at++]
    const size = unsigned()
    const next = at + size
    if (section === IMPORT_SECTION) {
      for (let count = unsigned(); count > 0; count--) {
        skipName()
        skipName()
        const kind = output[at++]
        if (kind === MEMORY) {
          if (output[at] !== 1) throw new Error('the memory import must have a maximum and not be shared yet')
          output[at] = 3
          return output
        }
        if (kind === FUNCTION) unsigned()
        else if (kind === GLOBAL) at += 2
        else throw new Error(`unexpected import kind ${kind}`)
      }
    }
    at = next
  }
  throw new Error('the module imports no memory')
}
