/** The page that sums up all reports: what was answered, how long it took, what it cost. */
import { formatBytes } from '@slytherin/engine'
import { small } from '../html/figures.js'
import type { ScenarioReport } from '../report/scenario-report.js'
import { score } from '../report/words.js'
import type { KeptReport } from './kept-reports.js'
import { markdownTable } from './markdown.js'

interface Column {
  readonly head: string
  readonly cell: (report: ScenarioReport) => string
}

const NONE = '–'

/** Two digits that mean something, or three. */
export const seconds = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 0.1 || value === 0 ? value.toFixed(2) : value.toPrecision(2)
export const rate = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

const encrypted = ({ operands }: ScenarioReport): string =>
  operands.data === 'clear' ? 'model' : operands.weights === 'clear' ? 'data' : 'model, data'

const answers: readonly Column[] = [
  { head: 'network', cell: network },
  { head: 'encrypted', cell: encrypted },
  { head: 'key holders', cell: report => String(report.parties) },
  { head: 'images', cell: report => String(report.images) },
  { head: 'accuracy: clear', cell: report => score(report.task, report.accuracy.clear) },
  { head: 'polynomial', cell: report => score(report.task, report.accuracy.polynomial) },
  { head: 'simulated', cell: simulatedAccuracy },
  { head: 'encrypted', cell: report => score(report.task, report.accuracy.encrypted) },
  {
    head: "same as the file's network",
    // a report that does not tell disagreements apart compared with the polynomial network
    cell: ({ task, agreement, images, disagreements }: ScenarioReport & { disagreements?: ScenarioReport['disagreements'] }) => {
      if (task === 'regression') return score(task, agreement)
      return `${Math.round(agreement * images)} of ${images}${disagreements === undefined ? ' (of the polynomial one)' : ''}`
    }
  },
  {
    head: 'changed by encryption: near ties, beyond',
    cell: ({ disagreements: changed }: Partial<ScenarioReport>) => (changed ? `${changed.within}, ${changed.beyond}` : NONE)
  },
  { head: 'worst logit error / largest logit', cell: report => small(report.maxLogitError / report.maxLogit) }
]

/** With what stands for its activations, where they are no polynomials. */
function network({ model, activations }: ScenarioReport): string {
  const degrees = [...new Set(activations.map(({ activation, degree }) => `${activation} by degree ${degree}`))]
  return degrees.length === 0 ? model : `${model} (${degrees.join(', ')})`
}

function simulatedAccuracy({ task, accuracy, images, simulatedImages }: ScenarioReport): string {
  if (accuracy.simulated === undefined) return NONE
  return score(task, accuracy.simulated) + (simulatedImages === images ? '' : ` (first ${simulatedImages})`)
}

const times: readonly Column[] = [
  { head: 'images', cell: report => String(report.images) },
  { head: 'ceremony', cell: report => seconds(report.secondsByPhase.ceremony) },
  { head: 'model upload', cell: report => (report.operands.weights === 'clear' ? NONE : seconds(report.secondsByPhase.modelUpload)) },
  { head: 'data', cell: report => (report.operands.data === 'clear' ? NONE : seconds(report.secondsByPhase.dataEncryption)) },
  { head: 'evaluation', cell: report => seconds(report.secondsByPhase.evaluation) },
  { head: 'as planned', cell: report => seconds(report.planned.seconds.evaluation) },
  { head: 'of which refreshing', cell: report => (report.refreshes === 0 ? NONE : seconds(report.secondsByPhase.refresh)) },
  { head: 'result', cell: report => seconds(report.secondsByPhase.result) },
  // Reports of earlier releases lack what follows.
  {
    head: 'samples to answers, first batch',
    cell: ({ endToEndSeconds: whole }: Partial<ScenarioReport>) => (whole ? seconds(whole.loopback) : NONE)
  },
  {
    head: 'the same as planned',
    cell: ({ endToEndSeconds: whole }: Partial<ScenarioReport>) =>
      whole?.planned.loopback === undefined ? NONE : seconds(whole.planned.loopback)
  },
  {
    head: 'planned at 1 Gbit/s, at 100 Mbit/s and 40 ms',
    cell: ({ endToEndSeconds: whole }: Partial<ScenarioReport>) =>
      whole ? `${seconds(whole.planned.lan)}, ${seconds(whole.planned.wan)}` : NONE
  },
  { head: 'all', cell: report => seconds(report.secondsByPhase.total) },
  { head: 'images per second of evaluation', cell: report => rate(report.images / report.secondsByPhase.evaluation) }
]

