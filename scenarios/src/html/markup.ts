/** Text for HTML: nothing that comes from outside reaches the page unescaped. */

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => ENTITIES[character]!)
}

/** Markup that is to stay as it is inside `html`. */
export class Markup {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text
  }
}

type Part = Markup | string | number | undefined | false | readonly Part[]

/** Template whose values are escaped, unless they are markup themselves; undefined and false leave nothing. */
export function html(fixed: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(fixed.map((text, k) => (k < parts.length ? text + place(parts[k]) : text)).join(''))
}

function place(part: Part): string {
  if (part === undefined || part === false) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(place).join('')
  return escapeHtml(String(part))
}
