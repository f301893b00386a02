/** The same answers four ways, and the polynomials that stand for activations. */
import type { ScenarioReport } from '../../report/scenario-report.js'
import { score } from '../../report/words.js'
import { percent, small } from '../figures.js'
import { html, type Markup } from '../markup.js'
import { table } from '../page.js'

const WAYS = {
  clear: 'Clear: the network of the file, float64',
  polynomial: 'Polynomial: approximated and fused, float64',
  simulated: 'Simulated: the plan with modelled noise',
  encrypted: 'Encrypted: what the querier read'
} as const

export function fourWays({
  task,
  labelled,
  valueError,
  accuracy,
  logitError,
  computationError,
  images,
  simulatedImages
}: ScenarioReport): Markup {
  const part = simulatedImages !== undefined && simulatedImages < images
  const rows = (Object.keys(WAYS) as (keyof typeof WAYS)[]).flatMap(way => {
    const correct = accuracy[way]
    if (correct === undefined) return []
    const fromClear = way === 'clear' ? undefined : logitError[way]
    const fromPolynomial = way === 'simulated' || way === 'encrypted' ? computationError[way] : undefined
    const of = way === 'simulated' ? simulatedImages! : images
    const how = task === 'regression' ? (valueError?.[way]?.toPrecision(4) ?? '–') : `${Math.round(correct * of)} of ${of}`
    return [[WAYS[way], score(task, correct), how, error(fromClear), error(fromPolynomial)]]
  })
  return html`<section><h2>Four ways to the same answers</h2>
<p>The same ${images} samples each time${part ? `, but only the first ${simulatedImages} of them simulated` : ''}.</p>
${table(['', labelled === false ? "as the file's network" : 'accuracy', task === 'regression' ? 'error in units of the data' : 'correct', 'worst logit error against clear', 'against polynomial'], rows)}
</section>`
}

/** Of networks whose file has activations that are no polynomials. */
export function activations({ activations: approximated, fit, calibrationSamples }: ScenarioReport): Markup | undefined {
  if (approximated.length === 0) return undefined
  const rows = approximated.map(({ layer, activation, method, degree, interval, rmsError, maximumError, ...inputs }) => [
    layer,
    `${activation}, ${method} of degree ${degree}`,
    `${interval[0].toPrecision(3)} to ${interval[1].toPrecision(3)}`,
    rmsError === undefined ? `${small(maximumError)} at most` : `${small(rmsError)} in the mean`,
    `${inputs.smallestInput.toPrecision(3)} to ${inputs.largestInput.toPrecision(3)}`,
    inputs.outside === 0 ? 'none' : `${percent(inputs.outside)}, in ${inputs.samplesOutside} samples`
  ])
  return html`<section><h2>Activations as polynomials</h2>
<p>What the model owner put in place of the activations of its file, and the inputs that these samples gave them.${held(fit, calibrationSamples)}</p>
${table(['activation', 'polynomial', 'interval', 'error', 'inputs', 'outside the interval'], rows)}</section>`
}

/** How the model owner judged its polynomials. */
function held(fit: ScenarioReport['fit'], calibrationSamples: number | undefined): string {
  const own = calibrationSamples === undefined ? '' : ` They come from ${calibrationSamples} samples, none of which is asked about here.`
  if (fit === undefined) return own
  const kept = fit.measure === 'R²' ? `R² ${fit.agreement.toFixed(4)}` : `${(100 * fit.agreement).toFixed(2)} % of the answers kept`
  return `${own} On ${fit.samples} of them, put aside from the fit in turn: ${kept}.`
}

export const error = (value: number | undefined): string => (value === undefined ? '–' : small(value))
