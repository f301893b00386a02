/** The runs that the project's README shows, between two marks of it. */
import { small } from '../html/figures.js'
import { score } from '../report/words.js'
import type { KeptReport } from './kept-reports.js'
import { markdownTable } from './markdown.js'
import { rate, seconds } from './overview.js'

const BEGIN = '<!-- figures: written by npm run reports -->'
const END = '<!-- end of figures -->'

/**
 * @param folder of the reports, as seen from the page
 * @param curve file of the chart in that folder
 */
export function renderHeadlines(kept: readonly KeptReport[], folder: string, curve: string | undefined): string {
  const rows = kept.flatMap(({ run: { name, headline }, report }) => {
    if (headline === undefined) return []
    const { accuracy, images, secondsByPhase: times } = report
    const right = `${score(report.task, accuracy.encrypted)} / ${score(report.task, accuracy.clear)}`
    const error = small(report.maxLogitError / report.maxLogit)
    const shown = [String(images), seconds(times.evaluation), rate(images / times.evaluation), seconds(times.total), right, error]
    return [[`[${headline}](${folder}/${name}.html)`, ...shown]]
  })
  const head = ['', 'images', 'evaluation, s', 'images/s', 'whole run, s', 'accuracy encrypted / clear', 'logit error']
  const chart =
    curve === undefined
      ? ''
      : `\n\nCryptoNet with encrypted data, by the number of images:\n\n![Evaluation time by number of images](${folder}/${curve})`
  return `${markdownTable(head, rows)}${chart}`
}

/** The page with the figures in place of those between its marks; as it is when it has none. */
export function withHeadlines(page: string, headlines: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END, begin)
  if (begin < 0 || end < 0) return page
  return `${page.slice(0, begin + BEGIN.length)}\n\n${headlines}\n\n${page.slice(end)}`
}
