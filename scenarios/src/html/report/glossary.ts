/** The words of a report, for those who read one for the first time. */
import type { ScenarioReport } from '../../report/scenario-report.js'
import { html, type Markup } from '../markup.js'

interface Entry {
  readonly word: string
  readonly meaning: string
  /** Whether a report has the word; always when absent. */
  readonly occurs?: (report: ScenarioReport) => boolean
}

const approximated = ({ activations }: ScenarioReport): boolean => activations.length > 0
const several = ({ parties }: ScenarioReport): boolean => parties > 1

const ENTRIES: readonly Entry[] = [
  { word: 'clear', meaning: 'not encrypted: the network of the file, evaluated in double precision on the same samples' },
  {
    word: 'polynomial network',
    meaning:
      'the network that can be evaluated under encryption: polynomials in place of the activations that are none, everything linear fused'
  },
  { word: 'simulated', meaning: 'the steps of the plan on clear values, with random errors as large as those of encryption' },
  { word: 'encrypted', meaning: 'what the querier decrypted' },
  {
    word: 'accuracy',
    meaning: 'share of the samples whose answer is the label that the data give',
    occurs: ({ task }) => task !== 'regression'
  },
  {
    word: 'R²',
    meaning: 'share of the variance of the values that answers explain; 1 is perfect',
    occurs: ({ task }) => task === 'regression'
  },
  { word: 'logit', meaning: 'one number of the network’s output; the largest one tells the class' },
  {
    word: 'near tie',
    meaning:
      'an answer whose two best classes are closer than six standard deviations of the error of a logit, so that errors could turn it'
  },
  {
    word: 'degree',
    meaning: 'highest power of a polynomial; a higher one is closer to the activation and takes more levels',
    occurs: approximated
  },
  {
    word: 'interval',
    meaning: 'where a polynomial stands for its activation; outside of it the polynomial runs away',
    occurs: approximated
  },
  {
    word: 'fit',
    meaning:
      'polynomials that are best where the inputs of calibration samples lie; calibration samples are none of those that are asked about',
    occurs: approximated
  },
  { word: 'level', meaning: 'how many products a ciphertext still bears before it must be refreshed or is read' },
  { word: 'scale', meaning: 'factor by which values were multiplied before they were rounded and encrypted' },
  { word: 'noise', meaning: 'random error that encryption and every operation on ciphertexts add, on the scale of the ciphertext' },
  { word: 'tracked error', meaning: 'what the evaluator, which sees no value, knows of errors: a standard deviation from bounds' },
  {
    word: 'refresh',
    meaning: 'an exhausted ciphertext gets its levels back: the key holders do it together, and none of them sees a value',
    occurs: ({ refreshes }) => refreshes > 0
  },
  { word: 'flooding', meaning: 'noise that a key holder adds to a share so that the share tells nothing of its key' },
  {
    word: 'statistical distance',
    meaning: 'bound on what anybody could learn from all shares of a session; 2^-40 is one in a million millions'
  },
  { word: 'ring degree N', meaning: 'size of a ciphertext’s polynomials; half of it numbers (slots) fit into one' },
  {
    word: 'log2(QP)',
    meaning: 'bits of the modulus that keys are made for; the larger, the more levels, and the larger N must be for the same security'
  },
  { word: 'key holder', meaning: 'has a share of the secret key, or the whole where there is one' },
  { word: 'evaluator', meaning: 'computes on ciphertexts, and can read none' },
  { word: 'witness', meaning: 'runs the query, too, so that key holders help with nothing else', occurs: ({ witnesses }) => witnesses > 0 },
  { word: 'ceremony', meaning: 'the key holders make the keys together; nobody ever has the secret one', occurs: several }
]

export function glossary(report: ScenarioReport): Markup {
  const entries = ENTRIES.filter(({ occurs }) => occurs?.(report) ?? true)
  return html`<section><h2>Words</h2>
<dl class="words">${entries.map(({ word, meaning }) => html`<div><dt>${word}</dt><dd>${meaning}</dd></div>`)}</dl></section>`
}
