/** Events as lines for people: seconds since start, phase, how far, what. */
import { formatBytes } from '@slytherin/engine'
import { plainText } from '@slytherin/protocol'
import type { Configuration } from '../configuration/schema.js'
import type { Answers, PartyEvent } from '../events.js'
import type { Streams } from './console.js'

/** Longest line, in characters. */
const MAXIMUM_LINE = 4000
/** A phase's steps are shown at most this often, in ms; its first and last always. */
const INTERVAL = 1000

export class ProgressLines {
  private readonly start = performance.now()
  private readonly shown = new Map<string, number>()

  constructor(
    private readonly configuration: Configuration,
    private readonly streams: Streams
  ) {}

  show(event: PartyEvent): void {
    const text = this.describe(event)
    if (text === undefined) return
    const seconds = ((performance.now() - this.start) / 1000).toFixed(1).padStart(7)
    this.streams.out(`${seconds} s  ${plainText(text, MAXIMUM_LINE)}\n`)
  }

  private describe(event: PartyEvent): string | undefined {
    switch (event.event) {
      case 'started':
        return `${event.name} (${event.roles.join(', ')}) listens on ${event.addresses.join(', ') || 'nothing: it dials'}`
      case 'peer':
        return `${event.name} ${event.state === 'left' ? 'has left' : `is ${event.state}`}${event.reason === undefined ? '' : `: ${event.reason}`}`
      case 'waiting':
        return `waiting for ${event.name}: ${event.message}, phase ${event.phase}, since ${event.seconds} s`
      case 'decryptions':
        return this.due(`decryptions ${event.querier}`, event.left > 0 ? 0 : 1, 1)
          ? `${event.name} may have ${event.left} of ${event.allowed} ciphertexts decrypted yet`
          : undefined
      case 'progress':
        return this.due(event.phase, event.done, event.total)
          ? `${event.phase.padEnd(20)} ${`${event.done}/${event.total}`.padStart(9)}  ${event.step ?? this.nameOf(event.peer)}`.trimEnd()
          : undefined
      case 'ready':
        return 'ready for queries'
      case 'result':
        return describeAnswers(event)
      case 'session':
        return `session ${event.session.slice(0, 12)} ended: ${event.queries} queries, ${event.refreshes} refreshes, ${formatBytes(event.bytes.sent)} sent, ${formatBytes(event.bytes.received)} received, ${formatBytes(event.peakMemoryBytes)} of memory at most`
      case 'refused':
        return `refused ${this.nameOf(event.peer) || event.peer}: ${event.error.message}`
      case 'error':
        return `${event.error.name}: ${event.error.message}`
      default:
        return undefined
    }
  }

  private due(phase: string, done: number, total: number): boolean {
    const now = performance.now()
    const last = this.shown.get(phase)
    if (last !== undefined && done < total && now - last < INTERVAL) return false
    this.shown.set(phase, now)
    return true
  }

  private nameOf(peer: string | undefined): string {
    return this.configuration.roster.find(entry => entry.peerId === peer)?.name ?? ''
  }
}

/** Classes by their names, values with the standard deviation of their errors; what errors could have turned is marked. */
function describeAnswers({ parts, ...answers }: Answers): string {
  if (parts === undefined) return describeOne(answers)
  return parts.map(part => `${part.name}: ${describeOne(part)}`).join('; ')
}

function describeOne({
  task,
  predictions,
  nearTies,
  deviations
}: Pick<Answers, 'task' | 'predictions' | 'nearTies' | 'deviations'>): string {
  if (task === 'regression') {
    const values = predictions.map((value, k) =>
      list(value).map((number, output) => withError(Number(number), deviations?.[k]?.[output] ?? 0))
    )
    return `values: ${values.map(row => row.join(', ')).join('; ')}`
  }
  const told = predictions.map(
    (prediction, k) => `${Array.isArray(prediction) ? `{${prediction.join(', ')}}` : prediction}${nearTies.includes(k) ? '?' : ''}`
  )
  const ties = nearTies.length === 0 ? '' : ` (?: too near for the error of the computation, ${nearTies.length} of ${predictions.length})`
  return `predictions: ${told.join(' ')}${ties}`
}

const list = (prediction: Answers['predictions'][number]): readonly (string | number)[] =>
  Array.isArray(prediction) ? prediction : [prediction as string | number]

/** The value to the digits that its error leaves. */
function withError(value: number, deviation: number): string {
  if (!(deviation > 0)) return String(value)
  const digits = Math.max(0, Math.min(12, 1 - Math.floor(Math.log10(deviation))))
  return `${value.toFixed(digits)} ± ${deviation.toPrecision(2)}`
}
