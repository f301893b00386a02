/** The demo's report for a terminal. */
import { formatBytes } from '@slytherin/engine'
import Table from 'cli-table3'
import { shown } from '../comparison.js'
import { sightsOf } from './parties-table.js'
import { picturesAsText } from './picture.js'
import type { DemoQuery, DemoReport } from './report.js'
import type { DemoSamples } from './run.js'

const SHOWN = 7

export function renderDemo(report: DemoReport, { samples }: Pick<DemoSamples, 'samples'>): string {
  const { queries, kill, seconds, parameters, holders, threshold } = report
  const answers = table(['querier', 'images', 'recognised', 'as in the clear', 'worst logit error', 'seconds'])
  for (const one of queries) {
    answers.push([
      one.querier,
      String(one.samples),
      `${one.correct} of ${one.samples}`,
      `${one.asClear} of ${one.samples}`,
      `${((100 * one.worstLogitError) / report.largestLogit).toFixed(2)} % of the largest`,
      one.seconds.toFixed(1)
    ])
  }
  const parties = table(['party', 'held', 'saw', 'never saw'])
  for (const { party, holds, saw, never } of sightsOf(report)) parties.push([party, holds, saw, never])
  const traffic = table(['party', 'sent', 'received', 'peak memory'])
  for (const [party, { sent, received }] of Object.entries(report.bytesByParty)) {
    traffic.push([party, formatBytes(sent), formatBytes(received), formatBytes(report.peakMemoryByParty[party] ?? 0)])
  }
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`
  return [
    ...queries.flatMap(({ querier, offset, predictions }) => [
      `${querier} asked, and alone can read:`,
      ...picturesAsText(report.shape, samples.slice(offset, offset + SHOWN), predictions.slice(0, SHOWN).map(shown)),
      ''
    ]),
    `Accuracy ${percent(report.accuracyEncrypted)} encrypted, ${percent(report.accuracyClear)} in the clear.`,
    answers.toString(),
    `${kill.holder} was killed in the first query; shares that the holders gave in it, as their ledgers have them:`,
    sharesTable(queries.find(({ query }) => query === kill.query)!).toString(),
    `It answered again ${kill.secondsToReady.toFixed(1)} s after its new start. ${report.shares} shares in all, ${report.secondShares} for a ciphertext that had one.`,
    parties.toString(),
    traffic.toString(),
    `Seconds: processes ${seconds.start.toFixed(1)}, keys ${seconds.keys.toFixed(1)}, encrypted model ${seconds.publication.toFixed(1)}, ${queries
      .map(one => `${one.querier} ${one.seconds.toFixed(1)}`)
      .join(', ')}; ${seconds.total.toFixed(1)} in all. Another query costs its own seconds alone.`,
    `N = 2^${parameters.logN}, ${parameters.levels} levels, ${parameters.floodingBits} bits of flooding for ${parameters.decryptions} decryptions; any ${threshold} of ${holders} key holders suffice.`
  ].join('\n')
}

function sharesTable({ shares }: DemoQuery): Table.Table {
  const steps = stepsOf(shares)
  const rows = table(['', ...steps.map(({ name }) => name)])
  for (const [holder, counts] of Object.entries(shares)) rows.push([holder, ...steps.map(({ step }) => String(counts[step] ?? '–'))])
  return rows
}

/** Steps of a query in their order, the result last, and what they are called where people read it. */
export function stepsOf(shares: DemoQuery['shares']): { readonly step: string; readonly name: string }[] {
  const place = (step: string): number => (step === 'out' ? Number.POSITIVE_INFINITY : Number(step.slice(1)))
  const steps = [...new Set(Object.values(shares).flatMap(counts => Object.keys(counts)))].sort((a, b) => place(a) - place(b))
  return steps.map((step, k) => ({ step, name: step === 'out' ? 'result' : `refresh ${k + 1}` }))
}

function table(head: string[]): Table.Table {
  return new Table({ head, style: { head: [], border: [] } })
}
