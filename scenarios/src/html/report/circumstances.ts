/** What a report rests on: parameters, machine, release and model file. */

import { formatBytes } from '@slytherin/engine'
import type { ScenarioReport } from '../../report/scenario-report.js'
import { describeDistance } from '../../report/words.js'
import { powerOf } from '../figures.js'
import { html, type Markup } from '../markup.js'
import { facts } from '../page.js'

export function parameters(report: ScenarioReport): Markup {
  const { logN, logQP, securityBits, primeBits, specialPrimeBits, floodingBits, floodingDistanceBits, maximumDecryptions } =
    report.parameters
  const bits = (values: readonly number[]): string => [...new Set(values.map(value => value.toFixed(1)))].join(', ')
  return html`<section><h2>Parameters</h2>${facts([
    ['Ring degree N', `${powerOf(2, logN)} (${2 ** (logN - 1)} slots)`],
    ['log2(QP)', logQP.toFixed(1)],
    ['Security', `${securityBits} bits, ternary secret (eprint 2024/463)`],
    ['Primes', `${primeBits.length} of ${bits(primeBits)} bits, special ${bits(specialPrimeBits)} bits`],
    ['Flooding', `${floodingBits} bits of security per key holder`],
    ['Statistical distance of a session', describeDistance(floodingDistanceBits)],
    ['Decryptions allowed', String(maximumDecryptions)],
    ['Key holders', String(report.parties)],
    ['Refreshes', String(report.refreshes)],
    [
      'Batch',
      `${report.batch} samples per query, ${report.batchBlock} per ciphertext, ${report.queries} ${report.queries === 1 ? 'query' : 'queries'}`
    ],
    ['Encrypted model', report.planned.bytes.model === 0 ? 'none, the model is clear' : formatBytes(report.planned.bytes.model)],
    ['Evaluator', report.evaluator]
  ])}</section>`
}

export function machine({ machine }: ScenarioReport): Markup {
  return html`<section><h2>Machine</h2>${facts([
    ['Processor', machine.processor],
    ['Cores', String(machine.cores)],
    ['Memory', formatBytes(machine.memoryBytes)],
    ['System', machine.system],
    ['Node', machine.node],
    ['V8', machine.v8]
  ])}</section>`
}

/** Reports of earlier releases do not say it. */
export function provenance({ provenance, model, createdAt }: ScenarioReport): Markup | undefined {
  if (provenance === undefined) return undefined
  const { version, commit, modified, modelHash } = provenance
  return html`<section><h2>Made with</h2>${facts([
    ['slytherin', version],
    ['Commit', commit === undefined ? 'unknown: not a clone' : `${commit}${modified === true ? ', with changes' : ''}`],
    ['Model file', model],
    ['Its SHA-256', modelHash],
    ['Measured', createdAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')]
  ])}</section>`
}
