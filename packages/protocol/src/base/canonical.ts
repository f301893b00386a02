/**
 * Canonical JSON: keys sorted by code unit, no white space, numbers in JavaScript's shortest form, UTF-8. Two equal values have equal bytes everywhere, so
 * that a hash or signature over the bytes speaks of the value.
 */

/** @throws TypeError for what JSON cannot say exactly: non-finite numbers, undefined array elements, functions, bigint. Undefined properties are left out. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`no canonical JSON for ${value}`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
    return `{${members.join(',')}}`
  }
  throw new TypeError(`no canonical JSON for a ${typeof value}`)
}

export function canonicalBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value))
}

/** @throws SyntaxError, TypeError for bytes that are not UTF-8 or not JSON */
export function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
}
