import { createHash } from 'node:crypto'
import type {
  Architecture,
  EvaluationCallbacks,
  PartyCryptography,
  RefreshRequest,
  SessionParameters,
  SummedProtocol,
  SwitchRequest
} from '@slytherin/protocol'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)
export const digestOf = (value: Uint8Array | string): string => createHash('sha256').update(value).digest('hex').slice(0, 16)

/** What the share packages throw; in a worker only name and text survive. */
function named(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}

/** Holds calls back, for tests that need somebody to be slow or to stop. */
export type Gate = (method: string) => Promise<void> | undefined

/**
 * Cryptography that does none: every object is a short text that says what it is, so that each step can check that it got what it should.
 * "Logits" of a sample are its sum and its negated sum.
 */
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
  #samples: Float64Array[] = []
  #resultKey = ''
  #resultKeys = 0
  readonly #shares = new Map<string, Map<number, string>>()
  readonly #inputs = new Map<string, Map<number, string>>()

  constructor(
    readonly self: string,
    readonly shape: Architecture
  ) {}

  async #enter(method: string): Promise<string> {
    this.calls.push(method)
    await this.gate?.(method)
    if (this.session === undefined) throw named('SessionStateError', `${method}: no session is open`)
    return digestOf(this.session.sessionId)
  }

  async open(session: SessionParameters): Promise<void> {
    this.calls.push('open')
    await this.gate?.('open')
    this.#shares.clear()
    this.#inputs.clear()
    this.given.clear()
    this.session = session
  }

  async close(): Promise<void> {
    this.closed++
    this.session = undefined
    this.publicKey = undefined
  }

  async setPublicKey(shares: Uint8Array[]): Promise<void> {
    const session = await this.#enter('setPublicKey')
    for (const share of shares) {
      if (!new RegExp(`^pk ${session} `).test(text(share))) throw named('MalformedShareError', 'not a public key share of this session')
    }
    if (shares.length !== this.session!.parties) throw named('LengthMismatchError', `${shares.length} shares`)
    this.publicKey = digestOf(shares.map(text).join())
  }

  async publicKeyShare(): Promise<Uint8Array> {
    return bytes(`pk ${await this.#enter('publicKeyShare')} ${this.self}`)
  }

  async relinearizationShareOne(): Promise<Uint8Array> {
    return bytes(`relinearization-1 ${await this.#enter('relinearizationShareOne')} relinearization ${this.self}`)
  }

  async relinearizationShareTwo(aggregatedOne: Uint8Array): Promise<Uint8Array> {
    const session = await this.#enter('relinearizationShareTwo')
    if (!text(aggregatedOne).startsWith('aggregate ')) throw named('MalformedShareError', 'not an aggregate')
    return bytes(`relinearization-2 ${session} relinearization ${this.self}`)
  }

  async galoisShare(element: number): Promise<Uint8Array> {
    return bytes(`galois ${await this.#enter('galoisShare')} ${element} ${this.self}`)
  }

  #once(instance: string, input: string): void {
    const known = this.given.get(instance)
    if (known !== undefined && known !== input) throw named('ShareAlreadyGivenError', `${instance} has a share`)
    this.given.set(instance, input)
  }

  async refreshShare(request: RefreshRequest): Promise<Uint8Array[]> {
    const session = await this.#enter('refreshShare')
    if (request.c1.some(c1 => !text(c1).startsWith('c1 '))) throw named('ResidueRangeError', 'residue 7 of row 1 is not below 97')
    this.#once(`refresh ${request.instance}`, digestOf(request.c1.map(text).join()))
    return request.c1.map(c1 => bytes(`refresh ${session} ${request.instance} ${digestOf(c1)} ${this.self}`))
  }

  async switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    const session = await this.#enter('switchShare')
    this.#once(`switch ${request.instance}`, digestOf(request.c1.map(text).join()))
    return request.c1.map(c1 => bytes(`switch ${session} ${request.instance} ${digestOf(c1)} ${digestOf(request.targetKey)} ${this.self}`))
  }

  async modelPart(index: number): Promise<Uint8Array> {
    const session = await this.#enter('modelPart')
    if (this.publicKey === undefined) throw named('SessionStateError', 'no public key')
    return bytes(`part ${session} ${index} ${this.publicKey}`)
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

  async setSamples(samples: Float64Array[]): Promise<void> {
    this.#samples = samples
  }

  async encryptInput(index: number): Promise<Uint8Array> {
    const session = await this.#enter('encryptInput')
    if (this.publicKey === undefined) throw named('SessionStateError', 'no public key')
    return bytes(
      `input ${session} ${this.publicKey} ${index} ${JSON.stringify(index === 0 ? this.#samples.map(sample => [...sample]) : null)}`
    )
  }

  async decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    await this.#enter('decryptResults')
    const logits: Float64Array[] = []
    for (const ciphertext of ciphertexts) {
      const { key, values } = JSON.parse(text(ciphertext)) as { key: string; values: number[][] }
      if (key !== digestOf(this.#resultKey)) throw named('MalformedCiphertextError', 'encrypted under another key')
      logits.push(...values.map(value => Float64Array.from(value)))
    }
    while (logits.length < this.session!.plan.batch) logits.push(new Float64Array(2))
    return logits
  }

  async addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void> {
    const session = await this.#enter('addShare')
    const value = text(share)
    if (!value.startsWith(`${protocol} ${session} ${instance} `))
      throw named('MalformedShareError', `not a share of ${protocol} ${instance}`)
    const key = `${protocol} ${instance}`
    const shares = this.#shares.get(key) ?? new Map<number, string>()
    this.#shares.set(key, shares)
    const known = shares.get(party)
    if (known !== undefined && known !== value) throw named('DuplicateShareError', `party ${party} sent two`)
    shares.set(party, value)
  }

  async aggregate(protocol: 'relinearization-1', instance: string): Promise<Uint8Array> {
    await this.#enter('aggregate')
    return bytes(`aggregate ${this.#complete(protocol, instance)}`)
  }

  async finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void> {
    await this.#enter('finishKey')
    this.#complete(protocol, instance)
    this.keys.add(`${protocol} ${instance}`)
  }

  #complete(protocol: string, instance: string): string {
    const shares = this.#shares.get(`${protocol} ${instance}`)
    if (shares?.size !== this.session!.parties) throw named('MissingShareError', `${protocol} ${instance} is incomplete`)
    return digestOf([...shares.values()].sort().join())
  }

  async storeModelPart(index: number, part: Uint8Array): Promise<void> {
    const session = await this.#enter('storeModelPart')
    if (text(part) !== `part ${session} ${index} ${this.publicKey}`) throw named('MalformedCiphertextError', `model part ${index}`)
    this.parts.set(index, text(part))
  }

  async prepareModel(): Promise<void> {
    await this.#enter('prepareModel')
  }

  async storeSamples(query: string, samples: Float64Array[]): Promise<void> {
    await this.#enter('storeSamples')
    this.#inputs.set(query, new Map([[0, JSON.stringify(samples.map(sample => [...sample]))]]))
  }

  async forgetQuery(query: string): Promise<void> {
    this.calls.push('forgetQuery')
    this.#inputs.delete(query)
  }

  async storeInput(query: string, index: number, input: Uint8Array): Promise<void> {
    const session = await this.#enter('storeInput')
    const prefix = `input ${session} ${this.publicKey} ${index} `
    if (!text(input).startsWith(prefix)) throw named('MalformedCiphertextError', `input ${index}`)
    const inputs = this.#inputs.get(query) ?? new Map<number, string>()
    this.#inputs.set(query, inputs)
    inputs.set(index, text(input).slice(prefix.length))
  }

  async evaluate(query: string, callbacks: EvaluationCallbacks): Promise<Uint8Array[]> {
    const session = await this.#enter('evaluate')
    const plan = this.session!.plan
    const samples = JSON.parse(this.#inputs.get(query)!.get(0)!) as number[][]
    const steps = plan.refreshes.length + 1
    for (const [step, refresh] of plan.refreshes.entries()) {
      callbacks.progress({ done: step, total: steps, step: `layer ${step}` })
      const c1 = Array.from({ length: refresh.ciphertextsPerBlock * plan.batchBlocks }, (_, k) => bytes(`c1 ${query} ${step} ${k}`))
      const instance = `${query}/refresh/${step}`
      const shares = await callbacks.refresh({ instance, level: refresh.level, scale: refresh.scale, magnitude: refresh.magnitude, c1 })
      this.#check(shares, c1, 'refresh', `${session} ${instance}`)
      await this.#enter('evaluating')
    }
    const c1 = Array.from({ length: plan.output.ciphertextsPerBlock * plan.batchBlocks }, (_, k) => bytes(`c1 ${query} output ${k}`))
    const instance = `${query}/switch`
    const shares = await callbacks.switchShares({ instance, level: plan.output.level, noise: plan.output.noise, c1 })
    this.#check(shares, c1, 'switch', `${session} ${instance}`)
    callbacks.progress({ done: steps, total: steps, step: 'done' })
    // The key that the holders switched to is in every share.
    const keys = new Set(shares.flat().map(share => text(share).split(' ')[4]!))
    if (keys.size !== 1) throw new Error('shares for different keys')
    return c1.map((_, k) =>
      bytes(JSON.stringify({ key: [...keys][0], values: k === 0 ? samples.map(sample => logitsOf(Float64Array.from(sample))) : [] }))
    )
  }

  #check(shares: Uint8Array[][], c1: Uint8Array[], protocol: string, instance: string): void {
    if (shares.length !== this.session!.parties) throw named('MissingShareError', `${shares.length} parties`)
    if (new Set(shares.map(list => text(list[0]!).split(' ').at(-1))).size !== shares.length) throw new Error('a party twice')
    for (const list of shares) {
      for (const [k, share] of list.entries()) {
        if (!text(share).startsWith(`${protocol} ${instance} ${digestOf(c1[k]!)} `))
          throw named('MalformedShareError', `${protocol} share ${k}`)
      }
    }
  }
}

export function logitsOf(sample: Float64Array): number[] {
  const sum = sample.reduce((total, value) => total + value, 0)
  return [sum, -sum]
}
