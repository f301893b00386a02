/** `npm run demo`: a standing service on this machine, in about a minute. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { forPage, servePage } from '../browser/serve.js'
import { EXIT_FAILED, EXIT_USAGE, positive, stopping } from '../command-line.js'
import { LASTING, serveCohort } from '../gateway/serve.js'
import { loadServiceScenario } from '../service/description.js'
import { renderDemoPage } from './page.js'
import { StepLines } from './progress.js'
import { failuresOfDemo } from './report.js'
import { runDemo } from './run.js'
import { renderDemo } from './show.js'

const DEMO = fileURLToPath(new URL('../../demo.yaml', import.meta.url))
const DESCRIPTION = `A standing service on this machine, one process per party: three key holders make keys once, a company puts up its
network once, encrypted; two queriers ask about real images, encrypted, too. In the middle of the first query a key holder is killed
(SIGKILL): any two suffice, and nothing is lost. Fails when an answer is not that of the network in the clear.`

interface CommandLine {
  images?: number
  report?: string
  keep?: boolean
  gateway?: number
  browser?: boolean | number
  open: boolean
}

const program = new Command('demo')
  .description(DESCRIPTION)
  .option('--images <count>', 'images per query', positive)
  .option('--report <file>', 'write the report as JSON, and as HTML beside it')
  .option('--keep', 'leave the state directories of the parties in place')
  .option(
    '--gateway <port>',
    'in place of the queries: stay, with a gateway on this port in front of a querier, until told to stop',
    positive
  )
  .option('--browser [port]', 'in place of the queries: stay, with a page on this port that asks, and open it', positive)
  .option('--no-open', 'print the address of the page only')
  .addHelpText(
    'after',
    `
Examples:
  npm run demo
  npm run demo -- --report demo.json                         # and demo.html
  npm run demo -- --browser                                  # draw a digit in a page: encrypted there, answered by the cohort
  npm run demo -- --gateway 8080                             # programs ask: curl, tritonclient, clients/python
  npm run scenario -- scenarios/both-encrypted.yaml          # one session with a witness, in place of a service
  npm run scenario -- scenarios/service.yaml --minutes 3     # a service for longer, with kills at random instants`
  )
  .showHelpAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .parse()

process.exitCode = await main(program.opts<CommandLine>())

async function main({ images, report: file, keep, gateway, browser, open }: CommandLine): Promise<number> {
  const lines = new StepLines()
  try {
    const loaded = await loadServiceScenario(DEMO)
    const scenario = images === undefined ? loaded : { ...loaded, models: loaded.models.map(model => ({ ...model, batch: images })) }
    if (gateway !== undefined) {
      lines.stop()
      await serveCohort({ ...scenario, ...LASTING }, { port: gateway, keep: keep === true, signal: stopping() })
      return 0
    }
    if (browser !== undefined) {
      lines.stop()
      const port = typeof browser === 'number' ? browser : 0
      await servePage(forPage(scenario), { port, open, keep: keep === true, signal: stopping() })
      return 0
    }
    lines.say(`${scenario.name}: ${scenario.description}`)
    const outcome = await runDemo(scenario, {
      signal: stopping(),
      keep,
      onLine: text => lines.line(text),
      onStep: (step, done, total) => lines.step(step, done, total)
    })
    lines.stop()
    const { report } = outcome
    if (file !== undefined) {
      const page = `${file.slice(0, file.length - extname(file).length)}.html`
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, `${JSON.stringify(report, null, 2)}\n`)
      await writeFile(page, renderDemoPage(report, outcome))
      lines.say(`report: ${file}, ${page}`)
    }
    process.stdout.write(`\n${renderDemo(report, outcome)}\n`)
    const failures = failuresOfDemo(report)
    for (const failure of failures) lines.say(`failed: ${failure}`)
    return failures.length === 0 ? 0 : EXIT_FAILED
  } catch (error) {
    lines.stop()
    lines.say(error instanceof Error ? error.message : String(error))
    return EXIT_FAILED
  }
}
