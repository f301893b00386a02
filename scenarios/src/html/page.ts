/** The frame of a report: one file, no scripts, nothing fetched; light or dark as the reader's system is. */
import { html, Markup } from './markup.js'

/** The colours by which drawings are made, for light and dark. */
export const COLOURS = `
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --surface: #ffffff; --ink: #1c1d1f; --muted: #63666b; --line: #e3e3df; --good: #1c7a4d; --bad: #b3261e;
  --series-1: #2a78d6; --series-2: #1baf7a; --series-3: #d98e00; --series-4: #7a52c7; --series-5: #6b7280; --series-6: #d6455d;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #121314; --surface: #1b1c1e; --ink: #ececea; --muted: #a2a5aa; --line: #303236; --good: #5cc48d; --bad: #f2857c;
    --series-1: #4c94ec; --series-2: #2fb586; --series-3: #d79a2b; --series-4: #a184e6; --series-5: #8b929c; --series-6: #e5677c;
  }
}
`

const STYLE = `${COLOURS}* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
header p { margin: 4px 0 0; color: var(--muted); max-width: 70ch; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 0 0 4px; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; margin-top: 16px; }
section > p { margin: 0 0 14px; color: var(--muted); max-width: 78ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 22px 0 0; padding: 0; }
.tiles div { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tiles dt { color: var(--muted); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 24px; font-weight: 600; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
.tiles small { display: block; font-size: 13px; font-weight: 400; color: var(--muted); letter-spacing: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 16px; }
.pair section { min-width: 0; }
figure { margin: 0; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 0 0 8px; padding: 0; font-size: 13px; }
.key li { display: flex; align-items: center; gap: 7px; }
.key i { width: 12px; height: 12px; border-radius: 3px; background: var(--mark); }
.key i.outline { background: none; border: 1px solid var(--mark); }
.key i.dot { border-radius: 50%; }
.key i.diamond { width: 9px; height: 9px; border-radius: 0; transform: rotate(45deg); }
.key i.bar { width: 20px; height: 3px; border-radius: 0; }
.chart { overflow-x: auto; }
.chart svg { display: block; width: 100%; height: auto; min-width: 720px; font-family: inherit; }
.chart.small svg { min-width: 0; margin: 0 auto; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--muted); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 6px; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-weight: 500; }
tbody th { font-weight: 400; }
tbody tr:last-child > * { border-bottom: 0; }
table.facts th { color: var(--muted); }
table.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
table.facts th { text-align: left; width: 38%; vertical-align: top; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(58px, 1fr)); gap: 12px 10px; list-style: none; margin: 0; padding: 0; }
.strip li { text-align: center; font-size: 13px; line-height: 1.25; }
.strip img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 6px; background: #000; border: 2px solid transparent; }
.strip .wrong img { border-color: var(--bad); }
.strip b { font-size: 16px; font-variant-numeric: tabular-nums; }
.wrong b { color: var(--bad); }
.strip small { display: block; color: var(--muted); }
.strip .wrong small { color: var(--bad); }
footer { margin-top: 20px; color: var(--muted); font-size: 13px; }
.warning { border-left: 4px solid var(--bad); background: var(--surface); color: var(--ink); padding: 10px 14px; margin-top: 14px; max-width: none; overflow-wrap: anywhere; }
.tracks { list-style: none; margin: 0; padding: 0 18px 0 0; font-size: 12.5px; }
.tracks li { display: grid; grid-template-columns: minmax(0, 32%) minmax(0, 1fr); column-gap: 22px; align-items: center; min-height: 20px; break-inside: avoid; }
.tracks span:first-child { overflow-wrap: anywhere; }
.tracks .track { position: relative; display: block; height: 100%; min-height: 20px; border-right: 1px solid var(--line); background: repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px calc(100% / var(--steps))); }
.tracks .axis .track { background: none; border: 0; }
.tracks b { position: absolute; transform: translateX(-50%); font-weight: 400; color: var(--muted); white-space: nowrap; }
.tracks i { position: absolute; top: 50%; width: 9px; height: 9px; margin: -4.5px 0 0 -4.5px; background: var(--mark); }
.tracks i.dot, .tracks i.outline { border-radius: 50%; }
.tracks i.outline { background: var(--surface); border: 1.5px solid var(--mark); }
.tracks i.diamond { transform: rotate(45deg); }
.tracks i.bar { width: 3px; height: 18px; margin: -9px 0 0 -1.5px; }
.words { columns: 2 340px; column-gap: 32px; margin: 8px 0 0; }
.words div { break-inside: avoid; padding-bottom: 8px; }
.words dt { font-weight: 600; }
.words dd { margin: 0; color: var(--muted); }
@media (max-width: 560px) {
  main { padding: 20px 12px 40px; }
  section { padding: 16px 14px; }
  .tracks li { grid-template-columns: minmax(0, 1fr); padding-bottom: 4px; }
  .tracks { padding-left: 12px; }
}
@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { background: none; font-size: 11pt; }
  main { max-width: none; padding: 0; }
  section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 12px 0; }
  h2, section > p, .key { break-after: avoid; }
  tr, .tiles div, .chart svg, .strip li { break-inside: avoid; }
  thead { display: table-header-group; }
  .chart, .scroll { overflow: visible; }
  .chart svg { min-width: 0; }
  th, td { white-space: normal; padding: 3px 5px; }
  table { font-size: 9pt; }
  details { display: none; }
}
`

/** What makes a page that fetches anything show nothing of it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

export function page(title: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text
}

/** @param rows cells of each line; the first names it */
export function table(head: readonly string[], rows: readonly (readonly (string | Markup)[])[], caption?: string): Markup {
  return html`<div class="scroll"><table>${caption === undefined ? undefined : html`<caption>${caption}</caption>`}
<thead><tr>${head.map(cell => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map(cell => html`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>`
}

/** Names and what they stand for. */
export function facts(rows: readonly (readonly [string, string])[]): Markup {
  return html`<table class="facts"><tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>`
}
