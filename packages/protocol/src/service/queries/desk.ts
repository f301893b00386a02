import { GrantRefusedError, NotPermittedError, OutOfOrderMessageError, QuotaExceededError } from '../../errors/errors.js'
import { inputCount } from '../../terms/plan.js'
import { batchOf, inputBatches } from '../../terms/proof-batches.js'
import type { Signer } from '../../terms/signer.js'
import { GRANT, grantsModel } from '../objects/grant.js'
import { QUERY, type Query } from '../objects/query.js'
import { checkQuery } from '../objects/query-check.js'
import { decodeSigned, type Signed } from '../objects/signed.js'
import { type ContentStore, querySpace, resultSpace } from '../store/content-store.js'
import type { DocumentShelf } from '../store/shelf.js'
import type { QueryBooks } from './books.js'
import type { QueryState, QueryStatus } from './calls.js'
import type { ReleaseHandles } from './handles.js'
import { LIVE, type QueryJournal, type QueryRecord } from './journal.js'
import type { Pace } from './pace.js'
import { clearOpen } from './refreshed.js'
import { inputBytes, type QueueLimits, QueueRoom } from './room.js'
import type { QueryRunner } from './runner.js'
import { checkComplete, checkSubmitted, malformed, TOLERANCE } from './submission.js'

/** Inputs that may come between two times that the journal is written. */
const UNWRITTEN = 16
/** How often each input may come. */
const TRIES = 3

export interface DeskOptions {
  readonly journal: QueryJournal
  readonly runner: QueryRunner
  readonly handles: ReleaseHandles
  readonly pace: Pace
  readonly contents: ContentStore
  readonly documents: DocumentShelf
  readonly books: QueryBooks
  readonly signer: Pick<Signer, 'verify'>
  readonly limits: QueueLimits
  readonly now: () => number
  /** Machines that compute at present. */
  places(): number
  /** Queries that are evaluated at the same time. */
  readonly concurrency: number
}

export interface OpenRequest {
  readonly epoch: string
  readonly release: string
  readonly grant: string
  readonly query: string
  readonly querier: string
  readonly samples: number
}

export class QueryDesk {
  readonly #options: DeskOptions
  readonly #room: QueueRoom
  /** Inputs that have been taken, replaced ones too, by query. */
  readonly #taken = new Map<string, number>()

  constructor(options: DeskOptions) {
    this.#options = options
    this.#room = new QueueRoom(options)
  }

  async open(request: OpenRequest, sender: string): Promise<QueryRecord> {
    const { journal, handles, documents, now } = this.#options
    const known = await journal.whole(request.query)
    if (known !== undefined) {
      const same =
        known.sender === sender &&
        known.release === request.release &&
        known.querier === request.querier &&
        known.samples === request.samples
      if (!same) throw malformed(sender, 'query/open', 'query', 'a name that was never used', request.query)
      return known
    }
    const grant = await documents.get(GRANT, request.grant)
    // One that has not come yet comes with the signed query.
    if (grant !== undefined && !(grant.document.senders.includes(sender) && grant.document.querier === request.querier)) {
      const expected = `senders ${grant.document.senders.join(', ').slice(0, 200)}, querier ${grant.document.querier}`
      throw new GrantRefusedError({
        peer: sender,
        kind: 'query/open',
        field: 'grant',
        expected,
        actual: `${sender}, ${request.querier}`,
        remedy: `Ask ${grant.document.issuer} for a grant of your own.`
      })
    }
    return await handles.use(request.release, async ({ document, plan }) => {
      if (document.epoch !== request.epoch) throw malformed(sender, 'query/open', 'epoch', document.epoch, request.epoch)
      if (grant !== undefined && !grantsModel(grant.document, document.name)) {
        const expected = grant.document.models.join(', ').slice(0, 200)
        throw new GrantRefusedError({
          peer: sender,
          kind: 'query/open',
          field: 'models',
          expected,
          actual: document.name,
          remedy: `Ask ${grant.document.issuer} for a grant for this model.`
        })
      }
      if (request.samples < 1 || request.samples > plan.batch)
        throw malformed(sender, 'query/open', 'samples', `1 to ${plan.batch}`, `${request.samples}`)
      if (plan.operands.data === 'clear')
        throw malformed(sender, 'query/open', 'release', 'one that takes encrypted data', 'one whose data are clear at the evaluator')
      const bytes = inputBytes(plan)
      this.#room.check(sender, bytes)
      return await journal.put({
        ...request,
        sender,
        state: 'open',
        created: now(),
        queued: 0,
        expires: now() + this.#options.limits.openFor,
        inputs: new Array<string | null>(inputCount(plan)).fill(null),
        proved: [],
        proofs: {},
        signed: null,
        resultKey: '',
        attempts: {},
        result: [],
        signature: '',
        bytes,
        code: '',
        message: ''
      })
    })
  }

