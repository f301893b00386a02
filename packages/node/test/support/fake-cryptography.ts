/**
 * Cryptography that does none, for the worker: every object is a short text that says what it is, so that each step can check that it got
 * what it should. The logits of a sample are its sum and the negated sum. Runs with type stripping alone.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { threadId } from 'node:worker_threads'
import { parseArchitecture, plan } from '@slytherin/engine'
import { MalformedShareError } from '@slytherin/mhe'
import type { CryptographyOptions, HostedCryptography, PlanRequest } from '@slytherin/node'
import type { Architecture, EvaluationCallbacks, Plan, RefreshRequest, SessionParameters, SwitchRequest } from '@slytherin/protocol'

const text = (value: Uint8Array): string => new TextDecoder().decode(value)
const bytes = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value))
const digest = (value: Uint8Array | string): string => createHash('sha256').update(value).digest('hex').slice(0, 16)

/** Numbers of `modelPart` that do something else, for the tests of the worker itself. */
export const PART_CRASHES = 1001
export const PART_THROWS = 1002
export const PART_IS_A_VIEW = 1003
export const PART_THREAD = 1004
export const PART_IS_LARGE = 1005
export const LARGE_BYTES = 1 << 24

export async function createCryptography(options: CryptographyOptions): Promise<HostedCryptography> {
  if (options.model?.path === 'unreadable.onnx') throw new MalformedShareError('refresh', 'file', 'a model', 'nothing')
  return new FakeCryptography(basename(options.state))
}

class FakeCryptography implements HostedCryptography {
  private session: SessionParameters | undefined
  private publicKey = ''
  private samples: Float64Array[] = []
  private resultKeyText = ''
  private readonly sums = new Map<string, Set<string>>()
  private readonly inputs = new Map<string, string>()
  private readonly self: string

  constructor(self: string) {
    this.self = self
  }

  private get id(): string {
    if (this.session === undefined) throw new Error('no session is open')
    return digest(this.session.sessionId)
  }

  async open(session: SessionParameters): Promise<void> {
    this.session = session
    this.sums.clear()
  }

  async close(): Promise<void> {
    this.session = undefined
  }

  async dispose(): Promise<void> {
    await this.close()
  }

  async plan(_: unknown, request: PlanRequest): Promise<Plan> {
    return plan(ARCHITECTURE, request)
  }

  async setPublicKey(shares: Uint8Array[]): Promise<void> {
    for (const share of shares) if (!text(share).startsWith(`pk ${this.id} `)) throw new Error('not a share of this session')
    this.publicKey = digest(shares.map(text).join())
  }

  async publicKeyShare(): Promise<Uint8Array> {
    return bytes(`pk ${this.id} ${this.self}`)
  }

  async relinearizationShareOne(): Promise<Uint8Array> {
    return bytes(`share ${this.self}`)
  }

  async relinearizationShareTwo(): Promise<Uint8Array> {
    return bytes(`share ${this.self}`)
  }

  async galoisShare(): Promise<Uint8Array> {
    return bytes(`share ${this.self}`)
  }

  async refreshShare({ instance, c1 }: RefreshRequest): Promise<Uint8Array[]> {
    return c1.map(part => bytes(`refresh ${this.id} ${instance} ${digest(part)} ${this.self}`))
  }

  async switchShare({ instance, c1, targetKey }: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    return c1.map(part => bytes(`switch ${this.id} ${instance} ${digest(part)} ${text(targetKey)}`))
  }

  async modelPart(index: number): Promise<Uint8Array> {
    if (index === PART_CRASHES) setTimeout(() => queueMicrotask(() => crash()), 0)
    if (index === PART_CRASHES) return await new Promise<Uint8Array>(() => {})
    if (index === PART_THROWS) throw new MalformedShareError('refresh', 'residue', 'below its prime', '12 of row 3')
    if (index === PART_IS_A_VIEW) return new Uint8Array(new SharedArrayBuffer(1 << 20), 100, 50).fill(9)
    if (index === PART_THREAD) return Uint8Array.of(threadId)
    if (index === PART_IS_LARGE) return new Uint8Array(LARGE_BYTES).fill(1)
    return bytes(`part ${this.publicKey} ${index}`)
  }

  async architecture(): Promise<Architecture> {
    return ARCHITECTURE
  }

