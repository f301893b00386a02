/** A report as text: what a person wants to see first, then what it cost. */

import { FEW_SAMPLES, formatBytes, type Prediction } from '@slytherin/engine'
import Table from 'cli-table3'
import type { ClearReference } from '../clear-reference.js'
import { type FourWays, isSame, shown } from '../comparison.js'
import type { ScenarioReport } from './scenario-report.js'
import { describeDistance, score } from './words.js'

/** Relative logit error that rounding explains. */
const NEGLIGIBLE = 1e-9

/** What a person wants to see first, then what it cost. */
export function renderReport(report: ScenarioReport, predictions: readonly Prediction[], clear: ClearReference): string {
  const percent = (value: number): string => score(report.task, value)
  const regression = report.task === 'regression'
  const { labelled } = clear
  const told = labelled ? [regression ? 'R²' : 'correct'] : []
  const head = ['', ...told, ...(regression ? ["against the file's", 'error in units of the data'] : ["same as the file's"])]
  const answers = new Table({ head, style: { head: [], border: [] } })
  const line = (name: string, way: keyof FourWays<number>, value: number, agreement?: number): string[] => [
    name,
    ...(labelled ? [percent(value)] : []),
    agreement === undefined ? '' : regression ? percent(agreement) : `${Math.round(agreement * report.images)} of ${report.images}`,
    ...(regression ? [report.valueError?.[way]?.toPrecision(4) ?? ''] : [])
  ]
  const { accuracy } = report
  answers.push(line("the file's network, clear", 'clear', accuracy.clear))
  if (accuracy.polynomial !== accuracy.clear || report.logitError.polynomial > NEGLIGIBLE * report.maxLogit) {
    answers.push(line('polynomial network, clear', 'polynomial', accuracy.polynomial, report.approximationAgreement))
  }
  if (accuracy.simulated !== undefined) {
    const { simulatedImages, images } = report
    answers.push(line(simulatedImages === images ? 'simulated' : `simulated (${simulatedImages})`, 'simulated', accuracy.simulated))
  }
  answers.push(line('encrypted', 'encrypted', accuracy.encrypted, report.agreement))
  const phases = new Table({ head: ['phase', 'seconds'], colAligns: ['left', 'right'], style: { head: [], border: [] } })
  const { refresh, ...others } = report.secondsByPhase
  for (const [phase, seconds] of Object.entries(others)) {
    phases.push([label(phase), seconds.toFixed(2)])
    if (phase === 'evaluation') phases.push(['  of which refreshing', refresh.toFixed(2)])
  }
  const { loopback, planned, stream } = report.endToEndSeconds
  phases.push(['samples to answers, first batch', loopback.toFixed(2)])
  if (planned.loopback !== undefined) phases.push(['  as planned', planned.loopback.toFixed(2)])
  phases.push(['  planned for a local network', planned.lan.toFixed(2)], ['  planned for 100 Mbit/s, 40 ms', planned.wan.toFixed(2)])
  if (stream !== undefined) {
    phases.push(['samples to answers, all batches', stream.loopback.toFixed(2)], ['  as planned', stream.planned.loopback.toFixed(2)])
  }
  const traffic = new Table({
    head: ['party', 'sent', 'received', 'peak memory'],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [] }
  })
  for (const [name, bytes] of Object.entries(report.bytesByParty)) {
    traffic.push([name, formatBytes(bytes.sent), formatBytes(bytes.received), formatBytes(report.peakMemoryByParty[name] ?? 0)])
  }
  const { logN, logQP, securityBits, floodingBits, floodingDistanceBits, maximumDecryptions } = report.parameters
  const wrong = predictions.flatMap((prediction, k) =>
    isSame(clear.network, clear.labels[k]!, prediction) ? [] : [`sample ${k}: ${shown(prediction)}, is ${shown(clear.labels[k]!)}`]
  )
  return [
    `First predictions: ${predictions.slice(0, 32).map(shown).join(' ')}${predictions.length > 32 ? ' …' : ''}`,
    regression
      ? `First values: ${clear.labels.slice(0, 32).map(shown).join(' ')}${predictions.length > 32 ? ' …' : ''}`
      : wrong.length === 0
        ? labelled
          ? 'Every sample was recognised.'
          : "Every answer is that of the file's network in the clear; the data have no labels to judge it by."
        : `${labelled ? 'Not recognised' : "Not as the file's network in the clear"}: ${wrong.slice(0, 8).join('; ')}${wrong.length > 8 ? ` and ${wrong.length - 8} more` : ''}`,
    answers.toString(),
    ...describeActivations(report),
    describeDisagreements(report),
    ...report.warnings.map(warning => `Warning: ${warning}.`),
    `Worst logit error ${report.maxLogitError.toExponential(2)}, ${(report.maxLogitError / report.maxLogit).toExponential(2)} of the largest logit.`,
    phases.toString(),
    traffic.toString(),
    `All processes together at their peak: ${formatBytes(report.peakMemoryBytes)}. Refreshes: ${report.refreshes}. Witnesses: ${report.witnesses}, endorsements: ${report.endorsements}. Evaluator: ${report.evaluator}.`,
    `N = 2^${logN}, log2(QP) = ${logQP.toFixed(1)}: ${securityBits} bits of security. Flooding: ${floodingBits} bits of security, a statistical distance of ${describeDistance(floodingDistanceBits)} over ${maximumDecryptions} decryptions.`
  ].join('\n')
}

