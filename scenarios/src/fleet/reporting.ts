/** A measurement of a fleet as whoever asked for it gets it: on standard output, as a file, as a chart. */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { describeMachine } from '../machine.js'
import { type Bar, renderBars } from './chart.js'
import type { Measured } from './speedup.js'

export interface ReportFiles {
  readonly json?: string
  readonly chart?: string
}

/** Of processes that wait for a core, by core, over the last minute: what else a machine was doing. */
export const loadNow = (): number => loadavg()[0]! / cpus().length

/** What an earlier report has measured; nothing where there is none. */
export async function keptMeasurements(file: string): Promise<readonly Measured[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  return (JSON.parse(text) as { readonly measured?: readonly Measured[] }).measured ?? []
}

export async function report(
  values: object,
  { json, chart }: ReportFiles,
  drawn: { readonly title: string; readonly bars: readonly Bar[] }
): Promise<void> {
  const text = `${JSON.stringify({ ...values, machine: describeMachine() }, undefined, 2)}\n`
  process.stdout.write(text)
  if (json !== undefined) await writeFile(json, text)
  if (chart !== undefined) await writeFile(chart, renderBars(drawn.title, drawn.bars))
}
