/** Samples and what was made of them. */

import type { Prediction } from '@slytherin/engine'
import { isSame, predictionsOf, shown as told } from '../../comparison.js'
import type { ScenarioReport } from '../../report/scenario-report.js'
import { confusionChart } from '../confusion-chart.js'
import { draw } from '../drawing.js'
import { html, type Markup } from '../markup.js'
import { table } from '../page.js'
import { type Picture, pictureOf, pngAddress } from '../png.js'
import type { SampleAnswers } from './sample-answers.js'

const SHOWN_SAMPLES = 30
const SHOWN_ERRORS = 15

export function confusion(report: ScenarioReport): Markup | undefined {
  if (report.confusion === undefined) return undefined
  const { classes, counts } = report.confusion
  const figures = table(
    ['label', ...classes.map(String)],
    counts.map((row, k) => [String(classes[k]), ...row.map(String)])
  )
  return html`<section><h2>Encrypted predictions against labels</h2>
<figure><div class="chart small">${draw(confusionChart(report.confusion))}</div><details><summary>As a table</summary>${figures}</details></figure></section>`
}

interface Answer {
  readonly index: number
  readonly label: Prediction
  readonly prediction: Prediction
  readonly clear: Prediction
  readonly right: boolean
  readonly asClear: boolean
}

export function samples({ samples, shape, labels, meaning, clear, encrypted }: SampleAnswers): Markup {
  const predictions = predictionsOf(meaning, encrypted)
  const clearPredictions = predictionsOf(meaning, clear)
  const regression = meaning.task.kind === 'regression'
  const all = labels.map((label, index): Answer => {
    const [prediction, own] = [predictions[index]!, clearPredictions[index]!]
    return {
      index,
      label,
      prediction,
      clear: own,
      right: regression || isSame(meaning, label, prediction),
      asClear: regression || isSame(meaning, own, prediction)
    }
  })
  const wrong = all.filter(({ right }) => !right)
  const first = all.slice(0, SHOWN_SAMPLES)
  const shown = [...first, ...wrong.filter(({ index }) => index >= SHOWN_SAMPLES).slice(0, SHOWN_ERRORS)]
  const pictures = shown.map(({ index }) => pictureOf(shape, samples[index]!))
  const note = regression
    ? `The first ${first.length}.`
    : wrong.length === 0
      ? `The first ${first.length}; every one of ${all.length} is right.`
      : `The first ${first.length}${shown.length > first.length ? ', then others that are wrong' : ''}; ${wrong.length} of ${all.length} are wrong.`
  const list =
    !regression && pictures.every(picture => picture !== undefined)
      ? html`<ul class="strip">${shown.map((answer, k) => pictured(answer, pictures[k]!))}</ul>`
      : answerTable(shown)
  return html`<section><h2>Samples and their encrypted predictions</h2><p>${note}</p>${list}</section>`
}

function pictured({ index, label, prediction, clear, right, asClear }: Answer, picture: Picture): Markup {
  const text = `Sample ${index}, a ${told(label)}, predicted ${told(prediction)}`
  return html`<li${right ? '' : html` class="wrong"`}><img src="${pngAddress(picture)}" width="${picture.columns}" height="${picture.rows}" alt="${text}"><b>${told(prediction)}</b>${
    right ? undefined : html`<small>is a ${told(label)}</small>`
  }${asClear ? undefined : html`<small>clear: ${told(clear)}</small>`}</li>`
}

function answerTable(answers: readonly Answer[]): Markup {
  const rows = answers.map(({ index, label, prediction, clear, right }) => [
    String(index),
    told(label),
    html`${told(prediction)}${right ? '' : ' (wrong)'}`,
    told(clear)
  ])
  return table(['sample', 'label', 'predicted', 'in the clear'], rows)
}
