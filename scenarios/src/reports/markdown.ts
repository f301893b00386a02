/** Tables as Markdown. */

const escaped = (cell: string): string => cell.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ')

/** The first column holds names, the others figures. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n')
}