/** How many answers encryption changed, and how many errors excuse. */
function describeDisagreements({ task, images, disagreements, errorBar }: ScenarioReport): string {
  const { nearTies, within, beyond } = disagreements
  const bar = `${errorBar.deviations} standard deviations of a logit's error, ${errorBar.logitDeviation.toExponential(1)} each`
  if (task === 'regression') return `Encrypted values farther from the evaluated network's than ${bar}: ${beyond} of ${images}.`
  return `Encrypted answers that differ from the evaluated network's: ${within} near ties, ${beyond} beyond; ${nearTies} of ${images} answers are near ties (${bar}).`
}

/** More activations than these are told in the page alone. */
const MOST_LINES = 32

function polynomials(activations: ScenarioReport['activations']): string {
  const head = ['activation', 'polynomial', 'interval', 'error at most', 'in the mean']
  const lines = new Table({ head, colAligns: ['left', 'left', 'right', 'right', 'right'], style: { head: [], border: [] } })
  for (const { layer, activation, degree, interval, maximumError, rmsError } of activations) {
    const errors = [maximumError.toExponential(1), rmsError?.toExponential(1) ?? '']
    lines.push([layer, `${activation}, degree ${degree}`, interval.map(end => end.toPrecision(3)).join(' to '), ...errors])
  }
  return lines.toString()
}

function describeActivations({ activations, fit }: ScenarioReport): string[] {
  if (activations.length === 0) return []
  const count = (values: readonly string[]): string =>
    [...new Set(values)].map(value => `${values.filter(other => other === value).length} of ${value}`).join(', ')
  const kinds = count(activations.map(({ activation, method, degree }) => `${activation} by ${method} of degree ${degree}`))
  const worst = activations.reduce((a, b) => (b.outside > a.outside ? b : a))
  const range =
    worst.outside === 0
      ? 'every input within its interval'
      : `most inputs outside their interval at ${worst.layer}: ${(100 * worst.outside).toPrecision(2)} %, in ${worst.samplesOutside} samples`
  const held =
    fit === undefined
      ? []
      : [
          `The fit: ${fit.measure === 'R²' ? `R² ${fit.agreement.toFixed(4)}` : `${(100 * fit.agreement).toFixed(2)} %`} on ${fit.samples} samples that it had put aside${fit.samples < FEW_SAMPLES ? ', which are few' : ''}.`
        ]
  return [`Activations: ${kinds}; ${range}.`, ...(activations.length <= MOST_LINES ? [polynomials(activations)] : []), ...held]
}

function label(phase: string): string {
  return phase.replace(/([A-Z])/g, ' $1').toLowerCase()
}
