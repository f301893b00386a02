/** Byte strings one after the other, while the next ones are on their way. */

/** @param ahead how many are asked for before they are wanted @throws what `read` throws, when its item's turn comes */
export async function* readAhead<T>(
  items: Iterable<T>,
  read: (item: T) => Promise<Uint8Array>,
  ahead: number
): AsyncGenerator<readonly [T, Uint8Array]> {
  const coming: { readonly item: T; readonly bytes: Promise<Uint8Array> }[] = []
  for (const item of items) {
    const bytes = read(item)
    bytes.catch(() => undefined)
    coming.push({ item, bytes })
    if (coming.length <= ahead) continue
    const first = coming.shift()!
    yield [first.item, await first.bytes]
  }
  for (const { item, bytes } of coming) yield [item, await bytes]
}
