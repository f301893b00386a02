/** Commands in the documentation are commands: each `slytherin …` of the pages exists with the options that stand behind it, and each `npm run …` is a script. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../src/index.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const pages = [
  ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'scenarios/README.md', 'deploy/README.md'],
  ...['docs', 'docs/guide'].flatMap(folder => readdirSync(join(root, folder)).map(name => `${folder}/${name}`)),
  ...readdirSync(join(root, 'packages')).map(name => `packages/${name}/README.md`)
].filter(name => name.endsWith('.md'))

interface Written {
  readonly page: string
  /** As it stands there, without what is said about it. */
  readonly text: string
}

/** Lines of fenced code, lines that continue others joined, and what stands between backticks. */
function code(page: string): Written[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll('\\|', '|')
  const fences = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(match => match[1]!.replaceAll(/\\\n\s*/g, ' ').split('\n'))
  const spans = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(match => match[1]!)
  return [...fences, ...spans].map(line => ({ page, text: line.replace(/\s#.*$/, '').trim() }))
}

const written = pages.flatMap(code)

const QUERIES: ReadonlySet<string> = new Set(['ask', 'status', 'cancel', 'fetch'])

/** Command, subcommand and options of a line; none for a line that runs nothing. */
function parsed(text: string): { command: string[]; options: string[] } | undefined {
  const match = /^(?:npx )?slytherin ((?:[a-z]+ ?){1,2})(.*)$/.exec(text)
  if (match === null) return undefined
  const [name = '', next = ''] = match[1]!.trim().split(' ')
  // A model stands where others have a subcommand.
  const command = name === 'query' && !QUERIES.has(next) ? ['query', 'ask'] : [name, next].filter(word => word !== '')
  return { command, options: [...match[2]!.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option) }
}

async function help(command: readonly string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const keep = (part: string): void => {
    text += part
  }
  const code = await runProgram([...command, '--help'], { out: keep, err: keep, terminal: false })
  return { code, text }
}

describe('documented commands', () => {
  const commands = written.flatMap(({ page, text }) => {
    const line = parsed(text)
    return line === undefined ? [] : [{ page, text, ...line }]
  })

  it('are found in the pages', () => {
    expect(commands.length).toBeGreaterThan(60)
  })

  it.each(commands)('$page: $text', async ({ command, options }) => {
    const { code, text } = await help(command)
    expect(code, text).toBe(0)
    const usage = /^Usage: slytherin(.*)$/m.exec(text)?.[1] ?? ''
    expect(usage.trim().split(' ')[0]).toBe(command[0])
    const known = new Set([...text.matchAll(/--[a-z][a-z-]*/g)].map(([option]) => option))
    expect(options.filter(option => !known.has(option))).toEqual([])
  })

  it('run scripts that there are', () => {
    const scriptsOf = (folder: string): object =>
      (JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as { scripts?: object }).scripts ?? {}
    const known = (page: string): object => ({ ...scriptsOf('.'), ...(page.startsWith('packages/') ? scriptsOf(dirname(page)) : {}) })
    const named = written.flatMap(({ page, text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map(match => ({ page, script: match[1]! })))
    expect(named.length).toBeGreaterThan(30)
    expect(named.filter(({ page, script }) => !(script in known(page)))).toEqual([])
  })
})
