/** Packs every package that is published. */
import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.mjs'

/** @returns name, file in `destination`, bytes and number of files of each */
export async function packAll(root, destination) {
  const folders = []
  for (const name of await readdir(join(root, 'packages'))) {
    const folder = join(root, 'packages', name)
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    if (manifest.private === true) continue
    for (const field of ['description', 'license', 'engines', 'exports', 'files', 'sideEffects']) {
      if (manifest[field] === undefined) throw new Error(`${manifest.name} has no ${field} in its package.json`)
    }
    for (const file of ['README.md', 'LICENSE']) if (!existsSync(join(folder, file))) throw new Error(`${manifest.name} has no ${file}`)
    await removeStale(folder)
    folders.push(folder)
  }
  const workspaces = folders.flatMap(folder => ['-w', folder])
  const report = JSON.parse(await run('npm', ['pack', '--json', '--pack-destination', destination, ...workspaces], root))
  return Object.values(report).map(({ name, filename, size, entryCount }) => ({ name, file: filename, bytes: size, files: entryCount }))
}

/** The compiler leaves what it made of files that are gone. */
async function removeStale(folder) {
  const dist = join(folder, 'dist')
  for (const name of await readdir(dist, { recursive: true })) {
    const source = name.replace(/\.(d\.ts|js)(\.map)?$/, '')
    if (source !== name && !existsSync(join(folder, 'src', `${source}.ts`))) await rm(join(dist, name))
  }
}
