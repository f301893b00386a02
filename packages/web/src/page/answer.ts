/** Progress, answers, and what left the page. */
import type { AnswerSummary, AskReport, ErrorReport, ModelSummary, Phase, QuerierEvent } from '../querier/messages.js'
import { element, say } from './elements.js'

const PHASES: readonly Phase[] = ['encrypt', 'queue', 'compute', 'read']
/** Where on the way each phase begins. */
const BEGINS: Readonly<Record<Phase, number>> = { encrypt: 0, queue: 0.3, compute: 0.35, read: 0.95 }

export function showNothing(): void {
  for (const item of document.querySelectorAll('#phases li')) {
    item.className = ''
    item.querySelector('.detail')!.textContent = ''
  }
  element('progress', HTMLProgressElement).value = 0
  element('bars', HTMLElement).replaceChildren()
  element('left', HTMLElement).hidden = true
}

export function showPhase({ phase, done, total, detail }: Extract<QuerierEvent, { kind: 'phase' }>): void {
  const now = PHASES.indexOf(phase)
  for (const [k, item] of [...document.querySelectorAll('#phases li')].entries()) {
    item.className = k < now ? 'done' : k === now ? 'now' : ''
    if (k === now) item.querySelector('.detail')!.textContent = [total > 0 ? `${done} of ${total}` : '', detail].filter(Boolean).join(', ')
  }
  const end = BEGINS[PHASES[now + 1] ?? 'read']
  element('progress', HTMLProgressElement).value = BEGINS[phase] + (total > 0 ? (done / total) * Math.max(0, end - BEGINS[phase]) : 0)
}

export function showAnswer(report: AskReport, model: ModelSummary): void {
  for (const item of document.querySelectorAll('#phases li')) {
    const phase = (item as HTMLElement).dataset['phase'] as Phase
    item.className = 'done'
    item.querySelector('.detail')!.textContent = `${(report.milliseconds[phase] / 1000).toFixed(2)} s`
  }
  element('progress', HTMLProgressElement).value = 1
  const [first] = report.answers as readonly [AnswerSummary]
  const answer = element('answer', HTMLElement)
  const strong = document.createElement('strong')
  strong.textContent = report.answers.map(({ prediction }) => prediction).join(' · ')
  const near = report.answers.some(({ nearTie }) => nearTie) ? ' A near tie: the error of the encryption could turn it.' : ''
  answer.replaceChildren(strong, `${report.answers.length === 1 ? 'is the answer.' : 'are the answers, in order.'}${near}`)
  if (report.answers.length === 1) showBars(first, model)
  say('left-to', `${report.to.name} at ${report.to.url} (${report.to.peer})`)
  say(
    'left-sent',
    `${bytes(report.sentBytes)}: ${report.ciphertexts === 1 ? 'a ciphertext and a proof that it is one' : `${report.ciphertexts} ciphertexts and proofs that they are ones`}, a key for the result, signatures`
  )
  say('left-received', bytes(report.receivedBytes))
  say('left-excerpt', `${report.excerpt} …`)
  element('left', HTMLElement).hidden = false
}

function showBars({ outputs, prediction }: AnswerSummary, { labels }: ModelSummary): void {
  const low = Math.min(0, ...outputs)
  const span = Math.max(1e-9, Math.max(...outputs) - low)
  const items = [...outputs].map((value, k) => {
    const name = labels?.[k] ?? String(k)
    const item = document.createElement('li')
    const [label, bar, number] = ['name', 'bar', 'value'].map(kind => {
      const part = document.createElement('span')
      part.className = kind
      return part
    }) as [HTMLElement, HTMLElement, HTMLElement]
    label.textContent = name
    bar.style.width = `${Math.max(1, (100 * (value - low)) / span)}%`
    number.textContent = value.toFixed(2)
    item.className = name === prediction ? 'best' : ''
    item.append(label, bar, number)
    return item
  })
  element('bars', HTMLElement).replaceChildren(...items)
}

/** By its code where it has one: names of classes are shortened in the page's script. */
export function showError({ message, name, code, party, remedy }: ErrorReport): void {
  const who = party === undefined ? '' : ` (from ${party})`
  say('error', `${code ?? name}${who}: ${message}${remedy === undefined || message.includes(remedy) ? '' : ` ${remedy}`}`)
}

function bytes(count: number): string {
  return count < 10_000 ? `${count} bytes` : count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(2)} MB`
}
