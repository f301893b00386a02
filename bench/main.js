/**
 * Benchmark of the ring kernel and everything on it, against node-seal in the same run. `npm run bench -- --help`.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { loadKernel, warmUp } from '@slytherin/ring'
import { describeMachine, describeVersions } from './machine.js'
import { compare, QUICK, THOROUGH } from './measure.js'
import { describePlanning, measurePlanning } from './planning.js'
import { evaluatorRows, LINEAR_ROTATIONS } from './rows/evaluator.js'
import { multipartyRows } from './rows/multiparty.js'
import { describeProofs, proofRows } from './rows/proofs.js'
import { schemeRows } from './rows/scheme.js'
import { Bench, HOISTED, SHAPES } from './shapes.js'

/**
 * @typedef {object} Row
 * @property {string} operation
 * @property {string} title
 * @property {string} [note]
 * @property {(bench: Bench) => { kernel: import('./measure.js').Timed, seal: import('./measure.js').Timed | null } | null} prepare null: not possible at this shape
 *
 * @typedef {object} Result times in milliseconds: the minimum, and the median beside it
 * @property {string} operation
 * @property {string} title
 * @property {number} logN
 * @property {number} primes
 * @property {number} specialPrimes
 * @property {number} threads
 * @property {number} kernelMs
 * @property {number} kernelMedianMs
 * @property {number | null} sealMs null: SEAL has no such operation
 * @property {number | null} sealMedianMs
 * @property {number | null} sealSpecialPrimes what SEAL was measured with; it knows one only
 * @property {number | null} ratio of the minima, SEAL over kernel
 * @property {string} [note]
 */

const HELP = `Usage: npm run bench -- [options]

Times the operations of the ring kernel, the scheme, the evaluator, the protocols' shares and proofs of encryption, each side warmed up before it is measured, and node-seal's where
it has them. Minimum and median of many runs; the ratio is that of the minima.

  --json FILE       write {machine, versions, rows} as well
  --only PATTERN    rows whose "operation @ shape" matches this regular expression, such as 'rotate', 'share-', '@ 2\\^14, 7\\+2'
  --quick           about ten seconds of measuring in all: for a first impression
  --variant NAME    kernel variant: auto (default), simd, revectorised, fallback
  --threads N       threads of the kernel, 1 by default; node-seal always has one
  --list            the rows and shapes, without measuring
  --help            this

A table for the README: node bench/table.js FILE`

const rows = [...schemeRows(), ...evaluatorRows(), ...multipartyRows(), ...proofRows()]
const nameOf = shape => `2^${shape.logN}, ${shape.primes}+${shape.specialPrimes}`

function options() {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      variant: { type: 'string', default: 'auto' },
      threads: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  return values
}

const milliseconds = figure =>
  figure === null ? '–' : figure < 0.1 ? figure.toFixed(4) : figure < 10 ? figure.toFixed(3) : figure.toFixed(1)

async function main() {
  const { json, only, quick, variant, threads: wanted, list, help } = options()
  if (help) return void console.log(HELP)
  const pattern = new RegExp(only ?? '')
  const chosen = shape => rows.filter(row => pattern.test(`${row.operation} @ ${nameOf(shape)}`))
  if (list) {
    if (pattern.test('planning')) console.log('planning')
    for (const shape of SHAPES) for (const row of chosen(shape)) console.log(`${row.operation} @ ${nameOf(shape)}`)
    return
  }
  // in a process that has done nothing else: what it takes in memory is told
  const planning = pattern.test('planning') ? measurePlanning() : undefined
  if (planning) console.log(describePlanning(planning))
  if (SHAPES.every(shape => chosen(shape).length === 0)) {
    if (planning && json) writeFileSync(json, `${JSON.stringify({ machine: describeMachine(), planning }, null, 2)}\n`)
    if (planning) return
    throw new Error(`no row matches --only ${only}; --list shows them`)
  }

  const threads = Number(wanted)
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`--threads takes a positive integer, got ${wanted}`)
  const machine = describeMachine()
  const effort = quick ? QUICK : THOROUGH
  const versions = describeVersions((await loadKernel({ variant })).variant)
  console.log(
    `${machine.cpu}, ${machine.cores} cores; Node ${versions.node}, node-seal ${versions['node-seal']}, kernel ${versions.kernel}; one thread`
  )
  console.log(`Milliseconds, each side warm: it has run for ${effort.warmUpMs} ms before.`)
  /** @type {Result[]} */
  const results = []
  for (const shape of SHAPES) {
    if (chosen(shape).length === 0) continue
    console.log(
      `\nN = ${nameOf(shape)} primes`.padEnd(51) + ['kernel', 'median', 'SEAL', 'median', 'ratio'].map(title => title.padStart(10)).join('')
    )
    // a kernel of its own, so that what one shape leaves in memory does not meet the next
    await using kernel = await loadKernel({ variant, threads })
    await warmUp(kernel)
    const bench = await Bench.create(shape, kernel, [...HOISTED, ...LINEAR_ROTATIONS])
    for (const row of chosen(shape)) {
      using scope = new DisposableStack()
      bench.stack = scope
      const prepared = row.prepare(bench)
      if (prepared === null) continue
      const [ours, seal] = compare([prepared.kernel, prepared.seal], effort)
      const ratio = seal === null ? null : seal.minimum / ours.minimum
      results.push({
        operation: row.operation,
        title: row.title,
        ...shape,
        threads,
        kernelMs: ours.minimum,
        kernelMedianMs: ours.median,
        sealMs: seal?.minimum ?? null,
        sealMedianMs: seal?.median ?? null,
        sealSpecialPrimes: seal === null ? null : 1,
        ratio,
        ...(row.note === undefined ? {} : { note: row.note })
      })
      const figures = [ours.minimum, ours.median, seal?.minimum ?? null, seal?.median ?? null].map(milliseconds)
      console.log(
        `  ${row.title.padEnd(48)}${[...figures, ratio === null ? '' : `${ratio.toFixed(1)}×`].map(text => text.padStart(10)).join('')}`
      )
    }
    bench.dispose()
  }
  if (SHAPES.some(shape => shape.specialPrimes > 1 && chosen(shape).length > 0)) {
    console.log('\nSEAL knows one special prime: where the kernel has two, SEAL is measured with one and the same ciphertext primes.')
  }
  const proofs = describeProofs(results)
  if (proofs.length > 0) console.log(`\n${proofs.join('\n')}`)
  if (json) writeFileSync(json, `${JSON.stringify({ machine, versions, rows: results, ...(planning ? { planning } : {}) }, null, 2)}\n`)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
