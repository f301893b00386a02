/** Files of megabytes that nobody changes, in one piece: `readFile` takes half a megabyte at a time. */
import { open } from 'node:fs/promises'

/** A buffer of its own; it is overwritten as a whole, or cut to what was read. */
export const made = (length: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)

/** @param allocate makes the buffer @throws what opening and reading throw */
export async function readWhole(path: string, allocate = made): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const bytes = allocate(size)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.read(bytes, at, size - at, at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}