  async resultKey(): Promise<Uint8Array> {
    this.resultKeyText = `key-of-${this.self}`
    return bytes(this.resultKeyText)
  }

  async setSamples(samples: Float64Array[]): Promise<void> {
    this.samples = samples
  }

  async encryptInput(index: number): Promise<Uint8Array> {
    return bytes(JSON.stringify({ publicKey: this.publicKey, index, samples: this.samples.map(sample => Array.from(sample)) }))
  }

  async decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    const { key, logits } = JSON.parse(text(ciphertexts[0]!)) as { key: string; logits: number[][] }
    if (key !== this.resultKeyText) throw new Error('encrypted under another key')
    const rows = logits.map(row => Float64Array.from(row))
    while (rows.length < this.session!.plan.batch) rows.push(new Float64Array(2))
    return rows
  }

  async addShare(protocol: string, instance: string, party: number, share: Uint8Array): Promise<void> {
    const key = `${protocol} ${instance}`
    this.sums.set(key, (this.sums.get(key) ?? new Set()).add(`${party} ${text(share)}`))
  }

  async aggregate(protocol: string, instance: string): Promise<Uint8Array> {
    await this.finishKey(protocol, instance)
    return bytes('aggregate')
  }

  async finishKey(protocol: string, instance: string): Promise<void> {
    if (this.sums.get(`${protocol} ${instance}`)?.size !== this.session!.parties) throw new Error(`${protocol} ${instance} is incomplete`)
  }

  async storeModelPart(index: number, part: Uint8Array): Promise<void> {
    if (text(part) !== `part ${this.publicKey} ${index}`) throw new Error('part under another key')
  }

  async prepareModel(): Promise<void> {
    throw new Error('the weights are encrypted')
  }

  async storeSamples(): Promise<void> {
    throw new Error('the data are encrypted')
  }

  async forgetQuery(query: string): Promise<void> {
    this.inputs.delete(query)
  }

  async storeInput(query: string, index: number, input: Uint8Array): Promise<void> {
    const parsed = JSON.parse(text(input)) as { publicKey: string; index: number }
    if (parsed.publicKey !== this.publicKey || parsed.index !== index) throw new Error('input under another key')
    this.inputs.set(query, text(input))
  }

  async evaluate(query: string, callbacks: EvaluationCallbacks): Promise<Uint8Array[]> {
    const { plan, parties } = this.session!
    for (const [step, { level, scale, magnitude }] of plan.refreshes.entries()) {
      callbacks.progress({ done: step, total: plan.refreshes.length + 1, step: `layer ${step}` })
      const c1 = [bytes(`c1 ${step}`)]
      const instance = `${query}/refresh/${step}`
      const shares = await callbacks.refresh({ instance, level, scale, magnitude, c1 })
      const expected = `refresh ${this.id} ${instance} ${digest(c1[0]!)}`
      if (shares.length !== parties || shares.some(([share]) => !text(share!).startsWith(expected))) throw new Error('wrong refresh shares')
    }
    const { level, noise } = plan.output
    const shares = await callbacks.switchShares({ instance: `${query}/switch`, level, noise, c1: [bytes('c1 out')] })
    const { samples } = JSON.parse(this.inputs.get(query)!) as { samples: number[][] }
    const logits = samples.map(sample => sample.reduce((sum, value) => sum + value, 0)).map(sum => [sum, -sum])
    return [bytes(JSON.stringify({ key: text(shares[0]![0]!).split(' ').at(-1), logits }))]
  }
}

const dense = (inputs: number, outputs: number) => ({
  kind: 'affine' as const,
  name: `dense ${inputs} to ${outputs}`,
  inputs,
  outputs,
  operations: [{ kind: 'dense' as const, inputs, outputs }],
  weightMagnitude: 1,
  rowNorm: Math.sqrt(inputs),
  biasMagnitude: 1,
  outputMagnitude: 4
})

const ARCHITECTURE = parseArchitecture({
  version: 1,
  name: 'tiny',
  input: { shape: [4], magnitude: 1 },
  layers: [dense(4, 4), { kind: 'square', name: 'square', features: 4, outputMagnitude: 16 }, dense(4, 2)],
  output: { features: 2, largest: 4, final: 'none' }
})

function crash(): never {
  throw new RangeError('out of memory, say')
}