  async input(query: string, index: number, name: string, bytes: Uint8Array, sender: string): Promise<void> {
    const { journal, handles, contents } = this.#options
    await journal.recall(query)
    const record = this.#open(query, sender, 'query/input')
    if (record === undefined) return
    if (index >= record.inputs.length) throw malformed(sender, 'query/input', 'index', `below ${record.inputs.length}`, `${index}`)
    const space = querySpace(query)
    if (record.inputs[index] === name && (await contents.has(space, name))) return
    // What is replaced stays on the disk until the query is over.
    const taken = (this.#taken.get(query) ?? 0) + 1
    if (taken > TRIES * record.inputs.length) {
      const expected = `at most ${TRIES} for each that the plan has`
      throw new QuotaExceededError({ peer: sender, kind: 'query/input', field: 'index', expected, remedy: 'Ask the query anew.' })
    }
    this.#taken.set(query, taken)
    await handles.use(record.release, async ({ cryptography, plan, epoch }) => {
      const batch = batchOf(inputBatches(plan), index)
      if (batch !== undefined && record.proved.includes(batch.number) && record.inputs[index] !== name) {
        throw new OutOfOrderMessageError({ peer: sender, kind: 'query/input', field: 'index', reason: 'proved already' })
      }
      await cryptography.checkPart('input', index, bytes, proves(epoch.record.proposal, sender))
      const actual = await contents.put(space, bytes)
      if (actual !== name) throw malformed(sender, 'query/input', 'hash', name, actual)
    })
    // Others may have come meanwhile.
    const now = this.#open(query, sender, 'query/input')
    if (now === undefined) return
    journal.note(query, { inputs: now.inputs.with(index, name) })
    if (taken % UNWRITTEN === 0) await journal.change(query, {})
  }

  async proof(query: string, batch: number, proof: Uint8Array, sender: string): Promise<void> {
    const { journal, handles, contents } = this.#options
    await journal.recall(query)
    const record = this.#open(query, sender, 'query/proof')
    if (record === undefined || record.proved.includes(batch)) return
    await handles.use(record.release, async ({ cryptography, plan, epoch }) => {
      const found = inputBatches(plan)[batch]
      if (found === undefined) throw malformed(sender, 'query/proof', 'batch', `below ${inputBatches(plan).length}`, `${batch}`)
      const names = record.inputs.slice(found.first, found.first + found.count)
      const parts = await Promise.all(
        names.map(async (name, k) => {
          const bytes = name === null ? undefined : await contents.get(querySpace(query), name)
          if (bytes === undefined)
            throw new OutOfOrderMessageError({
              peer: sender,
              kind: 'query/proof',
              field: `inputs[${found.first + k}]`,
              reason: 'not there'
            })
          return bytes
        })
      )
      const copy = epoch.record.proposal.witnesses.length > 0 ? proof.slice() : undefined
      await cryptography.checkBatch({ sender, query, batch, parts, proof })
      const kept = copy === undefined ? {} : { [batch]: await contents.put(querySpace(query), copy) }
      const now = this.#open(query, sender, 'query/proof')
      if (now === undefined) return
      if (names.some((name, k) => now.inputs[found.first + k] !== name)) {
        throw new OutOfOrderMessageError({ peer: sender, kind: 'query/proof', field: 'batch', reason: 'inputs were replaced meanwhile' })
      }
      await journal.change(query, ({ proved, proofs }) => ({ proved: [...proved, batch], proofs: { ...proofs, ...kept } }))
    })
  }

  /** @param blobs signed query, result key, signed grant */
  async submit([queryBytes, resultKey, grantBytes]: readonly Uint8Array[], sender: string): Promise<QueryStatus> {
    const { journal, handles, documents, signer, books, contents, runner, limits } = this.#options
    if (queryBytes === undefined || resultKey === undefined || grantBytes === undefined) {
      throw malformed(sender, 'query/submit', 'blobs', 'query, key and grant', 'fewer')
    }
    const query = decodeSigned(QUERY, queryBytes, sender)
    const grant = decodeSigned(GRANT, grantBytes, sender)
    const asked = query.document
    await journal.recall(asked.query)
    const record = this.#of(asked.query, sender, 'query/submit')
    if (asked.sender !== sender)
      throw new NotPermittedError({ peer: sender, kind: 'query/submit', field: 'sender', expected: asked.sender, actual: sender })
    if (record.state !== 'open') return this.status(asked.query, sender)
    const now = this.#options.now()
    checkSubmitted(asked, record, now, limits.longest)
    await handles.use(record.release, async ({ document, plan, epoch }) => {
      await checkQuery({ query, grant, release: document, releaseName: record.release, plan, resultKey }, signer, sender)
      checkComplete(asked, record, plan, proves(epoch.record.proposal, sender))
      await documents.put(GRANT, grant)
      await books.admit(asked, grant.document, document)
      const key = await contents.put(querySpace(asked.query), resultKey)
      const current = this.#of(asked.query, sender, 'query/submit')
      if (current.state !== 'open') return
      const size = await contents.size(querySpace(asked.query))
      await journal.change(asked.query, {
        state: 'queued',
        queued: now,
        expires: asked.expires,
        grant: asked.grant,
        signed: query,
        resultKey: key,
        bytes: size
      })
    })
    this.#taken.delete(asked.query)
    runner.wake()
    return this.status(asked.query, sender)
  }

  async follow(query: string, version: number, wait: number, peer: string, signal: AbortSignal): Promise<QueryStatus> {
    const { journal } = this.#options
    await journal.recall(query)
    this.#of(query, peer, 'query/status')
    await journal.news(query, version, wait, signal)
    await journal.recall(query)
    return this.status(query, peer)
  }

  status(query: string, peer: string): QueryStatus {
    const { journal, runner } = this.#options
    const record = this.#of(query, peer, 'query/status')
    const order = runner.order()
    const position = order.findIndex(waiting => waiting.query === query)
    const progress = runner.progress(query)
    const waiting = record.state === 'queued' || record.state === 'running'
    return {
      query,
      state: record.state,
      version: journal.version(query),
      position: Math.max(0, position),
      secondsLeft: waiting ? this.#room.secondsUntil(order.slice(0, position + 1)) : null,
      done: progress?.done ?? 0,
      total: progress?.total ?? 0,
      step: record.state === 'running' ? (progress?.step.slice(0, 1000) ?? '') : record.message,
      code: record.code
    }
  }

  async cancel(query: string, peer: string): Promise<QueryStatus> {
    await this.#options.journal.recall(query)
    const { state } = this.#of(query, peer, 'query/cancel')
    if (LIVE.has(state)) await this.#end(query, 'cancelled', `by ${peer}`)
    return this.status(query, peer)
  }

  /** To the querier alone. */
  async result(query: string, peer: string): Promise<{ signature: string; query: Signed<Query>; results: Uint8Array[] }> {
    const { journal, contents } = this.#options
    const whole = await journal.whole(query)
    const record = { ...this.#of(query, peer, 'query/result'), ...whole }
    if (record.querier !== peer)
      throw new NotPermittedError({ peer, kind: 'query/result', field: 'sender', expected: record.querier, actual: peer })
    if (record.state !== 'done' || record.signed === null) {
      throw new OutOfOrderMessageError({
        peer,
        kind: 'query/result',
        field: 'state',
        expected: 'done',
        actual: record.state,
        reason: record.message
      })
    }
    const results = await Promise.all(record.result.map(async name => await contents.get(resultSpace(query), name)))
    if (results.some(bytes => bytes === undefined)) {
      await this.#end(query, 'failed', 'the result was lost on the disk of the evaluator', 'internal')
      throw new OutOfOrderMessageError({ peer, kind: 'query/result', field: 'result', reason: 'lost', remedy: 'Ask the query again.' })
    }
    return { signature: record.signature, query: record.signed, results: results as Uint8Array[] }
  }

  async fetched(query: string, peer: string): Promise<QueryStatus> {
    await this.#options.journal.recall(query)
    const record = this.#of(query, peer, 'query/fetched')
    if (record.querier !== peer)
      throw new NotPermittedError({ peer, kind: 'query/fetched', field: 'sender', expected: record.querier, actual: peer })
    if (record.state === 'done') await this.#end(query, 'fetched', '')
    return this.status(query, peer)
  }

  /** Ends what has expired, and forgets what is over and could not be asked again. */
  async sweep(): Promise<void> {
    const { journal, now } = this.#options
    await journal.forget(now() - TOLERANCE)
    for (const { query, expires } of journal.list()) {
      if (expires + TOLERANCE <= now()) await this.#end(query, 'expired', 'nobody came for it in time')
    }
  }

  /** What a process that was killed has left: contents that no query has. */
  async tidy(): Promise<void> {
    const { journal, contents } = this.#options
    for (const space of await contents.spaces()) {
      const [kind, query] = space.split('-') as [string, string]
      const state = journal.get(query)?.state
      const open = kind === 'query' || kind === 'refreshed'
      const needed = open ? state === 'open' || state === 'queued' || state === 'running' : state === 'done'
      if ((open || kind === 'result') && !needed) await contents.clear(space)
    }
  }

  /** Releases that a query needs. */
  uses(release: string): boolean {
    return this.#options.journal.list('open', 'queued', 'running').some(record => record.release === release)
  }

  async #end(query: string, state: 'cancelled' | 'expired' | 'fetched' | 'failed', message: string, code = ''): Promise<void> {
    const { journal, runner, contents } = this.#options
    let before: QueryState | undefined
    const record = await journal.change(query, now => {
      before = now.state
      return { state, message, code, attempts: {}, result: [], bytes: 0 }
    })
    runner.stop(query, new OutOfOrderMessageError({ kind: 'query', field: 'state', actual: state }))
    this.#taken.delete(query)
    await clearOpen(contents, record)
    await contents.clear(resultSpace(query))
    // Key holders are told of a query when it runs, and count it from then on.
    if (before === 'queued') await this.#giveBack(record)
  }

  async #giveBack(record: QueryRecord): Promise<void> {
    const grant = await this.#options.documents.get(GRANT, record.grant)
    if (grant !== undefined) await this.#options.books.giveBack(record, grant.document)
  }

  /** @returns undefined when everything has come and it need not be sent again */
  #open(query: string, sender: string, kind: string): QueryRecord | undefined {
    const record = this.#of(query, sender, kind)
    if (record.sender !== sender)
      throw new NotPermittedError({ peer: sender, kind, field: 'sender', expected: record.sender, actual: sender })
    if (record.state === 'open') return record
    if (record.state === 'queued' || record.state === 'running' || record.state === 'done') return undefined
    throw new OutOfOrderMessageError({ peer: sender, kind, field: 'state', expected: 'open', actual: record.state, reason: record.message })
  }

  /** A query that the peer may hear of. */
  #of(query: string, peer: string, kind: string): QueryRecord {
    const record = this.#options.journal.get(query)
    if (record === undefined || (record.sender !== peer && record.querier !== peer)) {
      throw new OutOfOrderMessageError({
        peer,
        kind,
        field: 'query',
        actual: query,
        reason: 'no such query of yours',
        remedy: 'Ask it again.'
      })
    }
    return record
  }
}

function proves(
  { proofs, holders }: { readonly proofs: boolean; readonly holders: readonly { readonly peer: string }[] },
  sender: string
): boolean {
  return proofs && !(holders.length === 1 && holders[0]!.peer === sender)
}
