/** `--gateway PORT`: a service that stays, for whoever wants to call it. */
import type { ServiceScenario } from '../service/description.js'
import { withServedCohort } from './cohort.js'
import { writeExampleRequest } from './example.js'

/** What is asked for as long as somebody likes has more decryptions than a demonstration; flooding for them leaves the ring as it is. */
export const LASTING = { decryptions: 65_536, floodingBits: 30 } as const

export interface ServeCohortOptions {
  readonly port: number
  readonly keep: boolean
  readonly signal: AbortSignal
}

/** Until the signal. */
export async function serveCohort(scenario: ServiceScenario, { port, keep, signal }: ServeCohortOptions): Promise<void> {
  process.stderr.write(`${scenario.name}: ${scenario.description}\n`)
  const onLine = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
  const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  await withServedCohort(scenario, { port, keep, signal, onLine, dashboards: true }, async ({ gateway, processes, directory }) => {
    for (const { name, dashboard } of processes.parties) process.stdout.write(`dashboard of ${name}: ${dashboard}\n`)
    const [model] = scenario.models
    const url = `${gateway.url}/v2/models/${model!.name}/infer`
    const request = await writeExampleRequest(model!, directory)
    process.stdout.write(`ready until it is told to stop (Ctrl-C): curl -s ${url} -H 'content-type: application/json' -d @${request}\n`)
    await stopped
  }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
