/** One query after the other, through whatever kills: a querier that is killed, too, fetches the answer when it is back. */
import type { ClearAnswers } from './clear-answers.js'
import type { ServiceModel } from './description.js'
import type { ServiceProcesses } from './parties.js'
import { QueryClock } from './query-clock.js'
import type { SeededRandom } from './random.js'
import { type Tally, UNTYPED } from './report.js'

/** Largest error of a logit, as a share of the largest one, of an answer that counts as right. */
export const TOLERANCE = 0.02
/** How long one query may take, kills included, before it counts as lost, milliseconds: on a machine that is very busy a start takes a minute, and kills go on meanwhile. */
const QUERY_PATIENCE = 1_200_000
/** Before a querier that is not there is asked again, milliseconds. */
const PAUSE = 100

export interface Asking {
  readonly processes: ServiceProcesses
  readonly clear: ReadonlyMap<string, ClearAnswers>
  readonly tally: Tally
  readonly signal: AbortSignal
}

/** Asks about some of a model's samples and holds what comes against the clear model. */
export async function askOnce(
  querier: string,
  { name: model, data, batch }: ServiceModel,
  random: SeededRandom,
  asking: Asking
): Promise<void> {
  const { processes, clear, tally, signal: outer } = asking
  const answers = clear.get(model)!
  const count = 1 + random.below(Math.min(batch, answers.count))
  const offset = random.below(answers.count - count + 1)
  const { scale, mean, deviation } = data.normalisation
  const samples = { file: data.samples, scale, mean, deviation, count, offset }
  const signal = AbortSignal.any([outer, AbortSignal.timeout(QUERY_PATIENCE)])
  const begun = performance.now()
  const before = await bytesOf(processes, querier)
  const { kills } = tally
  let query: string | undefined
  const clock = new QueryClock(begun)
  tally.queries++
  for (;;) {
    try {
      const known = query
      const reply =
        known === undefined
          ? await processes.ask(
              querier,
              'query.ask',
              { model, samples, follow: true },
              {
                signal,
                onProgress: progress => {
                  query ??= progress.query
                  clock.see(progress)
                }
              }
            )
          : await processes.ask(querier, 'query.fetch', { query: known }, { signal })
      const { right, error } = answers.judge(offset, reply.answer!.logits, TOLERANCE)
      tally.worst = Math.max(tally.worst, error)
      if (right) tally.answered++
      else tally.wrong++
      tally.latencies.push((performance.now() - begun) / 1000)
      const overhead = clock.overhead()
      if (overhead !== undefined && kills === tally.kills) tally.overheads.push(overhead)
      const after = await bytesOf(processes, querier)
      if (before !== undefined && after !== undefined && after > before) tally.bytes.push(after - before)
      return
    } catch (error) {
      if (outer.aborted) {
        tally.queries--
        return
      }
      if (signal.aborted) {
        tally.lost++
        return
      }
      const code = (error as { code?: unknown }).code
      // Killed in the middle, or not up yet: asked again. Not in its list of open queries: it was killed before it was kept.
      if (!processes.isRunning(querier) || isGone(error)) {
        await new Promise(resolve => setTimeout(resolve, PAUSE))
        continue
      }
      if (code === 'not-found' && query !== undefined) {
        query = undefined
        continue
      }
      const message = error instanceof Error ? error.message : String(error)
      tally.refuse({ code: typeof code === 'string' ? code : UNTYPED, message, querier, model, kills: [kills, tally.kills] })
      return
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && (error.name === 'NoPartyError' || error.name === 'ControlProtocolError')
}

/** Over all connections of a party since it was started; undefined where it does not say. */
export async function bytesOf(processes: ServiceProcesses, name: string): Promise<number | undefined> {
  try {
    const { party } = await processes.ask(name, 'status', {}, { signal: AbortSignal.timeout(5000) })
    return party.bytesSent + party.bytesReceived
  } catch {
    return undefined
  }
}
