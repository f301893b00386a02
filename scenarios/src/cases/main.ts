/** `npm run cases [-- DIRECTORY] [--json FILE]`: ONNX files with samples and right outputs, imported, evaluated in the clear and planned. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command } from 'commander'
import { EXIT_FAILED, EXIT_USAGE } from '../command-line.js'
import { type JudgedCase, runCases } from './run-cases.js'

const FOLDER = fileURLToPath(new URL('../../../models/cases', import.meta.url))

const program = new Command('cases')
  .description('Imports every NAME.onnx of a folder, evaluates it in the clear on NAME-x.npy and holds it against NAME-right.npy or .npz.')
  .argument('[folder]', 'folder of cases', FOLDER)
  .option('--json <file>', 'write the results as JSON')
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

process.exitCode = await main(program.args[0] ?? FOLDER, program.opts<{ json?: string }>())

async function main(folder: string, { json }: { json?: string }): Promise<number> {
  try {
    const results = await runCases(folder, ({ name, outcome }) => process.stderr.write(`${name}: ${outcome}\n`))
    process.stdout.write(`${tableOf(results)}\n`)
    if (json !== undefined)
      await writeFile(
        json,
        `${JSON.stringify(
          results.map(({ unexpected: _, ...result }) => result),
          null,
          2
        )}\n`
      )
    return results.some(({ unexpected }) => unexpected) ? EXIT_FAILED : 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_USAGE
  }
}

function tableOf(results: readonly JudgedCase[]): string {
  const table = new Table({
    head: ['case', 'outcome', 'worst error', 'polynomials', 'plan', 'reason'],
    colWidths: [null, null, null, null, null, 72],
    wordWrap: true,
    style: { head: [], border: [] }
  })
  for (const { name, outcome, unexpected, worstError, approximationError, plan, reason } of results) {
    table.push([
      name,
      outcome === 'refused' && !unexpected ? 'refused, as expected' : outcome,
      figure(worstError),
      figure(approximationError),
      plan ? `${plan.refreshes} refresh(es)` : '-',
      reason ?? ''
    ])
  }
  const count = (outcome: JudgedCase['outcome']): number => results.filter(result => result.outcome === outcome).length
  return `${table.toString()}\n${results.length} cases: ${count('right')} right, ${count('wrong')} wrong, ${count('refused')} refused`
}

function figure(value: number | null): string {
  return value === null ? '-' : value.toExponential(1)
}
