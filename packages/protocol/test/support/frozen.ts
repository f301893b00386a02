import { readFile, writeFile } from 'node:fs/promises'

/**
 * Bytes that were written once and are held against what is written now, so that a change of format is seen before parties of two releases meet.
 *
 * A change that is meant: raise the version that the bytes carry (PROTOCOL_VERSION, the header of a share, the version of a descriptor), then write the
 * vectors anew with `RENEW_VECTORS=1 npx vitest run packages/protocol/test/frozen.test.ts` and read the difference before it is committed.
 */
export async function frozen<T>(name: string, now: () => T | Promise<T>): Promise<T> {
  const file = new URL(`../vectors/${name}.json`, import.meta.url)
  if (process.env['RENEW_VECTORS'] === '1') await writeFile(file, `${JSON.stringify(await now(), null, 2)}\n`)
  return JSON.parse(await readFile(file, 'utf8')) as T
}
