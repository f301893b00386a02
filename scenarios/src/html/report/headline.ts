/** What a person wants to know first: how right the answers are, each way, and what is the matter with them. */
import type { ScenarioReport } from '../../report/scenario-report.js'
import { score } from '../../report/words.js'
import { percent, powerOf, seconds, small } from '../figures.js'
import { html, type Markup } from '../markup.js'

export function headline(report: ScenarioReport): Markup {
  const { evaluation } = report.secondsByPhase
  const tiles: [string, string, string][] = [
    ...(report.labelled === false ? [] : accuracies(report)),
    ['Same as in the clear', sameAs(report, report.agreement), `${sameAs(report, report.agreementPolynomial)} as the evaluated network`],
    [
      'Near ties',
      String(report.disagreements.nearTies),
      `${report.disagreements.within} of them, and ${report.disagreements.beyond} others, changed`
    ],
    ['Evaluation', seconds(evaluation), `${(report.images / evaluation).toPrecision(3)} samples per second`],
    ['Worst logit error', small(report.maxLogitError), `${percent(report.maxLogitError / report.maxLogit)} of the largest logit`],
    ['Security', `${report.parameters.securityBits} bits`, `N = ${powerOf(2, report.parameters.logN)}`]
  ]
  return html`<header><h1>${report.scenario}: ${report.model}</h1><p>${report.description}</p>
${report.warnings.map(warning => html`<p class="warning" role="note"><strong>Warning:</strong> ${warning}.</p>`)}</header>
<dl class="tiles">${tiles.map(([name, value, note]) => html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`
}

/** Of the network of the file, of that with polynomials, and under encryption: the first difference is what approximation costs, the second what encryption does. */
function accuracies({ task, accuracy, images, activations }: ScenarioReport): [string, string, string][] {
  const what = task === 'regression' ? 'R²' : 'Accuracy'
  const tile = (name: string, value: number, note: string): [string, string, string] => [
    `${what}, ${name}`,
    score(task, value).replace(/^R² /, ''),
    note
  ]
  return [
    tile('clear', accuracy.clear, `the network of the file, on ${images} samples`),
    tile(
      'polynomial',
      accuracy.polynomial,
      activations.length === 0 ? 'nothing to approximate' : change(task, accuracy.polynomial - accuracy.clear)
    ),
    tile('encrypted', accuracy.encrypted, change(task, accuracy.encrypted - accuracy.polynomial, 'the polynomial network'))
  ]
}

function change(task: ScenarioReport['task'], difference: number, from = 'the file’s network'): string {
  const [value, unit] = task === 'regression' ? [difference.toFixed(4), ''] : [(100 * difference).toFixed(2), ' points']
  if (Number(value) === 0) return `the same as ${from}`
  return `${difference > 0 ? '+' : '−'}${value.replace('-', '')}${unit} against ${from}`
}

/** Samples with the same answer; of a regression R². */
const sameAs = ({ task, images }: ScenarioReport, agreement: number): string =>
  task === 'regression' ? score(task, agreement) : `${Math.round(agreement * images)} of ${images}`
