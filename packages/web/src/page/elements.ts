/** Elements of the page by their id. */
type Type<T> = abstract new () => T

export function element<T extends HTMLElement>(id: string, type: Type<T>): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`)
  return found
}

export function say(id: string, text: string): void {
  const found = element(id, HTMLElement)
  // What is said again is read out again.
  if (found.textContent !== text) found.textContent = text
}

export function on(id: string, kind: string, listener: (event: Event) => void): void {
  element(id, HTMLElement).addEventListener(kind, listener)
}
