/** The report as two files: JSON for programs, HTML for people. */
import { writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { renderHtml, sampleAnswers } from './html-report.js'
import type { ScenarioOutcome } from './run-scenario.js'

/**
 * @param file of the JSON; the page lies beside it under the same name
 * @returns path of the page
 */
export async function writeReport(file: string, { report, logits, clear }: ScenarioOutcome): Promise<string> {
  const page = `${file.slice(0, file.length - extname(file).length)}.html`
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
  await writeFile(page, renderHtml(report, sampleAnswers(clear, logits)))
  return page
}
