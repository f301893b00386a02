/** A running party as what stands behind a gateway: asked over its socket, which only its own user can open. */
import { type Asked, type Backend, type BackendCode, BackendError, type Catalogue, type SampleAnswer } from '@slytherin/gateway'
import { askParty } from '../control/client.js'
import type { Progress } from '../control/commands.js'
import { CommandFailedError, NoPartyError } from '../control/errors.js'
import type { AnswerReport } from '../control/reports.js'

/** How long the evaluator may be away before a query is given up, milliseconds. */
const ABSENCE = 5_000
/** How long the party may take to say what there is to ask. */
const CATALOGUE_PATIENCE = 10_000

export interface PartyBackendOptions {
  /** State directory of the party. */
  readonly state: string
  /** Its configuration. */
  readonly file: string
  /** What it calls itself. */
  readonly name: string
}

export class PartyBackend implements Backend {
  readonly #options: PartyBackendOptions

  constructor(options: PartyBackendOptions) {
    this.#options = options
  }

  async catalogue(): Promise<Catalogue> {
    const { name, ...party } = this.#options
    try {
      const signal = AbortSignal.timeout(CATALOGUE_PATIENCE)
      const { evaluator, models } = await askParty('query.models', {}, { ...party, signal })
      const away = evaluator.state === 'down'
      const missing = [
        ...(away ? [`the evaluator ${evaluator.name} is not connected`] : []),
        ...(models.length === 0 ? ['no model is published'] : [])
      ]
      return { party: name, missing, models: models.map(({ owner, ...model }) => ({ ...model, owner: owner.name })) }
    } catch (error) {
      throw translated(error)
    }
  }

  async predict({ model, grant, rows, values }: Asked, signal: AbortSignal): Promise<readonly SampleAnswer[]> {
    const { state, file } = this.#options
    const absence = new Absence()
    try {
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
      const { answer } = await askParty(
        'query.ask',
        {
          model: model.name,
          revision: model.revision,
          grant,
          samples: { rows, values: bytes.toString('base64') },
          follow: true,
          transient: true
        },
        { state, file, signal: AbortSignal.any([signal, absence.signal]), onProgress: progress => absence.see(progress) }
      )
      return answersOf(answer!)
    } catch (error) {
      signal.throwIfAborted()
      throw translated(error)
    } finally {
      absence.end()
    }
  }
}

/** Ends a query whose evaluator stays away: it would wait for as long as it takes. */
class Absence {
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  see({ phase, text }: Progress): void {
    if (phase !== 'absent') this.end()
    else this.#timer ??= setTimeout(() => this.#abort.abort(new BackendError('evaluator-absent', text)), ABSENCE)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function answersOf({ logits, values, predictions, nearTies, parts }: AnswerReport): SampleAnswer[] {
  const near = new Set(nearTies)
  return logits.map((row, k) => ({
    logits: row,
    values: values[k]!,
    prediction: predictions[k]!,
    nearTie: near.has(k),
    ...(parts === undefined
      ? {}
      : { parts: parts.map(part => ({ name: part.name, values: part.values[k]!, prediction: part.predictions[k]! })) })
  }))
}

/** What a grant can be out of. */
const COUNTED: ReadonlySet<string | undefined> = new Set(['queries', 'decryptions'])

const MEANING: Readonly<Record<string, BackendCode>> = {
  'grant-refused': 'grant-refused',
  'not-permitted': 'grant-refused',
  'queue-full': 'queue-full',
  'quota-exceeded': 'queue-full',
  'storage-full': 'queue-full',
  'peer-unreachable': 'evaluator-absent',
  'deadline-exceeded': 'no-answer',
  'epoch-refused': 'refused',
  'release-refused': 'refused',
  'not-found': 'refused',
  'version-mismatch': 'refused'
}

function translated(error: unknown): BackendError {
  if (error instanceof BackendError) return error
  if (error instanceof NoPartyError)
    return new BackendError('party-absent', 'the party behind this gateway is not running', { cause: error })
  if (error instanceof CommandFailedError) {
    const { code, message, field } = error
    const spent = code === 'grant-refused' && COUNTED.has(field)
    // Details of what is malformed could be of a sample.
    const told = MEANING[code] === undefined ? `${code}: see the log of the party` : message
    return new BackendError(spent ? 'quota-spent' : (MEANING[code] ?? 'failed'), told, { cause: error })
  }
  return new BackendError('failed', 'the party ended before it answered: see its log', { cause: error })
}
