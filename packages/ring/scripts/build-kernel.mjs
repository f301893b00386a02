/**
 * Builds the WebAssembly kernel into build/: three variants of one AssemblyScript source, each for ordinary and for shared memory.
 *
 *   simd          relaxed SIMD with fused multiply-add
 *   revectorised  the same, both halves of a group side by side for V8's 256-bit revectorisation
 *   fallback      SIMD with 64-bit integer products, where multiply-add is missing or not fused
 *
 * Does nothing when build/kernel.hash says that the sources have not changed.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { withSharedMemory } from '../src/kernel/platform/shared-memory.ts'
import { generateAccumulate } from './accumulate-generator.mjs'
import { checkBounds } from './bounds.mjs'
import { generateBursts } from './burst-generator.mjs'
import { generateChaCha } from './chacha-generator.mjs'
import { embed } from './embed.mjs'
import { generateTransform } from './transform-generator.mjs'

const here = new URL('.', import.meta.url)
const assembly = new URL('../assembly/', here)
const build = new URL('../build/', here)

const VARIANTS = {
  simd: { fused: true, paired: false },
  revectorised: { fused: true, paired: true },
  fallback: { fused: false, paired: false }
}

async function contentHash() {
  const hash = createHash('sha256')
  for (const folder of [here, assembly]) {
    for (const name of (await readdir(folder)).sort()) hash.update(name).update(await readFile(new URL(name, folder)))
  }
  hash.update(await readFile(new URL('../src/kernel/platform/shared-memory.ts', here)))
  hash.update(await readFile(new URL(import.meta.resolve('assemblyscript/package.json'))))
  return hash.digest('hex')
}

async function readText(url) {
  return readFile(url, 'utf8').catch(() => null)
}

/** Never leaves half a file where a running test may read it. */
async function replaceFile(name, contents) {
  const temporary = new URL(`${name}.${process.pid}`, build)
  await writeFile(temporary, contents)
  await rename(temporary, new URL(name, build))
}

async function compile(asc, name, options) {
  const generated = new Map([
    ['variant.ts', `export const FUSED: bool = ${options.fused}\n`],
    ['transform.ts', generateTransform(options)],
    ['accumulate.ts', generateAccumulate(options)],
    ['burst.ts', generateBursts()],
    ['chacha.ts', generateChaCha(options)]
  ])
  const outputs = new Map()
  const features = options.fused ? ['--enable', 'simd', '--enable', 'relaxed-simd'] : ['--enable', 'simd']
  const { error, stderr } = await asc.main(
    // biome-ignore format: one option per line reads worse
    ['index.ts', '--outFile', 'kernel.wasm', '-O3', '--noAssert', '--runtime', 'stub', ...features,
     '--importMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
    {
      readFile: file => generated.get(file) ?? readText(new URL(file, assembly)),
      writeFile: (file, contents) => void outputs.set(file, contents),
      listFiles: () => []
    }
  )
  if (error) throw new Error(`kernel variant ${name}: ${error.message}\n${stderr.toString()}`)
  const binary = outputs.get('kernel.wasm')
  await replaceFile(`kernel-${name}.wasm`, binary)
  await replaceFile(`kernel-${name}-shared.wasm`, withSharedMemory(binary))
  return binary.length
}

const hash = await contentHash()
const hashFile = new URL('kernel.hash', build)
const complete =
  (await readdir(build).catch(() => [])).filter(name => /^kernel-\w+(-shared)?\.wasm$/.test(name)).length ===
  2 * Object.keys(VARIANTS).length
if (complete && (await readText(hashFile)) === hash) {
  console.log('kernel: up to date')
} else {
  const started = performance.now()
  await mkdir(build, { recursive: true })
  const { default: asc } = await import('assemblyscript/asc')
  for (const [name, options] of Object.entries(VARIANTS)) {
    checkBounds(options)
    console.log(`kernel: ${name}, ${await compile(asc, name, options)} bytes`)
  }
  await replaceFile('kernel.hash', hash)
  console.log(`kernel: built into ${fileURLToPath(build)} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

await embed(build, Object.keys(VARIANTS))
