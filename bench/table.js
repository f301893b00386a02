/** Turns the JSON of `npm run bench -- --json FILE` into a Markdown table: `node bench/table.js FILE`. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const digits = figure =>
  figure < 0.1 ? figure.toFixed(4) : figure < 1 ? figure.toFixed(3) : figure < 10 ? figure.toFixed(2) : figure.toFixed(0)

const threadsOf = rows => {
  const counts = [...new Set(rows.map(row => row.threads))]
  return counts.length === 1 && counts[0] === 1 ? 'one thread' : `${counts.join(' or ')} threads (node-seal: one)`
}

/**
 * One line per operation, one column per shape: kernel milliseconds, and in brackets how many times faster than node-seal.
 *
 * @param {{ machine: { cpu: string, cores: number }, versions: Record<string, string>, rows: import('./main.js').Result[] }} report
 */
export function markdownTable({ machine, versions, rows }) {
  const shapeOf = row => `2^${row.logN}, ${row.primes}+${row.specialPrimes}`
  const shapes = [...new Set(rows.map(shapeOf))]
  const operations = [...new Map(rows.map(row => [row.operation, row.title])).entries()]
  const cell = (operation, shape) => {
    const row = rows.find(candidate => candidate.operation === operation && shapeOf(candidate) === shape)
    if (!row) return ''
    return row.ratio === null ? digits(row.kernelMs) : `${digits(row.kernelMs)} (${row.ratio.toFixed(1)}×)`
  }
  const line = cells => `| ${cells.join(' | ')} |`
  return [
    line(['ms (times faster than node-seal)', ...shapes.map(shape => `N = ${shape} primes`)]),
    line(['---', ...shapes.map(() => '---:')]),
    ...operations.map(([operation, title]) => line([title, ...shapes.map(shape => cell(operation, shape))])),
    '',
    `Best of many warm runs on ${threadsOf(rows)}; ${machine.cpu}, Node ${versions.node}, kernel \`${versions.kernel}\`, node-seal ${versions['node-seal']}` +
      `${shapes.some(shape => !shape.endsWith('+1')) ? ' (which knows one special prime: columns with two compare with its one)' : ''}.`
  ].join('\n')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = process.argv[2]
  if (file === undefined) {
    console.error('Usage: node bench/table.js FILE')
    process.exitCode = 1
  } else console.log(markdownTable(JSON.parse(readFileSync(file, 'utf8'))))
}