const costs: readonly Column[] = [
  { head: 'ring', cell: report => `2^${report.parameters.logN}` },
  { head: 'log2(QP)', cell: report => report.parameters.logQP.toFixed(0) },
  { head: 'flooding bits', cell: report => String(report.parameters.floodingBits) },
  { head: 'distance bits', cell: ({ parameters: { floodingDistanceBits: bits } }) => (bits === undefined ? NONE : bits.toFixed(1)) },
  { head: 'refreshes', cell: report => String(report.refreshes) },
  { head: 'encrypted model', cell: report => (report.planned.bytes.model === 0 ? NONE : formatBytes(report.planned.bytes.model)) },
  {
    head: 'a query up, down',
    cell: ({ queryBytes: bytes }: Partial<ScenarioReport>) => (bytes ? `${formatBytes(bytes.up)}, ${formatBytes(bytes.down)}` : NONE)
  },
  { head: 'sent: each key holder', cell: report => sentBy(report, 'key-holder') },
  { head: 'model owner', cell: report => sentBy(report, 'model-owner') },
  { head: 'data owner', cell: report => sentBy(report, 'data-owner') },
  { head: 'evaluator', cell: report => sentBy(report, 'evaluator') },
  { head: 'peak memory: evaluator', cell: evaluatorMemory },
  { head: 'each other party, at most', cell: otherMemory },
  { head: 'all', cell: report => formatBytes(report.peakMemoryBytes) }
]

type Role = ScenarioReport['rolesByParty'][string][number]

const partiesWith = ({ rolesByParty }: ScenarioReport, role: Role): string[] =>
  Object.keys(rolesByParty).filter(name => rolesByParty[name]!.includes(role))

/** Of the party that sent most among those with the role. */
function sentBy(report: ScenarioReport, role: Role): string {
  return formatBytes(Math.max(...partiesWith(report, role).map(name => report.bytesByParty[name]?.sent ?? 0)))
}

function evaluatorMemory(report: ScenarioReport): string {
  const [name] = partiesWith(report, 'evaluator')
  return formatBytes(report.peakMemoryByParty[name!] ?? 0)
}

function otherMemory(report: ScenarioReport): string {
  const evaluators = partiesWith(report, 'evaluator')
  const others = Object.entries(report.peakMemoryByParty).filter(([name]) => !evaluators.includes(name))
  return others.length === 0 ? NONE : formatBytes(Math.max(...others.map(([, bytes]) => bytes)))
}

function tableOf(kept: readonly KeptReport[], columns: readonly Column[]): string {
  return markdownTable(
    ['report', ...columns.map(column => column.head)],
    kept.map(({ run: { name }, report }) => [`[${name}](${name}.html)`, ...columns.map(column => column.cell(report))])
  )
}

/** What the reports were measured on: one line per machine. */
function machinesOf(kept: readonly KeptReport[]): string {
  const lines = kept.map(
    ({ report: { machine } }) =>
      `${machine.processor}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)} of memory, Node ${machine.node.replace(/^v/, '')}`
  )
  return [...new Set(lines)].join('; ')
}

/**
 * @param curve file of the chart, beside the page
 * @returns Markdown
 */
export function renderOverview(kept: readonly KeptReport[], curve: string | undefined): string {
  return `# Reports

Every network, run whole: one operating-system process per party, real sockets, real test data, answers held against the network in the clear. \`npm run reports\`
runs the list in [scenarios/reports.yaml](../../scenarios/reports.yaml), one run after the other, and writes this page; \`npm run reports -- NAME\` runs one of them.
Each report is there twice: HTML for people (one file, opens offline; linked below), JSON of the same name for programs; [scenarios](../../scenarios) says what is in it.

Measured on ${machinesOf(kept)}, which all parties of a run share.

## Answers

The same images each way: the network of the file in float64, what is left of it after approximating and fusing, the plan on clear values with modelled noise, and what
the querier decrypted. "Same as" holds the encrypted answers against the first; the answers that encryption changed and the error hold them against the second. Near ties are those that errors
within six standard deviations explain. A regression has an R² in place of a share of right answers.

${tableOf(kept, answers)}

## Seconds

As the evaluator measured them, "data" as the data owner did; "all" is from the start of the processes to the end of the last. Several key holders on one machine share its cores: they make their
shares one after the other here, at once where each has a machine of its own.

${tableOf(kept, times)}
${curve === undefined ? '' : `\nCryptoNet with encrypted data, by the number of images:\n\n![Evaluation time by number of images](${curve})\n`}
## Bytes and memory

Bytes are of frames on the wire; of several key holders those of the one that sent most. Memory is resident at its peak.

${tableOf(kept, costs)}
`
}
