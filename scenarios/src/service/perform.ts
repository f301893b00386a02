/** One service run as a command shows it: lines while it goes, the report as a table and as a file, and why it counts as failed. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ServiceScenario } from './description.js'
import { failuresOfService, type ServiceReport } from './report.js'
import { runService } from './run.js'
import { renderServiceReport } from './show.js'

export interface ServicePerformOptions {
  readonly seed?: number | undefined
  readonly report?: string | undefined
  readonly keep?: boolean | undefined
  /** Why a run counts as failed besides what fails any. */
  readonly failures?: ((report: ServiceReport) => string[]) | undefined
  readonly signal: AbortSignal
}

/** @returns why it failed; nothing when it did not */
export async function performService(scenario: ServiceScenario, options: ServicePerformOptions): Promise<string[]> {
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0]!, report: file, keep = false, signal } = options
  process.stderr.write(`${scenario.name}: ${scenario.description}\n`)
  const onLine = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
  const report: ServiceReport = await runService(scenario, { seed, signal, keep, onLine })
  if (file !== undefined) {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
    process.stderr.write(`report: ${file}\n`)
  }
  process.stdout.write(`\n${renderServiceReport(report)}\n`)
  const failures = [...failuresOfService(report), ...(options.failures?.(report) ?? [])]
  for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
  if (failures.length > 0) process.stderr.write(`once more with: --seed ${seed}\n`)
  return failures
}
