/**
 * The evaluator is a deterministic function of plan, keys, model, inputs and shares: the second components that key holders are asked about are the same bytes
 * on every variant of the kernel, with any number of threads, on every version of Node, and as they were when the file of vectors was written.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Context, Encryptor, Parameters, serializeCiphertext } from '@slytherin/ckks'
import { architectureOf, calibrate, fuse, importOnnx, plan } from '@slytherin/engine'
import { InMemoryShareLedger, PublicKeyGeneration } from '@slytherin/mhe'
import { type EvaluationCallbacks, inputCount, LocalCryptography, MemorySessionSecrets, type Plan, parsePlan } from '@slytherin/protocol'
import { fixedSecrets } from '@slytherin/protocol/testing'
import { type KernelVariant, loadKernel } from '@slytherin/ring'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { frozen } from './support/frozen.js'
import { realSamples } from './support/real-session.js'

const QUERY = 'q'
const PARTIES = 2
const hashOf = (parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
const seedOf = (label: string): Uint8Array => new Uint8Array(createHash('sha256').update(label).digest())

/** As a plan was, to the last bit: what this machine would plan is not under test. */
async function planned(): Promise<Plan> {
  const { plan: known } = await frozen('evaluation', async () => {
    const onnx = await readFile(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
    const network = fuse(importOnnx(onnx))
    const options = { batch: 2, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1, parties: PARTIES } as const
    const made = plan(architectureOf(network, calibrate(network, realSamples(64))), options)
    return { plan: made, c1: await new Recorded(made).evaluate('fallback', 1) }
  })
  return parsePlan(known)
}

/** Everything that an evaluation is given, made once from fixed seeds. */
class Recorded {
  readonly #session
  readonly #plan: Plan
  #given: Promise<Given> | undefined

  constructor(agreed: Plan) {
    this.#plan = agreed
    const { floodingBits, maximumDecryptions } = agreed
    const counts = { parties: PARTIES, floodingBits, maximumDecryptions, maximumRefreshes: 1000 }
    this.#session = { sessionId: new Uint8Array(32).fill(5), plan: agreed, ...counts }
  }

  async #make(): Promise<Given> {
    const agreed = this.#plan
    const holders = await Promise.all(
      [1, 2].map(async seed => {
        const secrets = new MemorySessionSecrets(fixedSecrets(seed))
        const holder = await LocalCryptography.create({ ledger: new InMemoryShareLedger(), secrets, kernelVariant: 'fallback' })
        await holder.open({ ...this.#session, roles: ['key-holder'] })
        return holder
      })
    )
    const publicShares = await Promise.all(holders.map(async holder => await holder.publicKeyShare()))
    const ones = await Promise.all(holders.map(async holder => await holder.relinearizationShareOne()))
    for (const holder of holders) {
      for (const [party, share] of ones.entries()) await holder.addRelinearizationShareOne(party, share)
    }
    const twos = await Promise.all(holders.map(async holder => await holder.relinearizationShareTwo()))
    const galois = new Map<string, Uint8Array[]>()
    for (const { element } of agreed.galoisKeys) {
      galois.set(String(element), await Promise.all(holders.map(async holder => await holder.galoisShare(element))))
    }
    const context = Context.create(Parameters.fromJSON(agreed.parameters), await loadKernel({ variant: 'fallback' }), { parties: PARTIES })
    const generation = new PublicKeyGeneration(context, this.#session.sessionId)
    const encryptor = new Encryptor(
      context,
      generation.finalize(generation.aggregate(publicShares.map(share => generation.deserialize(share))))
    )
    const encrypt = (label: string, item: { level: number; scale: number }): Uint8Array => {
      const slots = seedOf(label)
      const real = Float64Array.from({ length: context.parameters.slots }, (_, k) => (slots[k % 32]! - 128) / 2048)
      using plaintext = context.encoder.encode({ real, imaginary: new Float64Array(real.length) }, item)
      using ciphertext = encryptor.encrypt(plaintext, seedOf(`seed of ${label}`))
      return serializeCiphertext(ciphertext)
    }
    const weights = agreed.weights.items.map((item, index) => encrypt(`weight ${index}`, item))
    const inputs = Array.from({ length: inputCount(agreed) }, (_, index) => encrypt(`input ${index}`, agreed.inputs))
    context.dispose()
    return { holders, publicShares, ones, twos, galois, weights, inputs }
  }

  /** Hash of the second components of every request, by instance. */
  async evaluate(kernelVariant: KernelVariant, threads: number): Promise<Record<string, string>> {
    this.#given ??= this.#make()
    const { holders, publicShares, ones, twos, galois, weights, inputs } = await this.#given
    const party = await LocalCryptography.create({ kernelVariant, threads })
    const requests: Record<string, string> = {}
    const end = new Error('the last request was made')
    try {
      await party.open({ ...this.#session, roles: ['witness'] })
      await party.setPublicKey(publicShares)
      for (const [place, share] of ones.entries()) await party.addShare('relinearization-1', 'relinearization', place, share)
      for (const [place, share] of twos.entries()) await party.addShare('relinearization-2', 'relinearization', place, share)
      await party.finishKey('relinearization-2', 'relinearization')
      for (const [element, shares] of galois) {
        for (const [place, share] of shares.entries()) await party.addShare('galois', element, place, share)
        await party.finishKey('galois', element)
      }
      for (const [index, part] of weights.entries()) await party.storeModelPart(index, part)
      const evaluation = await party.openEvaluation(QUERY, 'querier')
      for (const [index, input] of inputs.entries()) await evaluation.storeInput(index, input)
      const none = async (): Promise<never> => {
        throw new Error('not asked for')
      }
      const callbacks: EvaluationCallbacks = {
        refresh: async request => {
          requests[request.instance] = hashOf(request.c1)
          // A holder's share of other second components would be refused: one input for every instance.
          return await Promise.all(holders.map(async holder => await holder.refreshShare(request)))
        },
        switchShares: async request => {
          requests[request.instance] = hashOf(request.c1)
          throw end
        },
        refreshWhole: none,
        switchWhole: none,
        querierHoldsKey: false,
        resultKey: none,
        progress: () => {}
      }
      await expect(evaluation.evaluate(callbacks)).rejects.toBe(end)
      return requests
    } finally {
      await party.dispose()
    }
  }

  async dispose(): Promise<void> {
    for (const holder of (await this.#given)?.holders ?? []) await holder.dispose()
  }
}

interface Given {
  readonly holders: LocalCryptography[]
  readonly publicShares: Uint8Array[]
  readonly ones: Uint8Array[]
  readonly twos: Uint8Array[]
  readonly galois: ReadonlyMap<string, Uint8Array[]>
  readonly weights: Uint8Array[]
  readonly inputs: Uint8Array[]
}

describe('second components of an evaluation', () => {
  let recorded: Recorded
  let known: Record<string, string>
  beforeAll(async () => {
    recorded = new Recorded(await planned())
    known = (JSON.parse(await readFile(new URL('./vectors/evaluation.json', import.meta.url), 'utf8')) as { c1: Record<string, string> }).c1
  })
  afterAll(async () => await recorded.dispose())

  it.each([
    ['fallback', 1],
    ['fallback', 2],
    ['simd', 1],
    ['simd', 2],
    ['revectorised', 1],
    ['revectorised', 2]
  ] as const)('are the same bytes with the kernel %s and %i threads', async (variant, threads) => {
    const c1 = await recorded.evaluate(variant, threads)
    expect(Object.keys(c1)).toEqual(Object.keys(known))
    expect(c1).toEqual(known)
  })
})
