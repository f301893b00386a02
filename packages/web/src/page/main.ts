/** The page: what is seen of it at once, and a worker that is loaded after that and does everything else. */
import type { ErrorReport, ModelSummary, Outcome, QuerierEvent } from '../querier/messages.js'
import { showAnswer, showError, showNothing, showPhase } from './answer.js'
import { SIDE } from './digit.js'
import { element, on, say } from './elements.js'
import { Pad, pictureOf } from './pad.js'
import { type CallQuerier, startQuerier } from './querier.js'
import { readRows } from './rows.js'
import { acceptInvitation, type PageSettings, readSettings, takeToken } from './server.js'

const token = takeToken()
const pad = new Pad(() => refresh())
const ask = element('ask', HTMLButtonElement)
const select = element('model', HTMLSelectElement)
let models: readonly ModelSummary[] = []
let settings: PageSettings | undefined
let asking = false
let connected = false

/** A failure as an error that the page shows. */
class Refused extends Error {
  constructor(readonly report: ErrorReport) {
    super(report.message)
  }
}

function given<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Refused(outcome.error)
  return outcome.value
}

function fail(error: unknown): void {
  if (error instanceof Refused) {
    showError(error.report)
    return
  }
  const { name, message } = error as Error
  showError({ name, message })
}

const chosen = (): ModelSummary | undefined => models.find(({ release }) => release === select.value)
const isImage = ({ shape }: ModelSummary): boolean => shape.at(-1) === SIDE && shape.at(-2) === SIDE && sizeOf(shape) === SIDE * SIDE
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1)

function refresh(): void {
  const model = chosen()
  const image = model === undefined || isImage(model)
  element('image-input', HTMLElement).hidden = !image
  element('row-input', HTMLElement).hidden = image
  const ready = image ? pad.digit !== undefined : element('rows', HTMLTextAreaElement).value.trim() !== ''
  ask.disabled = asking || !connected || model?.granted !== true || !ready
  const state = !connected ? undefined : model === undefined ? 'Connected. No model is known yet.' : undefined
  if (state !== undefined) say('state-text', state)
  else if (connected && model !== undefined) {
    say(
      'state-text',
      model.granted
        ? `Connected. ${model.owner} lets this page ask "${model.name}".`
        : `Connected. ${model.owner} has given this page no grant for "${model.name}" yet.`
    )
  }
}

function take(event: QuerierEvent): void {
  if (event.kind === 'phase') showPhase(event)
  else if (event.kind === 'trouble') showError(event.error)
  else if (event.kind === 'connection') {
    connected = event.state === 'up'
    element('dot', HTMLElement).className = connected ? 'dot up' : 'dot'
    if (!connected) say('state-text', `Not connected${event.reason === undefined ? '' : `: ${event.reason}`}. It is tried again.`)
  } else {
    const before = select.value
    models = event.models
    select.replaceChildren(
      ...models.map(({ release, name, revision }) => new Option(`${name}, revision ${revision.slice(0, 12)}`, release))
    )
    if (models.some(({ release }) => release === before)) select.value = before
    select.disabled = models.length < 2
    for (const model of models.filter(one => !isImage(one)).slice(0, 1)) {
      say('rows-label', `Rows of ${sizeOf(model.shape)} numbers, comma-separated, at most ${model.batch}; or drop a file here`)
    }
  }
  refresh()
}

/** Samples of the query, as the model reads them. @throws RowsError */
function rowsOf(model: ModelSummary): Float64Array[] {
  if (!isImage(model)) return readRows(element('rows', HTMLTextAreaElement).value, sizeOf(model.shape), model.batch)
  const { scale, mean, std } = settings!.normalisation
  return [Float64Array.from(pad.digit!, byte => (byte * scale - mean) / std)]
}

async function askNow(worker: CallQuerier): Promise<void> {
  const model = chosen()!
  asking = true
  say('error', '')
  say('answer', 'Under way …')
  showNothing()
  element('cancel', HTMLElement).hidden = false
  refresh()
  try {
    showAnswer(given(await worker('ask', model.release, rowsOf(model))), model)
  } catch (error) {
    say('answer', 'There is no answer.')
    fail(error)
  } finally {
    asking = false
    element('cancel', HTMLElement).hidden = true
    refresh()
  }
}

function offerSamples({ samples }: PageSettings): void {
  const buttons = samples.map(({ label, pixels }) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.setAttribute('aria-label', `Sample of ${label}`)
    button.append(pictureOf(pixels))
    button.addEventListener('click', () => pad.sample(pixels, label))
    return button
  })
  element('samples', HTMLElement).append(...buttons)
}

async function connect(worker: CallQuerier, { cohort }: PageSettings): Promise<void> {
  given(await worker('connect', cohort))
}

function offerIdentity(worker: CallQuerier): void {
  on('export', 'click', () => {
    void worker('exportIdentity').then(outcome => {
      const link = document.createElement('a')
      link.href = URL.createObjectURL(new Blob([given(outcome)], { type: 'application/json' }))
      link.download = 'slytherin-identity.json'
      link.click()
      URL.revokeObjectURL(link.href)
    }, fail)
  })
  on('import', 'change', event => {
    const [file] = (event.target as HTMLInputElement).files ?? []
    void file
      ?.text()
      .then(async text => {
        showIdentity(given(await worker('importIdentity', text)))
        await connect(worker, settings!)
      })
      .catch(fail)
  })
}

function showIdentity({ peer, line }: { readonly peer: string; readonly line: string }): void {
  say('peer', peer)
  say('line', line)
}

function offerRows(): void {
  const rows = element('rows', HTMLTextAreaElement)
  const read = (file: File | undefined): void => {
    void file?.text().then(text => {
      rows.value = text
      refresh()
    })
  }
  rows.addEventListener('input', refresh)
  on('rows-file', 'change', event => read((event.target as HTMLInputElement).files?.[0]))
  rows.addEventListener('drop', event => {
    const file = event.dataTransfer?.files[0]
    if (file === undefined) return
    event.preventDefault()
    read(file)
  })
}

async function start(): Promise<void> {
  settings = await readSettings()
  offerSamples(settings)
  const worker = startQuerier(take)
  showIdentity(given(await worker('identity')))
  offerIdentity(worker)
  ask.addEventListener('click', () => void askNow(worker))
  on('cancel', 'click', () => void worker('cancel'))
  say('state-text', token === undefined ? 'Connecting …' : 'Being let in …')
  if (token !== undefined) await acceptInvitation(token, given(await worker('prove', token, location.origin))).catch(fail)
  await connect(worker, settings)
}

select.addEventListener('change', refresh)
offerRows()
// What is seen comes first.
requestAnimationFrame(() => setTimeout(() => void start().catch(fail), 0))
