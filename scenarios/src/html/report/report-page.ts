/** A scenario's report for people: one HTML file with charts, readable offline. */
import type { ScenarioReport } from '../../report/scenario-report.js'
import { html } from '../markup.js'
import { page } from '../page.js'
import { machine, parameters, provenance } from './circumstances.js'
import { errors, layers, memory, phases, traffic } from './costs.js'
import { glossary } from './glossary.js'
import { headline } from './headline.js'
import type { SampleAnswers } from './sample-answers.js'
import { confusion, samples } from './samples.js'
import { activations, fourWays } from './ways.js'

export function renderHtml(report: ScenarioReport, answers: SampleAnswers): string {
  const title = `${report.scenario}: ${report.model}`
  return page(
    title,
    html`${headline(report)}
${fourWays(report)}
<div class="pair">${confusion(report)}${samples(answers)}</div>
${activations(report)}
${phases(report)}
${layers(report)}
${errors(report)}
${traffic(report)}
${memory(report)}
<div class="pair">${parameters(report)}${machine(report)}</div>
${provenance(report)}
${glossary(report)}
<footer>Measured ${report.createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}, one process per party on one machine.</footer>`
  )
}
