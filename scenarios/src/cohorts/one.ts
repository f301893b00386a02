/** One cohort in a process of its own, so that its memory is its own: `one.js HOLDERS THRESHOLD` prints its figures as JSON. */
import { stopping } from '../command-line.js'
import { runCohort } from './cohort.js'
import { figuresOf } from './report.js'

const [holders, threshold] = process.argv.slice(2).map(Number) as [number, number]
const run = await runCohort(holders, threshold, stopping())
process.stdout.write(`${JSON.stringify(figuresOf(run, process.resourceUsage().maxRSS * 1024))}\n`)
