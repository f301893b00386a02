/**
 * Cryptography that does none: every object is a short text that says what it is, so that each step can check that it got what it should. The "logits" of a
 * sample are its sum and its negated sum.
 */

import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { ARCHITECTURE_VERSION, parseArchitecture } from '@slytherin/engine'
import type { QueryInputs } from '../cryptography/data-owner.js'
import type { EvaluationCallbacks, QueryEvaluation, SummedProtocol } from '../cryptography/evaluator.js'
import type { RefreshRequest, RefreshWholeRequest, SwitchRequest } from '../cryptography/key-holder.js'
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import type { EncryptionCheck, Provenance } from '../cryptography/proofs.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import type { SessionParameters } from '../cryptography/session.js'
import { refreshInstance, switchInstance } from '../terms/instances.js'
import type { Architecture } from '../terms/plan.js'
import { inputBatches, modelBatches, type ProofBatch, provesEncryptions } from '../terms/proof-batches.js'
import { checkRefresh, checkSwitch, galoisLevelOf, isWholeKey, relinearizationLevelOf } from '../terms/share-requests.js'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
const digestOf = (value: Uint8Array | string): string => bytesToHex(sha256(typeof value === 'string' ? bytes(value) : value)).slice(0, 16)

/** What the packages of cryptography throw; the protocol goes by their names. */
function named(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}

/** Holds calls back, for tests that need somebody to be slow or to stop. */
export type Gate = (method: string) => Promise<void> | undefined

const dense = (inputs: number, outputs: number): Architecture['layers'][number] => ({
  kind: 'affine',
  name: `dense ${inputs} to ${outputs}`,
  inputs,
  outputs,
  operations: [{ kind: 'dense', inputs, outputs }],
  weightMagnitude: 1,
  rowNorm: Math.sqrt(inputs),
  biasMagnitude: 1,
  outputMagnitude: 4
})

/** Two dense layers with a square between them: four features, two outputs. */
export const TINY_ARCHITECTURE: Architecture = parseArchitecture({
  version: ARCHITECTURE_VERSION,
  name: 'tiny',
  input: { shape: [4], magnitude: 1 },
  layers: [dense(4, 4), { kind: 'square', name: 'square', features: 4, outputMagnitude: 16 }, dense(4, 2)],
  output: { features: 2, largest: 4, final: [], task: { kind: 'classification' } }
} satisfies Architecture)

export class FakeCryptography implements PartyCryptography {
  gate: Gate | undefined
  session: SessionParameters | undefined
  /** What the shares of the collective public key sum to. */
  publicKey: string | undefined
  closed = 0
  keys = new Set<string>()
  readonly parts = new Map<number, string>()
  readonly given = new Map<string, string>()
  readonly calls: string[] = []
  readonly self: string
  readonly shape: Architecture
  #resultKey = ''
  #resultKeys = 0
  #closing = new AbortController()
  readonly #shares = new Map<string, Map<number, string>>()
  readonly #roundOne = new Map<number, string>()
  readonly #evaluations = new Map<string, FakeEvaluation>()

  constructor(self: string, shape: Architecture = TINY_ARCHITECTURE) {
    this.self = self
    this.shape = shape
  }

  /** Notes a call, lets the gate hold it back, and demands a session. @returns a digest of the session's identifier */
  async enter(method: string): Promise<string> {
    this.calls.push(method)
    await this.gate?.(method)
    if (this.session === undefined) throw named('SessionStateError', `${method}: no session is open`)
    return digestOf(this.session.sessionId)
  }

  async open(session: SessionParameters): Promise<void> {
    this.calls.push('open')
    await this.gate?.('open')
    this.#forget()
    this.given.clear()
    this.session = session
  }

  async close(): Promise<void> {
    this.closed++
    this.#forget()
    this.session = undefined
    this.#resultKey = ''
  }

