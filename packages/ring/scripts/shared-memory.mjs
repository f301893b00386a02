/**
 * A module that uses no atomic instruction differs from its shared-memory build in one bit: the `shared` flag of its memory import's limits.
 * Setting it saves compiling everything twice.
 */

/** @param {Uint8Array} binary a module importing one memory with a maximum @returns the same module importing shared memory */
export function withSharedMemory(binary) {
  const output = Uint8Array.from(binary)
  let at = 8
  const unsigned = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = output[at++]
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const skipName = () => {
    const length = unsigned()
    at += length
  }
  while (at < output.length) {
    const section = output[at++]
    const size = unsigned()
    const next = at + size
    if (section === 2) {
      for (let count = unsigned(); count > 0; count--) {
        skipName()
        skipName()
        const kind = output[at++]
        if (kind === 2) {
          if (output[at] !== 1) throw new Error('the memory import must have a maximum and not be shared yet')
          output[at] = 3
          return output
        }
        if (kind === 0) unsigned()
        else if (kind === 3) at += 2
        else throw new Error(`unexpected import kind ${kind}`)
      }
    }
    at = next
  }
  throw new Error('the module imports no memory')
}
