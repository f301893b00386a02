/**
 * Gathers the pages of the site from where they stand in the repository, into `pages/`. Links between them become links of the site; links to other files of the repository become their
 * names, since the site is complete in itself; pictures come with it.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const pages = fileURLToPath(new URL('./pages/', import.meta.url))

/** Files that become pages, by their paths in the repository. */
export async function sources() {
  const found = new Map([
    ['README.md', 'overview.md'],
    ['SECURITY.md', 'security.md'],
    ['CONTRIBUTING.md', 'contributing.md'],
    ['scenarios/README.md', 'scenarios.md'],
    ['deploy/README.md', 'deploy.md'],
    ['clients/python/README.md', 'python.md']
  ])
  for (const name of await readdir(join(root, 'docs'))) if (name.endsWith('.md')) found.set(`docs/${name}`, name)
  for (const name of await readdir(join(root, 'docs/guide'))) if (name.endsWith('.md')) found.set(`docs/guide/${name}`, `guide/${name}`)
  for (const name of await readdir(join(root, 'packages'))) {
    const readme = `packages/${name}/README.md`
    if (existsSync(join(root, readme))) found.set(readme, `packages/${name}.md`)
  }
  return found
}

/** @param {Set<string>} pictures given those that the text shows, by their paths in the repository, which they keep @throws Error for a link to what is not in the repository */
export function withLinks(text, source, found, pictures) {
  let fenced = false
  const lines = text.split('\n').map(line => {
    if (line.startsWith('```')) fenced = !fenced
    return fenced
      ? line
      : line.replace(/(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g, (whole, image, label, target) =>
          linked(whole, image, label, target)
        )
  })
  return lines.join('\n')

  function linked(whole, image, label, target) {
    if (/^[a-z]+:/.test(target) || target.startsWith('#')) return whole
    const [path, anchor] = target.split('#')
    const file = posix.normalize(posix.join(posix.dirname(source), path)).replace(/\/$/, '')
    const page = found.get(file) ?? found.get(`${file}/README.md`)
    if (page !== undefined) return `${image}[${label}](/${page.replace(/(index)?\.md$/, '')}${anchor === undefined ? '' : `#${anchor}`})`
    if (!existsSync(join(root, file))) throw new Error(`${source}: a link to ${target}, which is not in the repository`)
    if (image === '') return label
    pictures.add(file)
    return `![${label}](/${file})`
  }
}

/** What VitePress would take for a template. */
const escaped = text =>
  text
    .split(/(^```[\s\S]*?^```|`[^`\n]+`)/m)
    .map((part, k) => (k % 2 === 1 ? part : part.replaceAll('{{', '&lbrace;&lbrace;')))
    .join('')

export async function preparePages() {
  await rm(pages, { recursive: true, force: true })
  const found = await sources()
  const pictures = new Set()
  for (const [source, page] of found) {
    const text = await readFile(join(root, source), 'utf8')
    await mkdir(dirname(join(pages, page)), { recursive: true })
    await writeFile(join(pages, page), escaped(withLinks(text, source, found, pictures)))
  }
  for (const picture of pictures) await cp(join(root, picture), join(pages, 'public', picture))
  return found.size
}
