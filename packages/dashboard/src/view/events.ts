/** Lines of the audit log in words. */
import type { AuditEvent } from '../status.js'
import { formatTime, shorten } from './format.js'

export interface EventView {
  readonly key: string
  readonly time: string
  readonly title: string
  readonly details: string
  readonly tone: 'plain' | 'bad'
}

/** What somebody should look into. */
const BAD: ReadonlySet<string> = new Set(['not-endorsed', 'query-failed', 'query-expired', 'query-given-up'])

export function eventViews(events: readonly AuditEvent[]): EventView[] {
  return events.map(({ time, event, ...fields }, at) => ({
    key: `${events.length - at} ${time}`,
    time: formatTime(time),
    title: event.replaceAll('-', ' '),
    details: Object.entries(fields)
      .filter(([, value]) => value !== '' && value !== undefined && value !== null)
      .map(([field, value]) => `${field} ${textOf(value)}`)
      .join(' · '),
    tone: BAD.has(event) ? 'bad' : 'plain'
  }))
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  if (typeof value !== 'object' || value === null) return shorten(String(value))
  const { name, peer } = value as { readonly name?: unknown; readonly peer?: unknown }
  return String(name ?? peer ?? JSON.stringify(value))
}
