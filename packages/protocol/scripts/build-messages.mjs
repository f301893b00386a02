/**
 * Generates src/generated/messages.ts and failure.ts from the schemas in src/wire with protons; does nothing when the output is up to date.
 *
 * The output names what it was made from in its first line: the hash of the schema and of this script.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const folder = join(here, '../src/generated')

for (const name of ['messages', 'failure']) await build(name)

async function build(name) {
  const schema = join(here, `../src/wire/${name}.proto`)
  const output = join(folder, `${name}.ts`)
  const fingerprint = createHash('sha256')
    .update(await readFile(schema))
    .update(await readFile(fileURLToPath(import.meta.url)))
    .digest('hex')
  const header = `// Generated from ${name}.proto, do not edit. ${fingerprint}\n`
  const current = await readFile(output, 'utf8').catch(() => '')
  if (current.startsWith(header)) return
  const { generate } = await import('protons')
  const scratch = join(folder, `scratch-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  try {
    await generate(schema, { output: scratch, strict: true })
    let code = await readFile(join(scratch, `${name}.ts`), 'utf8')
    // The one thing the generated code takes from uint8arrays is an empty array.
    code = code.replace(/^import \{ alloc as uint8ArrayAlloc \} from 'uint8arrays\/alloc'\n/m, '')
    code = code.replaceAll('uint8ArrayAlloc(0)', 'new Uint8Array(0)')
    await writeFile(join(scratch, `${name}.ts`), header + code)
    await rename(join(scratch, `${name}.ts`), output)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
