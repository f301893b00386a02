/** Numbers as people read them. */

const DAY = 86_400

/** @param seconds at least 0 */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 2 * DAY) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / DAY)} days`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toPrecision(value >= 9.995 ? 3 : 2)} ${UNITS[unit]}`
}

export function formatCount(count: number): string {
  return count.toLocaleString('en')
}

/** @param unit of one, that takes an s for several */
export function formatMany(count: number, unit: string): string {
  return `${formatCount(count)} ${unit}${count === 1 ? '' : 's'}`
}

/** log2 of an error, as a power of two. */
export function formatPower(log2: number): string {
  return Number.isFinite(log2) ? `2^${log2.toFixed(1).replace('-', '−')}` : 'exact'
}

/** @param milliseconds since 1970; beyond year 275760 there is no date */
export function formatTime(milliseconds: number): string {
  return milliseconds > 0 && milliseconds <= 8.64e15 ? new Date(milliseconds).toISOString().slice(11, 19) : '–'
}

export function formatDate(milliseconds: number): string {
  return milliseconds > 0 && milliseconds <= 8.64e15 ? new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ') : '–'
}

/** Of an identifier, enough to tell it from others. */
export function shorten(identifier: string): string {
  return /^[0-9a-f]{16,}$/i.test(identifier) ? identifier.slice(0, 12) : identifier
}
