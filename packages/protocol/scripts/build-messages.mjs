/**
 * Generates src/generated/messages.ts from src/wire/messages.proto with protons; does nothing when the output is up to date.
 *
 * The output names what it was made from in its first line: the hash of the schema and of this script.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const schema = join(here, '../src/wire/messages.proto')
const folder = join(here, '../src/generated')
const output = join(folder, 'messages.ts')

const fingerprint = createHash('sha256')
  .update(await readFile(schema))
  .update(await readFile(fileURLToPath(import.meta.url)))
  .digest('hex')
const header = `// Generated from messages.proto, do not edit. ${fingerprint}\n`

const current = await readFile(output, 'utf8').catch(() => '')
if (!current.startsWith(header)) {
  const { generate } = await import('protons')
  const scratch = join(folder, `scratch-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  try {
    await generate(schema, { output: scratch, strict: true })
    let code = await readFile(join(scratch, 'messages.ts'), 'utf8')
    // The one thing the generated code takes from uint8arrays is an empty array.
    code = code.replace(/^import \{ alloc as uint8ArrayAlloc \} from 'uint8arrays\/alloc'\n/m, '')
    code = code.replaceAll('uint8ArrayAlloc(0)', 'new Uint8Array(0)')
    await writeFile(join(scratch, 'messages.ts'), header + code)
    await rename(join(scratch, 'messages.ts'), output)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
