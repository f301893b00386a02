/** Names for what several nodes make together. */

/** Longest common prefix of node names, for exporters that write an activation as 'act1/mul', 'act1/add'. */
export function commonName(names: readonly string[], fallback: string): string {
  if (names.length === 0) return fallback
  let prefix = names[0]!
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return (names.length > 1 ? prefix.replace(/[/._-]+$/, '') : prefix) || fallback
}
