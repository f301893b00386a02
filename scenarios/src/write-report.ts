/** The report as two files: JSON for programs, HTML for people. */
import { writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { renderHtml } from './html/report/report-page.js'
import { sampleAnswers } from './html/report/sample-answers.js'
import type { ScenarioReport } from './report/scenario-report.js'
import type { ScenarioOutcome } from './run-scenario.js'

/**
 * @param file of the JSON; the page lies beside it under the same name
 * @returns path of the page
 */
export async function writeReport(file: string, { report, logits, clear }: ScenarioOutcome): Promise<string> {
  const page = `${file.slice(0, file.length - extname(file).length)}.html`
  await writeFile(file, reportJson(report))
  await writeFile(page, renderHtml(report, sampleAnswers(clear, logits)))
  return page
}

/** A string, which stays as it is; an array of numbers; a number on its own. */
const PARTS = /"(?:[^"\\]|\\.)*"|\[\s+(?:[-\d.e+]+,?\s+)+\]|-?\d[\d.]*e\+\d+/g

/** JSON with a line to every figure, but arrays of numbers on one line. */
export function reportJson(report: ScenarioReport): string {
  const text = JSON.stringify(report, null, 2).replace(PARTS, part => {
    if (part.startsWith('"')) return part
    const numbers = part.replaceAll('e+', 'e')
    return numbers.startsWith('[') ? `[${numbers.slice(1, -1).trim().replace(/\s+/g, ' ')}]` : numbers
  })
  return `${text}\n`
}
