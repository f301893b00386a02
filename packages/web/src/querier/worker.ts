/** The page's worker: identity, connection, encryption and decryption. Nothing that is secret, and no sample, leaves it but encrypted. */
import './interpreted-schemas.js'

import { type Kernel, loadKernel } from '@slytherin/ring'
import { openPageDatabase, type PageDatabase } from '../storage/page-database.js'
import { readCohortTerms } from './cohort-terms.js'
import { reportOf } from './error-report.js'
import { exportIdentity, hexadecimal, importIdentity, ownIdentity, type PageIdentity } from './identity.js'
import { invitationBytes } from './invitation.js'
import { LiveQuerier } from './live-querier.js'
import type { AskReport, IdentitySummary, Invitation, Outcome, QuerierWorker, WorkerMessage, WorkerRequest } from './messages.js'

class PageWorker implements QuerierWorker {
  readonly #database: Promise<PageDatabase> = openPageDatabase()
  readonly #kernel: Promise<Kernel> = loadKernel()
  #identity: PageIdentity | undefined
  #querier: LiveQuerier | undefined
  #asking: AbortController | undefined

  constructor() {
    // Said when it is waited for.
    this.#database.catch(() => undefined)
    this.#kernel.catch(() => undefined)
  }

  async identity(): Promise<Outcome<IdentitySummary>> {
    return await this.#outcome(async () => summaryOf(await this.#own()))
  }

  async exportIdentity(): Promise<Outcome<string>> {
    return await this.#outcome(async () => exportIdentity(await this.#own()))
  }

  async importIdentity(text: string): Promise<Outcome<IdentitySummary>> {
    return await this.#outcome(async () => {
      this.#identity = await importIdentity(text, await this.#database)
      await this.#querier?.stop()
      this.#querier = undefined
      return summaryOf(this.#identity)
    })
  }

  async prove(token: string, origin: string): Promise<Outcome<Invitation>> {
    return await this.#outcome(async () => {
      const { peer, signer } = await this.#own()
      return { peer, signature: hexadecimal(await signer.sign(invitationBytes(token, origin, peer))) }
    })
  }

  async connect(cohort: unknown): Promise<Outcome<null>> {
    return await this.#outcome(async () => {
      await this.#querier?.stop()
      const terms = readCohortTerms(cohort)
      const [database, identity, kernel] = await Promise.all([this.#database, this.#own(), this.#kernel])
      this.#querier = await LiveQuerier.start({ database, identity, terms, kernel, onEvent: event => tell({ event }) })
      return null
    })
  }

  async ask(release: string, rows: readonly Float64Array[]): Promise<Outcome<AskReport>> {
    return await this.#outcome(async () => {
      if (this.#querier === undefined) throw new Error('the page is not connected yet')
      this.#asking?.abort(new DOMException('another query was asked', 'AbortError'))
      const asking = new AbortController()
      this.#asking = asking
      return await this.#querier.ask(release, rows, asking.signal)
    })
  }

  async cancel(): Promise<Outcome<null>> {
    this.#asking?.abort(new DOMException('it was cancelled', 'AbortError'))
    return { ok: true, value: null }
  }

  async #own(): Promise<PageIdentity> {
    this.#identity ??= await ownIdentity(await this.#database)
    return this.#identity
  }

  async #outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return { ok: true, value: await work() }
    } catch (error) {
      return { ok: false, error: this.#querier?.report(error) ?? reportOf(error, () => undefined) }
    }
  }
}

function summaryOf({ peer }: PageIdentity): IdentitySummary {
  return { peer, line: `- { name: page-${peer.slice(-6)}, peerId: ${peer}, roles: [data-owner, querier] }` }
}

function tell(message: WorkerMessage): void {
  postMessage(message)
}

// What nobody waits for is told as well.
addEventListener('unhandledrejection', ({ reason }) => tell({ event: { kind: 'trouble', error: reportOf(reason, () => undefined) } }))

const worker = new PageWorker()
addEventListener('message', ({ data: { id, method, parameters } }: MessageEvent<WorkerRequest>) => {
  const called = worker[method] as (...given: readonly unknown[]) => Promise<Outcome<unknown>>
  void called.apply(worker, [...parameters]).then(outcome => tell({ id, outcome }))
})