  #forget(): void {
    this.#closing.abort(named('SessionStateError', 'the session was closed'))
    this.#closing = new AbortController()
    this.#shares.clear()
    this.#roundOne.clear()
    this.#evaluations.clear()
    this.publicKey = undefined
  }

  async setPublicKey(shares: Uint8Array[]): Promise<Uint8Array> {
    const session = await this.enter('setPublicKey')
    for (const [party, share] of shares.entries()) {
      if (text(share).startsWith(`pk ${session} `)) continue
      throw new RejectedShareError(party, 'public-key', '', named('MalformedShareError', 'not a public key share of this session'))
    }
    if (shares.length !== this.session!.parties) throw named('LengthMismatchError', `${shares.length} shares`)
    this.publicKey = digestOf(shares.map(text).join())
    return sha256(bytes(this.publicKey))
  }

  async publicKeyShare(): Promise<Uint8Array> {
    return bytes(`pk ${await this.enter('publicKeyShare')} ${this.self}`)
  }

  async relinearizationShareOne(): Promise<Uint8Array> {
    const session = await this.enter('relinearizationShareOne')
    relinearizationLevelOf(this.session!.plan)
    return bytes(`relinearization-1 ${session} relinearization ${this.self}`)
  }

  async addRelinearizationShareOne(party: number, share: Uint8Array): Promise<void> {
    const session = await this.enter('addRelinearizationShareOne')
    relinearizationLevelOf(this.session!.plan)
    this.#add('relinearization-1', 'relinearization', session, this.#roundOne, party, share)
  }

  async relinearizationShareTwo(): Promise<Uint8Array> {
    const session = await this.enter('relinearizationShareTwo')
    relinearizationLevelOf(this.session!.plan)
    if (this.#roundOne.size !== this.session!.parties) throw named('MissingShareError', 'round one is incomplete')
    return bytes(`relinearization-2 ${session} relinearization ${this.self}`)
  }

  async verifyEncryptions({ sender, query, batch, undivided, proof }: EncryptionCheck): Promise<void> {
    const session = await this.enter('verifyEncryptions')
    this.checkProof(session, { sender, query }, batch, proof)
    const { first, count } = this.batches(query)[batch]!
    const expected = Array.from({ length: count }, (_, k) => `undivided ${first + k}`)
    if (undivided.map(text).join() !== expected.join()) throw named('UnprovenEncryptionError', `batch ${batch} is of others`)
  }

  /** @throws UnprovenEncryptionError unless it is the proof of that batch */
  checkProof(session: string, { sender, query }: Provenance, batch: number, proof: Uint8Array): void {
    if (text(proof) === proofOf(session, sender, query, batch)) return
    throw named('UnprovenEncryptionError', `not a proof of ${sender} for ${query ?? 'the model'}, batch ${batch}`)
  }

  batches(query: string | null): ProofBatch[] {
    const { plan } = this.session!
    return query === null ? modelBatches(plan) : inputBatches(plan)
  }

  /** C1 of a batch's ciphertexts, all of which must have come. */
  undividedOf(query: string | null, batch: number, has: (index: number) => boolean): Uint8Array[] {
    const { first, count } = this.batches(query)[batch]!
    return Array.from({ length: count }, (_, k) => {
      if (!has(first + k)) throw named('MissingPartError', `ciphertext ${first + k} has not been received`)
      return bytes(`undivided ${first + k}`)
    })
  }

  async galoisShare(element: number): Promise<Uint8Array> {
    const session = await this.enter('galoisShare')
    galoisLevelOf(this.session!.plan, element)
    return bytes(`galois ${session} ${element} ${this.self}`)
  }

  #once(instance: string, input: string): void {
    const known = this.given.get(instance)
    if (known !== undefined && known !== input) throw named('ShareAlreadyGivenError', `${instance} has a share`)
    this.given.set(instance, input)
  }

  async refreshShare(request: RefreshRequest): Promise<Uint8Array[]> {
    const session = await this.enter('refreshShare')
    this.#demandShared('refresh')
    checkRefresh(this.session!.plan, request)
    if (request.c1.some(c1 => !text(c1).startsWith('c1 '))) throw named('ResidueRangeError', 'residue 7 of row 1 is not below 97')
    this.#once(`refresh ${request.instance}`, digestOf(request.c1.map(text).join()))
    return request.c1.map(c1 => bytes(`refresh ${session} ${request.instance} ${digestOf(c1)} ${this.self}`))
  }

  async switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    const session = await this.enter('switchShare')
    this.#demandShared('switch')
    checkSwitch(this.session!.plan, request)
    this.#once(`switch ${request.instance}`, digestOf([...request.c1.map(text), text(request.targetKey)].join()))
    return request.c1.map(c1 => bytes(`switch ${session} ${request.instance} ${digestOf(c1)} ${digestOf(request.targetKey)} ${this.self}`))
  }

  #demandShared(protocol: string): void {
    if (isWholeKey(this.session!.plan)) throw named('SoleKeyShareError', `${protocol}: who holds the whole key gives no shares`)
  }

  #demandWhole(): void {
    if (!isWholeKey(this.session!.plan)) throw named('SessionStateError', 'this party does not hold the whole key')
  }

  async refreshWhole(request: RefreshWholeRequest): Promise<Uint8Array[]> {
    const session = await this.enter('refreshWhole')
    this.#demandWhole()
    checkRefresh(this.session!.plan, request)
    const { instance, masked, c1 } = request
    if ([...masked, ...c1].some((component, i) => !text(component).startsWith(i < masked.length ? 'masked ' : 'c1 '))) {
      throw named('ResidueRangeError', 'residue 7 of row 1 is not below 97')
    }
    this.#once(`refreshWhole ${instance}`, digestOf([...masked, ...c1].map(text).join()))
    return masked.map(component => bytes(`refreshWhole ${session} ${instance} ${digestOf(component)} ${this.self}`))
  }

  async switchWhole(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    const session = await this.enter('switchWhole')
    this.#demandWhole()
    checkSwitch(this.session!.plan, request)
    const { instance, c1, targetKey } = request
    this.#once(`switchWhole ${instance}`, digestOf([...c1.map(text), text(targetKey)].join()))
    return c1.map(component => bytes(`switchWhole ${session} ${instance} ${digestOf(component)} ${digestOf(targetKey)} ${this.self}`))
  }

  async modelPart(index: number): Promise<Uint8Array> {
    const session = await this.enter('modelPart')
    return bytes(`part ${session} ${index} ${this.demandPublicKey()}`)
  }

  async proveModel(batch: number): Promise<Uint8Array> {
    const session = await this.enter('proveModel')
    this.demandPublicKey()
    return bytes(proofOf(session, this.proving(this.session!.proofs?.self ?? ''), null, batch))
  }

  /** @returns who proves @throws SessionStateError where that party proves nothing */
  proving(sender: string): string {
    if (!provesEncryptions(this.session!.proofs, sender)) throw named('SessionStateError', 'encryptions are not proved')
    return sender
  }

  demandPublicKey(): string {
    if (this.publicKey === undefined) throw named('SessionStateError', 'the collective public key is not known yet')
    return this.publicKey
  }

  async architecture(): Promise<Architecture> {
    await this.gate?.('architecture')
    return this.shape
  }

  async resultKey(): Promise<Uint8Array> {
    await this.gate?.('resultKey')
    this.#resultKey = `result key ${++this.#resultKeys} of ${this.self}`
    return bytes(this.#resultKey)
  }

  async openQuery(samples: Float64Array[], query: string): Promise<QueryInputs> {
    await this.enter('openQuery')
    const { batch } = this.session!.plan
    if (samples.length > batch) throw new RangeError(`${samples.length} samples, the plan's batch is ${batch}`)
    return new FakeInputs(this, this.#closing.signal, samples, query)
  }

  async decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    await this.enter('decryptResults')
    const whole = isWholeKey(this.session!.plan) && this.session!.roles.includes('key-holder')
    if (!whole && this.#resultKey === '') throw named('SessionStateError', 'no result key was made')
    const own = whole ? this.publicKey : digestOf(this.#resultKey)
    const logits: Float64Array[] = []
    for (const ciphertext of ciphertexts) {
      const { key, values } = JSON.parse(text(ciphertext)) as { key: string; values: number[][] }
      if (key !== own) throw named('MalformedCiphertextError', 'encrypted under another key')
      logits.push(...values.map(value => Float64Array.from(value)))
    }
    while (logits.length < this.session!.plan.batch) logits.push(new Float64Array(2))
    return logits
  }

  async addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void> {
    const session = await this.enter('addShare')
    const key = `${protocol} ${instance}`
    const shares = this.#shares.get(key) ?? new Map<number, string>()
    this.#shares.set(key, shares)
    this.#add(protocol, instance, session, shares, party, share)
  }

  #add(protocol: string, instance: string, session: string, shares: Map<number, string>, party: number, share: Uint8Array): void {
    const value = text(share)
    if (!value.startsWith(`${protocol} ${session} ${instance} `)) {
      throw named('MalformedShareError', `not a share of ${protocol} ${instance}`)
    }
    const known = shares.get(party)
    if (known !== undefined && known !== value) throw named('DuplicateShareError', `party ${party} sent two`)
    shares.set(party, value)
  }

  async finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void> {
    await this.enter('finishKey')
    if (protocol === 'relinearization-2') this.#complete('relinearization-1', instance)
    this.#complete(protocol, instance)
    this.keys.add(`${protocol} ${instance}`)
  }

  #complete(protocol: string, instance: string): void {
    const shares = this.#shares.get(`${protocol} ${instance}`)
    if (shares?.size !== this.session!.parties) throw named('MissingShareError', `${protocol} ${instance} is incomplete`)
  }

  async storeModelPart(index: number, part: Uint8Array): Promise<void> {
    const session = await this.enter('storeModelPart')
    if (text(part) !== `part ${session} ${index} ${this.publicKey}`) throw named('MalformedCiphertextError', `model part ${index}`)
    this.parts.set(index, text(part))
  }

  async verifyModel(batch: number, proof: Uint8Array): Promise<Uint8Array[]> {
    const session = await this.enter('verifyModel')
    const sender = this.proving(this.session!.proofs?.modelOwner ?? '')
    const undivided = this.undividedOf(null, batch, index => this.parts.has(index))
    this.checkProof(session, { sender, query: null }, batch, proof)
    return undivided
  }

  async prepareModel(): Promise<void> {
    await this.enter('prepareModel')
    if (this.session!.plan.operands.weights === 'encrypted') throw named('SessionStateError', 'the weights are encrypted')
  }

  async openEvaluation(query: string, owner: string): Promise<QueryEvaluation> {
    await this.enter('openEvaluation')
    if (this.#evaluations.has(query)) throw named('SessionStateError', `query ${query} is open already`)
    const evaluation = new FakeEvaluation(this, this.#closing.signal, { sender: owner, query }, () => this.#evaluations.delete(query))
    this.#evaluations.set(query, evaluation)
    return evaluation
  }

  async storeSamples(query: string, samples: Float64Array[]): Promise<void> {
    await this.enter('storeSamples')
    if (this.session!.plan.operands.data === 'encrypted') throw named('SessionStateError', 'the data are encrypted')
    const evaluation = this.#evaluations.get(query)
    if (evaluation === undefined) throw named('SessionStateError', `query ${query} is not open`)
    evaluation.inputs.set(0, JSON.stringify(samples.map(sample => [...sample])))
  }
}

class FakeInputs implements QueryInputs {
  readonly #party: FakeCryptography
  readonly #closing: AbortSignal
  readonly #query: string
  #samples: readonly Float64Array[] | undefined

  constructor(party: FakeCryptography, closing: AbortSignal, samples: readonly Float64Array[], query: string) {
    this.#party = party
    this.#query = query
    this.#closing = closing
    this.#samples = samples
  }

  async encryptInput(index: number): Promise<Uint8Array> {
    const session = await this.#party.enter('encryptInput')
    this.#closing.throwIfAborted()
    const samples = this.#samples
    if (samples === undefined) throw named('SessionStateError', 'the samples were let go')
    // The first ciphertext stands for all samples.
    const contents = index === 0 ? samples.map(sample => [...sample]) : null
    return bytes(`input ${session} ${this.#party.demandPublicKey()} ${index} ${JSON.stringify(contents)}`)
  }

  async proveInputs(batch: number): Promise<Uint8Array> {
    const session = await this.#party.enter('proveInputs')
    this.#closing.throwIfAborted()
    if (this.#samples === undefined) throw named('SessionStateError', 'the samples were let go')
    return bytes(proofOf(session, this.#party.proving(this.#party.session!.proofs?.self ?? ''), this.#query, batch))
  }

  async dispose(): Promise<void> {
    this.#samples = undefined
  }
}

class FakeEvaluation implements QueryEvaluation {
  /** By index, what the ciphertexts hold. */
  readonly inputs = new Map<number, string>()
  readonly #party: FakeCryptography
  readonly #closing: AbortSignal
  readonly #query: string
  readonly #provenance: Provenance
  readonly #proved = new Set<number>()
  readonly #onDisposed: () => void
  #disposed = false

  constructor(party: FakeCryptography, closing: AbortSignal, provenance: Provenance & { query: string }, onDisposed: () => void) {
    this.#party = party
    this.#closing = closing
    this.#query = provenance.query
    this.#provenance = provenance
    this.#onDisposed = onDisposed
  }

  async #enter(method: string): Promise<string> {
    const session = await this.#party.enter(method)
    this.#closing.throwIfAborted()
    if (this.#disposed) throw named('SessionStateError', `query ${this.#query} was forgotten`)
    return session
  }

  async storeInput(index: number, input: Uint8Array): Promise<void> {
    const session = await this.#enter('storeInput')
    const prefix = `input ${session} ${this.#party.publicKey} ${index} `
    if (!text(input).startsWith(prefix)) throw named('MalformedCiphertextError', `input ${index}`)
    this.inputs.set(index, text(input).slice(prefix.length))
  }

  async verifyInputs(batch: number, proof: Uint8Array): Promise<Uint8Array[]> {
    const session = await this.#enter('verifyInputs')
    this.#party.proving(this.#provenance.sender)
    const undivided = this.#party.undividedOf(this.#query, batch, index => this.inputs.has(index))
    this.#party.checkProof(session, this.#provenance, batch, proof)
    this.#proved.add(batch)
    return undivided
  }

  async evaluate(callbacks: EvaluationCallbacks, signal?: AbortSignal): Promise<Uint8Array[]> {
    const stop = signal === undefined ? this.#closing : AbortSignal.any([this.#closing, signal])
    const stopped = Promise.withResolvers<never>()
    stopped.promise.catch(() => undefined)
    const abort = (): void => stopped.reject(stop.reason)
    stop.addEventListener('abort', abort, { once: true })
    try {
      stop.throwIfAborted()
      return await Promise.race([this.#evaluate(callbacks, stop), stopped.promise])
    } finally {
      stop.removeEventListener('abort', abort)
    }
  }

  async #evaluate(callbacks: EvaluationCallbacks, stop: AbortSignal): Promise<Uint8Array[]> {
    const session = await this.#enter('evaluate')
    const query = this.#query
    const { plan } = this.#party.session!
    const input = this.inputs.get(0)
    const proved = !provesEncryptions(this.#party.session!.proofs, this.#provenance.sender) || plan.operands.data === 'clear'
    if (!proved && !this.#proved.has(0)) throw named('MissingPartError', `input 0 of query ${query} has not been proved`)
    if (input === undefined) throw named('MissingPartError', `input 0 of query ${query} has not been received`)
    const samples = JSON.parse(input) as number[][]
    const steps = plan.refreshes.length + 1
    for (const [step, refresh] of plan.refreshes.entries()) {
      callbacks.progress({ done: step, total: steps, step: `layer ${step}` })
      const c1 = Array.from({ length: refresh.ciphertextsPerBlock * plan.batchBlocks }, (_, k) => bytes(`c1 ${query} ${step} ${k}`))
      const { step: of, level, scale, magnitude } = refresh
      const instance = refreshInstance(query, of, 0)
      const request = { instance, step: of, level, scale, magnitude, c1 }
      if (isWholeKey(plan)) {
        const masked = c1.map((_, k) => bytes(`masked ${query} ${step} ${k}`))
        const answers = await callbacks.refreshWhole({ ...request, masked })
        stop.throwIfAborted()
        this.#check([answers], masked, 'refreshWhole', `${session} ${instance}`)
      } else {
        const shares = await callbacks.refresh(request)
        stop.throwIfAborted()
        this.#check(shares, c1, 'refresh', `${session} ${instance}`)
      }
      await this.#enter('evaluating')
      stop.throwIfAborted()
    }
    const c1 = Array.from({ length: plan.output.ciphertextsPerBlock * plan.batchBlocks }, (_, k) => bytes(`c1 ${query} output ${k}`))
    const instance = switchInstance(query)
    const request = { instance, level: plan.output.level, noise: plan.output.floodedNoise, c1 }
    let shares: Uint8Array[][] = []
    if (!isWholeKey(plan)) {
      shares = await callbacks.switchShares(request)
      stop.throwIfAborted()
      this.#check(shares, c1, 'switch', `${session} ${instance}`)
    } else if (!callbacks.querierHoldsKey) {
      shares = [await callbacks.switchWhole(request)]
      stop.throwIfAborted()
      this.#check(shares, c1, 'switchWhole', `${session} ${instance}`)
    }
    callbacks.progress({ done: steps, total: steps, step: 'done' })
    // The key that the holders switched to is in every share.
    const keys = new Set(shares.length === 0 ? [this.#party.demandPublicKey()] : shares.flat().map(share => text(share).split(' ')[4]!))
    if (keys.size !== 1) throw new Error('shares for different keys')
    return c1.map((_, k) =>
      bytes(JSON.stringify({ key: [...keys][0], values: k === 0 ? samples.map(sample => logitsOf(Float64Array.from(sample))) : [] }))
    )
  }

  async dispose(): Promise<void> {
    this.#party.calls.push('forgetQuery')
    this.#disposed = true
    this.inputs.clear()
    this.#onDisposed()
  }

  #check(shares: Uint8Array[][], c1: Uint8Array[], protocol: string, instance: string): void {
    if (shares.length !== this.#party.session!.parties) throw named('MissingShareError', `${shares.length} parties`)
    if (new Set(shares.map(([first]) => (first === undefined ? '' : text(first).split(' ').at(-1)))).size !== shares.length)
      throw new Error('a party twice')
    for (const [party, list] of shares.entries()) {
      if (list.length !== c1.length)
        throw new RejectedShareError(party, protocol, instance, named('MalformedShareError', 'a share is missing'))
      for (const [k, share] of list.entries()) {
        if (text(share).startsWith(`${protocol} ${instance} ${digestOf(c1[k]!)} `)) continue
        throw new RejectedShareError(party, protocol, instance, named('MalformedShareError', `${protocol} share ${k}`))
      }
    }
  }
}

const proofOf = (session: string, sender: string, query: string | null, batch: number): string =>
  `proof ${session} ${sender} ${query ?? 'model'} ${batch}`

/** What the fake network answers to a sample. */
export function logitsOf(sample: Float64Array): number[] {
  const sum = sample.reduce((total, value) => total + value, 0)
  return [sum, -sum]
}
