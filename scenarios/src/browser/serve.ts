/** `npm run demo -- --browser`: a cohort with an encrypted network that stays, and a page that asks it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '@slytherin/node'
import { execa } from 'execa'
import { freePort } from '../deployment.js'
import { LASTING } from '../gateway/serve.js'
import type { ServiceScenario } from '../service/description.js'
import { COMMAND, EVALUATOR, OWNER, ServiceProcesses } from '../service/parties.js'
import { prepare } from '../service/prepare.js'
import { Invitations } from './invitations.js'
import { openInBrowser } from './open.js'
import { PageServer } from './page-server.js'
import { samplesForPage } from './samples.js'

/**
 * A page asks about one image at a time, and every cohort with a page is asked often: planned for many queries, an image is one ciphertext rather than one for each tap of the first
 * convolution's kernel, for which there are more keys and parts of the model.
 */
export const forPage = (scenario: ServiceScenario): ServiceScenario => ({
  ...scenario,
  ...LASTING,
  queriers: 0,
  expectedQueries: 20,
  models: scenario.models.map(model => ({ ...model, batch: 1 }))
})

/** What the model's owner grants to a page. */
const GRANT = { queries: 10_000, decryptions: 2 ** 16, days: 7 } as const

export interface PageCohortOptions {
  /** Of the page; 0: any that is free. */
  readonly port: number
  readonly signal: AbortSignal
  /** Leave the state directories in place. */
  readonly keep: boolean
  /** Something before the evaluator's WebSockets, as a web server with TLS is: given their address, where pages connect to instead. */
  readonly front?: (url: string) => Promise<string>
  onLine(text: string): void
}

export interface PageCohort {
  readonly processes: ServiceProcesses
  /** With the token. */
  readonly url: string
  readonly origin: string
}

/** Brings all of it up, lets `body` use it, and takes it down. */
export async function withPageCohort<T>(
  scenario: ServiceScenario,
  { port, signal, keep, front, onLine }: PageCohortOptions,
  body: (cohort: PageCohort) => Promise<T>
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-page-'))
  const webSockets = await freePort()
  const processes = await ServiceProcesses.lay(scenario, directory, { webSockets })
  let server: PageServer | undefined
  try {
    onLine(`${processes.parties.length} processes in ${directory}`)
    await Promise.all(processes.parties.map(async ({ name }) => await processes.start(name, signal)))
    await prepare(scenario, processes, { signal, onLine })
    const model = scenario.models[0]!
    const url = `ws://127.0.0.1:${webSockets}`
    const evaluator = { peer: processes.party(EVALUATOR).peer, url: (await front?.(url)) ?? url }
    const roster = processes.parties.map(({ peer, name, roles }) => ({ peer, name, roles }))
    const invitations = new Invitations({
      admit: async peer => {
        await admit(processes, peer, model.name)
        onLine(`${peer} may ask "${model.name}"`)
      }
    })
    const settings = { cohort: { version: 1, software: VERSION, evaluator, roster }, ...(await samplesForPage(model)) }
    server = await PageServer.start({ port, settings, evaluator: evaluator.url, invitations })
    return await body({ processes, origin: server.origin, url: `${server.origin}/#token=${invitations.token}` })
  } finally {
    await server?.stop()
    await processes.stop()
    if (keep) onLine(`left in place: ${directory}`)
    else await rm(directory, { recursive: true, force: true })
  }
}

/** Until the signal. */
export async function servePage(
  scenario: ServiceScenario,
  options: Omit<PageCohortOptions, 'onLine'> & { readonly open: boolean }
): Promise<void> {
  process.stderr.write(`${scenario.name}: a page asks a cohort that holds its key together, about a network that is encrypted, too\n`)
  const onLine = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
  const { signal, open } = options
  const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  await withPageCohort(scenario, { ...options, onLine }, async ({ url }) => {
    process.stdout.write(`ready: ${url} lets one page in, within a quarter of an hour; this stays until it is told to stop (Ctrl-C)\n`)
    if (open && !(await openInBrowser(url))) onLine('no browser was found here to open it')
    await stopped
  }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** The evaluator lets it connect, and the model's owner knows whom it grants to. */
async function admit(processes: ServiceProcesses, peer: string, model: string): Promise<void> {
  const line = `- { name: page-${peer.slice(-6)}, peerId: ${peer}, roles: [data-owner, querier], addresses: [] }`
  for (const name of [EVALUATOR, OWNER]) {
    await execa(process.execPath, [COMMAND, 'roster', 'add', line, '--config', processes.party(name).configuration])
  }
  await processes.ask(OWNER, 'grant.create', { querier: peer, senders: [], models: [model], ...GRANT })
}
