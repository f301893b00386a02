/** The demo's report as one HTML file, readable offline. */
import { formatBytes } from '@slytherin/engine'
import { isSame, shown } from '../comparison.js'
import { bars } from '../html/charts.js'
import { draw } from '../html/drawing.js'
import { percent, seconds } from '../html/figures.js'
import { html, type Markup } from '../html/markup.js'
import { facts, page, table } from '../html/page.js'
import { pictureOf, pngAddress } from '../html/png.js'
import { sightsOf } from './parties-table.js'
import type { DemoQuery, DemoReport } from './report.js'
import type { DemoSamples } from './run.js'
import { stepsOf } from './show.js'

export function renderDemoPage(report: DemoReport, known: DemoSamples): string {
  const { createdAt } = report
  return page(
    `${report.scenario}: ${report.model}`,
    html`${headline(report)}
${report.queries.map(query => answers(query, report, known))}
${killed(report)}
${sights(report)}
${times(report)}
<div class="pair">${parameters(report)}${machine(report)}</div>
<footer>Measured ${createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, one process per party on one machine.</footer>`
  )
}

function headline(report: DemoReport): Markup {
  const { queries, kill, largestLogit, parameters } = report
  const images = queries.reduce((sum, one) => sum + one.samples, 0)
  const same = queries.reduce((sum, one) => sum + one.asClear, 0)
  const worst = Math.max(...queries.map(one => one.worstLogitError))
  const tiles: [string, string, string][] = [
    ['Encrypted accuracy', percent(report.accuracyEncrypted), `in the clear ${percent(report.accuracyClear)}`],
    ['Same as in the clear', `${same} of ${images}`, `worst logit error ${percent(worst / largestLogit)} of the largest`],
    ['Killed', kill.holder, 'after the first refresh of the first query'],
    ['Back after', seconds(kill.secondsToReady), 'from its new start until it answered'],
    ['Second shares', String(report.secondShares), `of ${report.shares} that were given`],
    ['Ring', `2^${parameters.logN}`, `${parameters.levels} levels, 128 bits of security`]
  ]
  return html`<header><h1>${report.scenario}: ${report.model}</h1><p>${report.description}</p></header>
<dl class="tiles">${tiles.map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`
}

function answers(
  { querier, offset, samples, predictions, labels, seconds: took, correct }: DemoQuery,
  report: DemoReport,
  known: DemoSamples
): Markup {
  const items = predictions.map((prediction, k) => {
    const picture = pictureOf(report.shape, known.samples[offset + k]!)
    const right = isSame(known.network, labels[k]!, prediction)
    const image =
      picture &&
      html`<img src="${pngAddress(picture)}" width="${picture.columns}" height="${picture.rows}" alt="Sample ${offset + k}, a ${shown(labels[k]!)}, predicted ${shown(prediction)}">`
    return html`<li${right ? '' : html` class="wrong"`}>${image}<b>${shown(prediction)}</b>${right ? undefined : html`<small>is a ${shown(labels[k]!)}</small>`}</li>`
  })
  return html`<section><h2>What ${querier} asked, and was answered</h2>
<p>${correct} of ${samples} images recognised, in ${seconds(took)} from encrypting to reading the answer.</p><ul class="strip">${items}</ul></section>`
}

function killed({ kill, queries, holders, threshold }: DemoReport): Markup {
  const { shares } = queries.find(({ query }) => query === kill.query)!
  const steps = stepsOf(shares)
  return html`<section><h2>A key holder is killed</h2>
<p>${kill.holder} was killed (SIGKILL) as soon as the shares of the first refresh were there. Any ${threshold} of ${holders} holders suffice: the others went on. Shares that each gave in
this query, as its ledger has them:</p>
${table(
  ['', ...steps.map(({ name }) => name)],
  Object.entries(shares).map(([holder, counts]) => [holder, ...steps.map(({ step }) => String(counts[step] ?? '–'))])
)}</section>`
}

function sights(report: DemoReport): Markup {
  const rows = sightsOf(report).map(({ party, holds, saw, never }) => {
    const { sent, received } = report.bytesByParty[party]!
    const memory = formatBytes(report.peakMemoryByParty[party] ?? 0)
    return { sight: [party, holds, saw, never], traffic: [party, formatBytes(sent), formatBytes(received), memory] }
  })
  return html`<section><h2>Who held what, and saw what</h2>
${table(
  ['party', 'held', 'saw', 'never saw'],
  rows.map(({ sight }) => sight)
)}</section>
<section><h2>Bytes and memory</h2>
<p>Frames on the wire; of ${report.kill.holder} those before the query and those since it came back. Memory is resident at its peak.</p>
${table(
  ['party', 'sent', 'received', 'memory'],
  rows.map(({ traffic }) => traffic)
)}</section>`
}

function times({ seconds: took, queries }: DemoReport): Markup {
  const rows = [
    { name: 'processes start', value: took.start },
    { name: 'keys', value: took.keys },
    { name: 'encrypted model', value: took.publication },
    ...queries.map(one => ({ name: one.querier, value: one.seconds }))
  ]
  return html`<section><h2>Time</h2>
<p>Keys and model are made once; every further query takes its own time alone. ${seconds(took.total)} in all.</p>
<figure><div class="chart">${draw(bars({ id: 'times', title: 'Seconds', description: 'Measured time of every step.', bars: rows, format: seconds }))}</div></figure></section>`
}

function parameters({ parameters: { logN, levels, floodingBits, decryptions }, holders, threshold, evaluatorDisk }: DemoReport): Markup {
  return html`<section><h2>Parameters</h2>${facts([
    ['Ring degree N', `2^${logN}`],
    ['Levels', String(levels)],
    ['Security', '128 bits, ternary secret (eprint 2024/463)'],
    ['Flooding', `${floodingBits} bits per key holder, for ${decryptions} decryptions`],
    ['Key holders', `${holders}, of whom any ${threshold} suffice`],
    ['At the evaluator', `${formatBytes(evaluatorDisk)} of keys and encrypted weights`]
  ])}</section>`
}

function machine({ machine: { processor, cores, memoryBytes, system, node, v8 } }: DemoReport): Markup {
  return html`<section><h2>Machine</h2>${facts([
    ['Processor', processor],
    ['Cores', String(cores)],
    ['Memory', formatBytes(memoryBytes)],
    ['System', system],
    ['Node', node],
    ['V8', v8]
  ])}</section>`
}
