/**
 * Runs a session again from what was kept of it: sums the signed key shares, takes the signed parts of the model and inputs, answers every refresh and switch
 * with the shares that were signed for it, and holds what comes out against what evaluator and witnesses signed. The evaluator is a deterministic function of
 * all that, so another value is a false one.
 */
import { hash, toHex } from '../base/digest.js'
import type { EvaluationCallbacks, EvaluatorCryptography, SummedProtocol } from '../cryptography/evaluator.js'
import { holderAtFault } from '../cryptography/rejected-share.js'
import type { SessionCryptography } from '../cryptography/session.js'
import { InternalError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { galoisElements, inputCount } from '../terms/plan.js'
import { inputBatches, modelBatches, type ProofTerms, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { isWholeKey } from '../terms/share-requests.js'
import { type Assisted, type Computed, componentsHash, type ModelStatement, type QueryStatement } from '../terms/statements.js'
import { proofKey, type SessionFacts } from './facts.js'
import type { Accusation, AuditStep, Finding, Offence } from './findings.js'
import { type Signed, statementsOf } from './relations.js'
import { blobOf, type EvidenceSource } from './source.js'

/** Nobody of the session: proves nothing, and checks everything. */
const AUDITOR = 'auditor'

/** What a replay computes with: an evaluator's cryptography, without any secret. */
export type ReplayCryptography = SessionCryptography & EvaluatorCryptography

/** How far a replay has come within a step. */
export interface ReplayProgress {
  readonly step: AuditStep
  /** In units of the step: shares, model parts, or steps of a query's plan. */
  readonly done: number
  /** In the same units. */
  readonly total: number
  /** What is being done, for a person. */
  readonly text: string
}

/** Ends a replay: what was found, or that something is missing. */
class Stopped extends Error {
  override name = 'Stopped'
  constructor(readonly finding: Finding) {
    super(finding.text)
  }
}

const WHOLE_KEY = 'one party holds the whole key, and what it is sent is re-randomised'

/** Why a session cannot be evaluated again by anybody, undefined when it can. */
export function unreplayable({ descriptor: { plan } }: SessionFacts): string | undefined {
  const clear = (['data', 'weights'] as const).filter(operand => plan.operands[operand] === 'clear')
  if (clear.length > 0) return `${clear.join(' and ')} are clear at the evaluator, which re-randomises what it sends`
  if (isWholeKey(plan)) return WHOLE_KEY
  return undefined
}

export class Replay {
  readonly #facts: SessionFacts
  readonly #sources: readonly EvidenceSource[]
  readonly #cryptography: ReplayCryptography
  readonly #onProgress: (progress: ReplayProgress) => void
  readonly #proofs: ProofTerms | undefined

  constructor(
    facts: SessionFacts,
    sources: readonly EvidenceSource[],
    cryptography: ReplayCryptography,
    onProgress: (progress: ReplayProgress) => void = () => undefined
  ) {
    this.#facts = facts
    this.#sources = sources
    this.#cryptography = cryptography
    this.#proofs = proofTerms(facts.descriptor, AUDITOR)
    this.#onProgress = onProgress
  }

  /** Keys and model. @returns what was found; `ready` when queries can be evaluated */
  async prepare(): Promise<{ ready: boolean; findings: Finding[] }> {
    const findings: Finding[] = []
    const { sessionId, descriptor, holders } = this.#facts
    const { plan, floodingBits, maximumDecryptions, maximumRefreshes } = descriptor
    await this.#cryptography.open({
      sessionId,
      plan,
      parties: holders.length,
      floodingBits,
      maximumDecryptions,
      maximumRefreshes,
      proofs: this.#proofs,
      roles: ['evaluator']
    })
    try {
      findings.push(await this.#publicKey())
      findings.push(await this.#evaluationKeys())
      findings.push(await this.#model())
    } catch (error) {
      return { ready: false, findings: [...findings, found(error)] }
    }
    return { ready: findings.every(({ holds }) => holds === 'yes'), findings }
  }

  async close(): Promise<void> {
    await this.#cryptography.close()
  }

  async #publicKey(): Promise<Finding> {
    const { holders, confirmations } = this.#facts
    const step = 'public-key'
    const shares: Uint8Array[] = []
    for (const holder of holders) shares.push(await this.#revealedShare(step, 'public key', holder))
    const sum = await this.#cryptography.setPublicKey(shares).catch(error => {
      throw this.#blamed(error, { step, offence: 'key-share', party: holderAtFault(error, holders), about: 'share public key' })
    })
    for (const { peer, hash: confirmed } of confirmations.values()) {
      if (confirmed === toHex(sum)) continue
      const accusation = { party: peer, offence: 'confirmation', about: 'confirmation' } as const
      return { step, holds: 'no', text: `${peer} has confirmed a public key that is not the sum of the signed shares`, accusation }
    }
    return { step, holds: 'yes', text: `the confirmed key is the sum of ${shares.length} signed shares` }
  }

  async #evaluationKeys(): Promise<Finding> {
    const { descriptor, holders } = this.#facts
    const { plan } = descriptor
    const step = 'evaluation-keys'
    const elements = galoisElements(plan)
    const total = elements.length + (plan.relinearizationLevel === null ? 0 : 1)
    let done = 0
    const tell = (text: string): void => this.#onProgress({ step, done: ++done, total, text })
    if (plan.relinearizationLevel !== null) {
      const instance = 'relinearization'
      for (const [party, holder] of holders.entries()) {
        const share = await this.#revealedShare(step, 'relinearization', holder)
        await this.#add('relinearization-1', instance, party, holder, share, 'share relinearization')
      }
      for (const [party, holder] of holders.entries()) await this.#addSigned('relinearization-2', instance, party, holder)
      await this.#cryptography.finishKey('relinearization-2', instance)
      tell('relinearisation key')
    }
    for (const element of elements) {
      const instance = String(element)
      for (const [party, holder] of holders.entries()) await this.#addSigned('galois', instance, party, holder)
      await this.#cryptography.finishKey('galois', instance)
      tell(`Galois key ${instance}`)
    }
    return { step, holds: 'yes', text: `${total} keys are sums of signed shares of ${holders.length} key holders` }
  }

  async #revealedShare(step: AuditStep, protocol: 'public key' | 'relinearization', holder: string): Promise<Uint8Array> {
    const record = this.#facts.revealed.get(protocol)?.get(holder)
    if (record === undefined) throw missing(step, `the share (${protocol}) of ${holder}`)
    return await this.#blob(step, record.share, `the share (${protocol}) of ${holder}`)
  }

  async #addSigned(protocol: 'relinearization-2' | 'galois', instance: string, party: number, holder: string): Promise<void> {
    const step = 'evaluation-keys'
    const about = `key-share ${protocol} ${instance}`
    const signed = statementsOf(this.#facts, 'key-share').find(
      ({ signer, statement }) => signer === holder && statement.protocol === protocol && statement.instance === instance
    )
    if (signed === undefined) throw missing(step, `the signature of ${holder} over ${about}`)
    const share = await this.#blob(step, signed.statement.share, `${about} of ${holder}`)
    await this.#add(protocol, instance, party, holder, share, about)
  }

  async #add(protocol: SummedProtocol, instance: string, party: number, holder: string, share: Uint8Array, about: string): Promise<void> {
    await this.#cryptography.addShare(protocol, instance, party, share).catch(error => {
      throw this.#blamed(error, { step: 'evaluation-keys', offence: 'key-share', party: holder, about })
    })
  }

  async #model(): Promise<Finding> {
    const step = 'model'
    const { plan } = this.#facts.descriptor
    const [signed] = statementsOf(this.#facts, 'model')
    if (signed === undefined) throw missing(step, `the model owner's signature over its parts`)
    const hashes = this.#components(step, signed.statement.hash, 'the list of the parts of the model')
    if (hashes.length !== plan.weights.count || signed.statement.parts !== hashes.length) throw this.#wrongCount(signed, hashes.length)
    const proved = provesEncryptions(this.#proofs, signed.signer)
    const batches = modelBatches(plan)
    for (const batch of batches) {
      for (let index = batch.first; index < batch.first + batch.count; index++) {
        const part = await this.#blob(step, hashes[index]!, `part ${index} of the model`)
        await this.#cryptography.storeModelPart(index, part).catch(error => {
          throw this.#blamed(error, { step, offence: 'model-part', party: signed.signer, about: `model part ${index}` })
        })
        this.#onProgress({ step, done: index + 1, total: hashes.length, text: 'parts of the model' })
      }
      if (!proved) continue
      await this.#proof(step, '', batch.number, async proof => await this.#cryptography.verifyModel(batch.number, proof))
    }
    const proofs = proved ? `, and ${batches.length} proofs hold` : ''
    return { step, holds: 'yes', text: `${hashes.length} parts are those that ${signed.signer} has signed${proofs}` }
  }

  /** A proof says of itself whether it holds. Nobody has signed it, so that nobody is named where it does not. */
  async #proof(step: AuditStep, query: string, batch: number, check: (proof: Uint8Array) => Promise<unknown>): Promise<void> {
    const what = `proof ${batch} ${query === '' ? 'of the model' : `of query ${query}`}`
    const known = this.#facts.proofs.get(proofKey(query, batch))
    if (known === undefined) throw missing(step, `the ${what}`)
    await check(await this.#blob(step, known, `the ${what}`)).catch(error => {
      if (translateError(error, {}) instanceof InternalError) throw error
      throw new Stopped({ step, holds: 'no', text: `the ${what} does not hold: ${error instanceof Error ? error.message : String(error)}` })
    })
  }

  #wrongCount({ signer, statement }: Signed<ModelStatement>, found: number): Stopped {
    const { count } = this.#facts.descriptor.plan.weights
    const text = `${signer} has signed ${statement.parts} parts of the model (${found} hashes), the plan has ${count}`
    return new Stopped({ step: 'model', holds: 'no', text, accusation: { party: signer, offence: 'model-part', about: 'model' } })
  }

  /** Evaluates one query again. */
  async query(asked: Signed<QueryStatement>): Promise<Finding[]> {
    const { query } = asked.statement
    const run = new QueryReplay(this.#facts, asked, async (components, what) => await this.#list('evaluation', components, what))
    const inputs = await this.#inputs(asked).catch(found)
    if (!Array.isArray(inputs)) return [inputs]
    const evaluation = await this.#cryptography.openEvaluation(query, asked.signer)
    try {
      for (const batch of inputBatches(this.#facts.descriptor.plan)) {
        for (let index = batch.first; index < batch.first + batch.count; index++) {
          await evaluation.storeInput(index, inputs[index]!).catch(error => {
            const about = `query ${query} input ${index}`
            throw this.#blamed(error, { step: 'queries', offence: 'input', party: asked.signer, about, query })
          })
        }
        if (!provesEncryptions(this.#proofs, asked.signer)) continue
        await this.#proof('queries', query, batch.number, async proof => await evaluation.verifyInputs(batch.number, proof))
      }
      const callbacks: EvaluationCallbacks = {
        refresh: async request => await run.assist('refresh', request),
        switchShares: async request => await run.assist('switch', request),
        // Where one party holds the whole key nothing is run again (unreplayable).
        refreshWhole: async () => {
          throw new Stopped(gap('evaluation', WHOLE_KEY))
        },
        switchWhole: async () => {
          throw new Stopped(gap('evaluation', WHOLE_KEY))
        },
        querierHoldsKey: false,
        resultKey: async () => {
          throw new Stopped(gap('evaluation', 'the model is clear at the evaluator'))
        },
        progress: ({ done, total, step }) => this.#onProgress({ step: 'evaluation', done, total, text: `query ${query}: ${step}` })
      }
      const result = await evaluation.evaluate(callbacks)
      return [...run.findings, await this.#delivered(asked, run.count, result)]
    } catch (error) {
      if (run.stopped !== undefined) return [...run.findings, run.stopped.finding]
      const holder = holderAtFault(error, this.#facts.holders)
      if (holder === undefined || run.latest === undefined) return [...run.findings, found(error)]
      const about = `shares ${run.latest.assist} ${run.latest.instance}`
      return [...run.findings, found(this.#blamed(error, { step: 'shares', offence: 'shares', party: holder, about, query }))]
    } finally {
      await evaluation.dispose()
    }
  }

  async #inputs({ signer, statement }: Signed<QueryStatement>): Promise<Uint8Array[]> {
    const inputs = await this.#list('queries', statement.inputs, `the inputs of query ${statement.query}`)
    const { plan } = this.#facts.descriptor
    if (inputs.length === inputCount(plan)) return inputs
    const about = `query ${statement.query}`
    const text = `${signer} has signed ${inputs.length} inputs of ${about}, the plan has ${inputCount(plan)}`
    throw new Stopped({
      step: 'queries',
      holds: 'no',
      text,
      accusation: { party: signer, offence: 'input', about, query: statement.query }
    })
  }

  async #delivered(asked: Signed<QueryStatement>, helped: number, result: readonly Uint8Array[]): Promise<Finding> {
    const { query } = asked.statement
    const step = 'evaluation'
    const follows = `query ${query}: all ${helped} refreshes and switches follow from what was signed`
    const hashes = await Promise.all(result.map(hash))
    const own = toHex(componentsHash(hashes))
    const signed = statementsOf(this.#facts, 'result').find(({ statement }) => isOf(this.#facts, asked.statement, statement))
    if (signed !== undefined && signed.statement.result !== own) {
      const text = `result ${query}: what ${signed.signer} has signed does not follow from the signed query, model, keys and shares`
      return { step, holds: 'no', text, accusation: { party: signed.signer, offence: 'evaluation', about: `result ${query}`, query } }
    }
    if (signed !== undefined) return { step, holds: 'yes', text: `${follows}, and so does the result that was signed` }
    const known = this.#facts.results.get(query)
    if (known === undefined) return { step, holds: 'yes', text: `${follows}; what was delivered was not kept` }
    if (hashes.map(toHex).join() === known.join())
      return { step, holds: 'yes', text: `${follows}, and so does the result, which nobody has signed` }
    return { step, holds: 'no', text: `query ${query}: another result was delivered than follows; nobody has signed it` }
  }

  #components(step: AuditStep, components: string, what: string): readonly string[] {
    const known = this.#facts.components.get(components)
    if (known === undefined) throw missing(step, what)
    return known
  }

  async #list(step: AuditStep, components: string, what: string): Promise<Uint8Array[]> {
    const list: Uint8Array[] = []
    for (const entry of this.#components(step, components, what)) list.push(await this.#blob(step, entry, what))
    return list
  }

  async #blob(step: AuditStep, wanted: string, what: string): Promise<Uint8Array> {
    const bytes = await blobOf(this.#sources, wanted)
    if (bytes === 'missing') throw missing(step, what)
    if (bytes !== 'altered') return bytes
    throw new Stopped({
      step,
      holds: 'no',
      damaged: true,
      text: `${what}: what is kept has another hash than was signed; whoever kept it has lost or altered it`
    })
  }

  /** Signed bytes that the cryptography does not take are their signer's fault; that this machine cannot go on is not. */
  #blamed(
    error: unknown,
    {
      step,
      party,
      offence,
      about,
      query
    }: Omit<Accusation, 'party' | 'offence'> & { step: AuditStep; party: string | undefined; offence: Offence }
  ): unknown {
    if (error instanceof Stopped || party === undefined || translateError(error, {}) instanceof InternalError) return error
    const reason = error instanceof Error ? error.message : String(error)
    const accusation: Accusation = { party, offence, about, ...(query === undefined ? {} : { query }) }
    return new Stopped({ step, holds: 'no', text: `${about}, signed by ${party}, is refused: ${reason}`, accusation })
  }
}

/** One query, as it asks for help. */
class QueryReplay {
  readonly findings: Finding[] = []
  readonly #facts: SessionFacts
  readonly #asked: Signed<QueryStatement>
  readonly #list: (components: string, what: string) => Promise<Uint8Array[]>
  /** The evaluation ends with an error that stands for this, whatever becomes of it on its way through a worker. */
  stopped: Stopped | undefined
  latest: Pick<Assisted, 'assist' | 'instance'> | undefined
  count = 0

  constructor(facts: SessionFacts, asked: Signed<QueryStatement>, list: (components: string, what: string) => Promise<Uint8Array[]>) {
    this.#facts = facts
    this.#asked = asked
    this.#list = list
  }

  /** The shares that were given for these very second components. */
  async assist(assist: Assisted['assist'], { instance, c1 }: { instance: string; c1: readonly Uint8Array[] }): Promise<Uint8Array[][]> {
    try {
      return await this.#assist(assist, instance, toHex(componentsHash(await Promise.all(c1.map(hash)))))
    } catch (error) {
      if (error instanceof Stopped) this.stopped = error
      throw error
    }
  }

  async #assist(assist: Assisted['assist'], instance: string, own: string): Promise<Uint8Array[][]> {
    this.latest = { assist, instance }
    const what = `${assist} ${instance}`
    const { query } = this.#asked.statement
    // What is said of another query of this name, or of another model, is compared where signatures are.
    const of = (statement: Assisted): boolean =>
      statement.assist === assist && statement.instance === instance && isOf(this.#facts, this.#asked.statement, statement)
    const claims = [...statementsOf(this.#facts, 'request'), ...statementsOf(this.#facts, 'endorsement')].filter(signed =>
      of(signed.statement)
    )
    const requests = claims.filter(({ statement }) => statement.kind === 'request')
    const wrong = claims.filter(({ statement }) => statement.c1 !== own)
    for (const { signer, statement } of wrong) {
      const text = `${statement.kind} ${what}: what ${signer} has signed does not follow from the signed query, keys and shares before it`
      const accusation = { party: signer, offence: 'evaluation', about: `${statement.kind} ${what}`, query } as const
      this.findings.push({ step: 'evaluation', holds: 'no', text, accusation })
    }
    if (requests.length === 0) throw missing('evaluation', `the evaluator's request for ${what}`)
    if (requests.some(signed => wrong.includes(signed))) {
      throw new Stopped({ step: 'evaluation', holds: 'unknown', text: `query ${query}: what comes after ${what} rests on another value` })
    }
    this.count++
    const shares: Uint8Array[][] = []
    for (const holder of this.#facts.holders) {
      const signed = statementsOf(this.#facts, 'shares').find(({ signer, statement }) => signer === holder && of(statement))
      if (signed === undefined) throw missing('evaluation', `the signature of ${holder} over its shares for ${what}`)
      if (signed.statement.c1 !== own) {
        throw new Stopped({ step: 'shares', holds: 'no', text: `the shares of ${holder} for ${what} are for other second components` })
      }
      shares.push(await this.#list(signed.statement.shares, `the shares of ${holder} for ${what}`))
    }
    return shares
  }
}

/** Whether a statement is about this very query, on the model that its owner has signed. */
function isOf(facts: SessionFacts, { query, querier, inputs }: QueryStatement, statement: Computed): boolean {
  const named = statement.query === query && statement.querier === querier && statement.inputs === inputs
  return named && statementsOf(facts, 'model').some(({ statement: { hash: model } }) => model === statement.model)
}

function gap(step: AuditStep, text: string): Finding {
  return { step, holds: 'unknown', text }
}

function missing(step: AuditStep, what: string): Stopped {
  return new Stopped(gap(step, `${what} was not kept here; whoever evaluated may have it (the evaluator, a witness)`))
}

function found(error: unknown): Finding {
  if (error instanceof Stopped) return error.finding
  throw error
}
