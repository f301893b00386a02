/**
 * Builds what deploy/Containerfile builds, without a container: its COPY and RUN steps, in a directory, from the files that git knows less those of .dockerignore. RUN
 * steps of the last stage make users and files of a system, and are left out.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, matchesGlob } from 'node:path'
import { promisify } from 'node:util'
import { DockerfileParser } from 'dockerfile-ast'

const run = promisify(execFile)

/** @returns {Promise<{ keyword: string, words: string[], flags: Record<string, string> }[][]>} instructions by stage, FROM first */
export async function stagesOf(file) {
  const stages = []
  for (const instruction of DockerfileParser.parse(await readFile(file, 'utf8')).getInstructions()) {
    const keyword = instruction.getKeyword()
    const flags = Object.fromEntries((instruction.getFlags?.() ?? []).map(flag => [flag.getName(), flag.getValue()]))
    const words = instruction.getArguments().map(argument => argument.getValue())
    const text = instruction.getArgumentsContent() ?? ''
    const entry = { keyword, words, flags, text }
    if (keyword === 'FROM') stages.push([entry])
    else stages.at(-1)?.push(entry)
  }
  return stages
}

/** Files of the build's context: those that git knows, less what .dockerignore leaves out. */
export async function contextFiles(root) {
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, maxBuffer: 2 ** 26 })
  const ignored = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const leftOut = path => {
    const parts = path.split('/')
    const ways = parts.map((_, k) => parts.slice(0, k + 1).join('/'))
    return ignored.some(pattern => ways.some(way => matchesGlob(way, pattern)))
  }
  return stdout.split('\0').filter(path => path !== '' && !leftOut(path))
}

/** What a COPY of the context brings, by place in the image. */
export function copied(files, words) {
  const [sources, target] = [words.slice(0, -1), words.at(-1)]
  const pairs = []
  for (const source of sources) {
    if (files.includes(source))
      pairs.push([source, target.endsWith('/') || target === '.' || target === './' ? join(target, basename(source)) : target])
    for (const file of files) if (file.startsWith(`${source}/`)) pairs.push([file, join(target, file.slice(source.length + 1))])
  }
  return pairs
}

/**
 * @param root repository
 * @param to   directory in which `<stage>/` is the file system of each stage
 * @returns where the last stage lies
 */
export async function buildImage(root, to, tell = () => {}) {
  const files = await contextFiles(root)
  const stages = await stagesOf(join(root, 'deploy', 'Containerfile'))
  const places = new Map()
  let place = ''
  for (const [from, ...steps] of stages) {
    place = join(to, from.words[2] ?? 'image')
    places.set(from.words[2], place)
    await mkdir(place, { recursive: true })
    const last = from === stages.at(-1)[0]
    let directory = '/'
    for (const { keyword, words, flags, text } of steps) {
      if (keyword === 'WORKDIR') {
        directory = words[0]
        await mkdir(join(place, directory), { recursive: true })
      } else if (keyword === 'COPY') {
        const inPlace = path => join(place, path.startsWith('/') ? path : join(directory, path))
        if (flags.from !== undefined)
          await cp(join(places.get(flags.from), words[0]), inPlace(words[1]), { recursive: true, verbatimSymlinks: true })
        else {
          for (const [source, target] of copied(files, words)) {
            await mkdir(dirname(inPlace(target)), { recursive: true })
            await cp(join(root, source), inPlace(target))
          }
        }
      } else if (keyword === 'RUN' && !last) {
        tell(text.slice(0, 120))
        await run('sh', ['-ec', text], { cwd: join(place, directory), maxBuffer: 2 ** 26 })
      }
    }
  }
  await stat(place)
  return place
}
