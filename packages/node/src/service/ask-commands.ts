/** Commands that ask: which models there are to ask, and samples to one of them, from a file or, for a program on this machine, as they are. */
import { finalLength } from '@slytherin/engine'
import type { Plan } from '@slytherin/protocol'
import type { QueryEvent, ServiceNode } from '@slytherin/protocol/service'
import type { CommandContext, CommandHandlers, ParametersOf } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import type { AnswerReport, AskableModel, AskableReport } from '../control/reports.js'
import { SampleFile } from '../data/samples.js'
import type { ServiceContext } from './context.js'
import { type KnownRelease, onlyOne, releaseOf, releasesOf } from './lookup.js'
import { samplesOf } from './model-files.js'
import { answered, answerOf, reportOf, tell } from './query-commands.js'
import { presence } from './status-report.js'

/** How long the evaluator may take to hear that a query is of no use any more. */
const CANCEL_PATIENCE = 10_000

/** A query whose caller waits and does not come back lives no longer, milliseconds. */
const TRANSIENT_LIFE = 3_600_000

type Samples = ParametersOf<'query.ask'>['samples']

export function askCommands(party: ServiceContext): Pick<CommandHandlers, 'query.models' | 'query.ask'> {
  return {
    'query.models': async () => await askable(party),
    'query.ask': async ({ model, revision, grant: beginning, samples: given, follow, transient = false }, context) => {
      const { node } = await party.core.get()
      const known = await releaseOf(node, model, revision === undefined ? {} : { revision })
      const grant = await grantFor(party, node, known, beginning)
      const plan = party.plans.of(known)
      const samples = await samplesFrom(given, plan)
      if (samples.length > plan.batch) {
        throw new CommandRefusedError(
          'wrong-parameters',
          `${samples.length} samples, and a query of "${model}" takes ${plan.batch}`,
          `Ask part by part: --offset 0 --count ${plan.batch}, then --offset ${plan.batch}, and so on.`
        )
      }
      const { signal } = context
      const onEvent = (event: QueryEvent): void => tell(event, context)
      const query = await node.client.submit(known.release, samples, {
        grant,
        onEvent,
        signal,
        ...(transient ? { life: TRANSIENT_LIFE } : {})
      })
      if (!follow) return await reportOf(party, node, query)
      if (!transient) return await answered(party, query, context)
      const querier = { peer: party.self, name: party.configuration.name }
      const report = { query, model, querier, samples: samples.length, state: 'answered', expires: Date.now() }
      return { ...report, answer: await answeredOnce(node, query, plan, context) }
    }
  }
}

/** Numbers that the final operators make of the logits, before an ArgMax. */
const valuesOf = ({ final, features }: Pick<Plan['architecture']['output'], 'final' | 'features'>): number =>
  finalLength(
    final.filter(({ kind }) => kind !== 'argmax'),
    features
  )

async function askable(party: ServiceContext): Promise<AskableReport> {
  const { node } = await party.core.get()
  const named = (peer: string): AskableModel['owner'] => ({ peer, name: party.names.of(peer) ?? peer })
  const models: AskableModel[] = []
  for (const known of await releasesOf(node)) {
    if (known.withdrawn) continue
    const { epoch, owner, name, revision } = known.document
    const { batch, architecture } = party.plans.of(known)
    const { input, output } = architecture
    const grants = await node.grantsFor(epoch, owner, name)
    models.push({
      release: known.release,
      name,
      revision,
      owner: named(owner),
      shape: input.shape,
      magnitude: input.magnitude,
      batch,
      features: output.features,
      values: output.parts === undefined ? valuesOf(output) : output.parts.reduce((sum, part) => sum + valuesOf(part), 0),
      task: output.task.kind,
      ...(output.task.labels === undefined ? {} : { labels: output.task.labels }),
      ...(input.parts === undefined ? {} : { inputs: input.parts }),
      ...(output.parts === undefined
        ? {}
        : {
            outputs: output.parts.map(({ name, features, final, task }) => ({
              name,
              values: valuesOf({ features, final }),
              task: task.kind,
              ...(task.labels === undefined ? {} : { labels: task.labels })
            }))
          }),
      grants: grants.map(({ identifier, grant: { expires, queries } }) => ({ grant: identifier, expires, queries }))
    })
  }
  return { evaluator: { ...named(party.evaluator), state: presence(party, party.evaluator) }, models }
}

async function grantFor(party: ServiceContext, node: ServiceNode, { document }: KnownRelease, beginning?: string): Promise<string> {
  const { epoch, owner, name } = document
  const grants = await node.grantsFor(epoch, owner, name)
  if (grants[0] === undefined) {
    throw new CommandRefusedError(
      'not-permitted',
      `this party has no grant for "${name}" that is in force`,
      `Ask ${party.names.of(owner) ?? owner} for one: slytherin grant create ${party.configuration.name} --models ${name}.`
    )
  }
  if (beginning === undefined) return grants[0].identifier
  return onlyOne(grants, beginning, ({ identifier }) => identifier, `grant for "${name}"`, 'slytherin grant list').identifier
}

async function samplesFrom(given: Samples, { architecture }: Plan): Promise<Float64Array[]> {
  const { shape, parts } = architecture.input
  if ('file' in given) return [...(await SampleFile.open(samplesOf(given))).as(shape, parts)]
  const size = shape.reduce((product, axis) => product * axis, 1)
  const bytes = Buffer.from(given.values, 'base64')
  if (bytes.length !== given.rows * size * Float64Array.BYTES_PER_ELEMENT) {
    const expected = `${given.rows} samples of ${size} doubles each`
    throw new CommandRefusedError(
      'wrong-parameters',
      `samples: ${bytes.length} bytes are not ${expected}`,
      'Send samples as the model reads them.'
    )
  }
  return Array.from({ length: given.rows }, (_, row) =>
    Float64Array.from({ length: size }, (_unused, column) => bytes.readDoubleLE((row * size + column) * Float64Array.BYTES_PER_ELEMENT))
  )
}

/** Follows a query for a caller that waits: nothing of its answer is kept, and nothing goes on for a caller that has left. */
async function answeredOnce(node: ServiceNode, query: string, plan: Plan, context: CommandContext): Promise<AnswerReport> {
  try {
    const logits = await node.client.answer(query, { signal: context.signal, onEvent: event => tell(event, context) })
    return answerOf(logits, plan)
  } catch (error) {
    await node.client.cancel(query, { signal: AbortSignal.timeout(CANCEL_PATIENCE) }).catch(() => undefined)
    throw error
  }
}
