/**
 * `npm run test:packages`: every package as it would be published, installed from its tarball into a project of its own, type-checked there and run there. The tarballs stay
 * when a folder is named: `npm run test:packages -- --keep tarballs`.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packAll } from './pack.mjs'
import { run } from './run.mjs'

const LARGEST_TOTAL = 25e6
const root = fileURLToPath(new URL('../../', import.meta.url))
const keep = process.argv.indexOf('--keep')
const started = performance.now()

const folder = await mkdtemp(join(tmpdir(), 'slytherin-packages-'))
try {
  const tarballs = await packAll(root, folder)
  const total = tarballs.reduce((sum, { bytes }) => sum + bytes, 0)
  for (const { name, bytes, files } of tarballs)
    console.log(`${name.padEnd(20)} ${(bytes / 1e6).toFixed(2).padStart(6)} MB, ${files} files`)
  console.log(`${'all'.padEnd(20)} ${(total / 1e6).toFixed(2).padStart(6)} MB`)
  assert.ok(total <= LARGEST_TOTAL, `the tarballs have ${total} bytes, more than ${LARGEST_TOTAL}`)
  await useThem(folder, tarballs)
  if (keep > 0) {
    const kept = process.argv[keep + 1]
    await mkdir(kept, { recursive: true })
    for (const { file } of tarballs) await cp(join(folder, file), join(kept, file))
  }
  console.log(`packages install, have types and run: ${((performance.now() - started) / 1000).toFixed(0)} s`)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function useThem(where, tarballs) {
  const project = join(where, 'project')
  await cp(fileURLToPath(new URL('./project/', import.meta.url)), project, { recursive: true })
  const dependencies = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:../${file}`]))
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module', dependencies }, null, 2))
  // What they depend on is in npm's cache after `npm ci`.
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], project)
  await assert.rejects(stat(join(project, 'node_modules/node-seal')), 'node-seal is installed only by who asks for it')

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  // With no types but the language's and the browser's; then as Node resolves, and with Node's types, everything.
  await run(process.execPath, [tsc, '-p', 'browser.json'], project)
  await cp(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'), { recursive: true })
  await cp(join(root, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'), { recursive: true })
  await run(process.execPath, [tsc, '-p', 'node.json'], project)

  const model = join(root, 'models/onnx/breast-cancer-wdbc-mlp-square.onnx')
  const data = name => join(root, `models/data/breast-cancer-wdbc-${name}-x.npy`)
  console.log((await run(process.execPath, ['node.ts', model, data('train'), data('test')], project)).trim())
  const command = join(project, 'node_modules/.bin/slytherin')
  assert.match(await run(command, ['--version'], project), /^\d+\.\d+\.\d+/)
  const planned = ['plan', model, '--samples', data('train'), '--batch', '8', '--scenario', 'data']
  assert.match(await run(command, [...planned, '--reference-costs'], project), /128-bit security/)
  await assert.rejects(run(command, [...planned, '--evaluator', 'seal'], project), /needs node-seal/)
}
