import { proofSize } from '@slytherin/mhe'
import {
  decodeBody,
  encodeMessage,
  inputBatches,
  messageSizes,
  modelBatches,
  PROOF_BATCH,
  type ProofBatch,
  ProofMissingError,
  ProofRejectedError,
  type ProtocolError,
  type RemoteFailureError,
  readHeader,
  SessionAbortedError
} from '@slytherin/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { proofBatches } from '../dist/terms/proof-batches.js'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE, samples, testPlan } from './support/cohort.js'
import { Wire } from './support/wire.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array): string => new TextDecoder().decode(value)

async function refusal(promise: Promise<unknown>): Promise<ProtocolError> {
  return (await rejection<RemoteFailureError>(promise)).remote
}

const OWN = () => ({ policy: { allowInsecure: true, assist: { proofs: 'own' } } }) as const

describe('batches', () => {
  const covers = (batches: readonly ProofBatch[], count: number): void => {
    let next = 0
    for (const [i, batch] of batches.entries()) {
      expect(batch).toMatchObject({ number: i, first: next })
      expect(batch.count).toBeLessThanOrEqual(PROOF_BATCH)
      next += batch.count
    }
    expect(next).toBe(count)
  }

  it('have every ciphertext once, in order, at a level that is none’s too low', () => {
    for (const levels of [
      [],
      [3],
      new Array<number>(200).fill(5),
      [6, 6, 6, 5, 5, 4, 3, 2, 1],
      [1, 9, 1],
      [...new Array<number>(70).fill(9), 0]
    ]) {
      const batches = proofBatches(levels)
      covers(batches, levels.length)
      for (const { first, count, level } of batches) expect(level).toBe(Math.max(...levels.slice(first, first + count)))
    }
  })

  it('take the few of other levels in, and leave many of a lower level alone', () => {
    expect(proofBatches([4, 3, 2, 1])).toHaveLength(1)
    const levels = [...new Array<number>(8).fill(9), ...new Array<number>(40).fill(1)]
    expect(proofBatches(levels).map(({ level }) => level)).toEqual([9, 1])
  })

  it('have proofs that fit into their messages, in every ring', () => {
    for (let logN = 4; logN <= 16; logN++) {
      const plan = testPlan(3)
      const { proof } = messageSizes({ ...plan, parameters: { ...plan.parameters, logN } })
      for (const count of [1, PROOF_BATCH]) expect(proofSize(2 ** logN, count).bytes).toBeLessThanOrEqual(proof)
    }
  })
})

describe('proofs of encryption', () => {
  let parties: Cohort
  let wire: Wire
  let run: Promise<unknown>
  const [batch] = inputBatches(testPlan(3)) as [ProofBatch]

  beforeEach(async () => {
    parties = cohort({ roles: SEPARATE, member: OWN })
    wire = new Wire(parties.network)
    run = parties.coordinator.run()
    await parties.member('querier').ready()
  })

  /** After every refusal the session answers a query and closes in good order. */
  afterEach(async () => {
    expect(await parties.member('querier').query(samples(2))).toHaveLength(2)
    await parties.member('querier').leave()
    await run
  })

  /** Opens a query with its inputs; its proof is returned. */
  const open = async (query: string): Promise<Uint8Array> => {
    await wire.send('querier', EVALUATOR, 'queryOpen', { query, querier: 'querier', samples: 1 })
    const inputs = await parties.fake('querier').openQuery(samples(1), query)
    for (let index = 0; index < batch.count; index++) {
      await wire.send('querier', EVALUATOR, 'queryInput', { query, index, ciphertext: await inputs.encryptInput(index) })
    }
    return await inputs.proveInputs(0)
  }

  it('are missing: the query is not evaluated', async () => {
    await open('q1')
    const refused = await refusal(wire.send('querier', EVALUATOR, 'queryEvaluate', { query: 'q1', signature: bytes('') }))
    expect(refused).toBeInstanceOf(ProofMissingError)
    expect(refused).toMatchObject({ peer: 'querier', kind: 'queryEvaluate', field: 'query' })
  })

  it('of another query, sender, batch or session, or of nothing, are refused by name, and the right one is taken afterwards', async () => {
    const proof = text(await open('q1'))
    const other = text(await open('q2'))
    const cases = [
      other,
      proof.replace(' querier ', ' owner '),
      proof.replace(/ 0$/, ' 1'),
      proof.replace(/^proof \w+/, 'proof 0123456789abcdef'),
      'proof'
    ]
    for (const wrong of cases) {
      const refused = await refusal(wire.send('querier', EVALUATOR, 'queryProof', { query: 'q1', batch: 0, proof: bytes(wrong) }))
      expect(refused).toBeInstanceOf(ProofRejectedError)
      expect(refused).toMatchObject({ peer: 'querier', kind: 'queryProof', field: 'proof', culprit: 'querier' })
    }
    const send = async (body: { query: string; batch: number; proof: Uint8Array }): Promise<ProtocolError> =>
      await refusal(wire.send('querier', EVALUATOR, 'queryProof', body))
    expect(await send({ query: 'q1', batch: 1, proof: bytes(proof) })).toMatchObject({ code: 'malformed-message', field: 'batch' })
    expect(await send({ query: 'q1', batch: 0, proof: new Uint8Array(0) })).toMatchObject({ code: 'malformed-message', field: 'proof' })
    expect(await send({ query: 'q3', batch: 0, proof: bytes(proof) })).toMatchObject({ code: 'out-of-order-message', field: 'query' })
    await wire.send('querier', EVALUATOR, 'queryProof', { query: 'q1', batch: 0, proof: bytes(proof) })
    await wire.send('querier', EVALUATOR, 'queryProof', { query: 'q1', batch: 0, proof: bytes(proof) })
  })

  it('come before the inputs that they are of: they are refused', async () => {
    await wire.send('querier', EVALUATOR, 'queryOpen', { query: 'q1', querier: 'querier', samples: 1 })
    const refused = await refusal(wire.send('querier', EVALUATOR, 'queryProof', { query: 'q1', batch: 0, proof: bytes('x') }))
    expect(refused).toMatchObject({ code: 'out-of-order-message', kind: 'queryProof' })
  })

  it('reach every key holder that checks: one that has not all of a batch, or another proof, refuses', async () => {
    for (const holder of ['holderA', 'holderB', 'holderC']) {
      const checked = parties.fake(holder).calls.filter(call => call === 'verifyEncryptions')
      expect(checked).toHaveLength(modelBatches(parties.plan).length)
    }
    const name = { query: 'q1', owner: 'querier', batch: 0 }
    const send = async (kind: 'proofPart' | 'proofCopy', body: object): Promise<ProtocolError> =>
      await refusal(
        wire.send(EVALUATOR, 'holderA', kind, { ...name, index: 0, undivided: bytes('undivided 0'), proof: bytes('p'), ...body })
      )
    expect(await send('proofCopy', {})).toMatchObject({ code: 'out-of-order-message', kind: 'proofCopy', field: 'batch' })
    expect(await send('proofPart', { owner: 'owner' })).toMatchObject({ code: 'not-permitted', field: 'owner' })
    expect(await send('proofPart', { query: '' })).toMatchObject({ code: 'not-permitted', field: 'owner' })
    expect(await send('proofPart', { batch: 9 })).toMatchObject({ code: 'malformed-message', field: 'batch' })
    expect(await send('proofPart', { index: batch.count })).toMatchObject({ code: 'malformed-message', field: 'index' })
    expect(await send('proofPart', { undivided: new Uint8Array(0) })).toMatchObject({ code: 'malformed-message', field: 'undivided' })
    for (let index = 0; index < batch.count; index++) {
      await wire.send(EVALUATOR, 'holderA', 'proofPart', { ...name, index, undivided: bytes(`undivided ${index}`) })
    }
    const refused = await send('proofCopy', {})
    expect(refused).toBeInstanceOf(ProofRejectedError)
    expect(refused).toMatchObject({ kind: 'proofCopy', field: 'proof', culprit: 'querier' })
  })
})

describe('a key holder that checks proofs itself', () => {
  it('gives no share for a query that it has not seen proved, and says which line of its configuration asks', async () => {
    const parties = cohort({ roles: SEPARATE, member: OWN })
    const wire = new Wire(parties.network)
    // The evaluator does not hear that this holder checks, and so sends it nothing to check.
    wire.fault = ({ from, bytes: message }) => {
      const header = readHeader(message, from)
      if (from !== 'holderA' || header.kind !== 'acceptance') return undefined
      const body = decodeBody('acceptance', header.body, messageSizes(parties.plan), from)
      return encodeMessage(header, 'acceptance', { ...body, checksProofs: false })
    }
    const run = parties.coordinator.run()
    const error = await rejection<RemoteFailureError>(parties.member('querier').query(samples(1)))
    expect(error.remote).toBeInstanceOf(ProofMissingError)
    expect(error.remote).toMatchObject({ kind: 'refresh', field: 'query', expected: expect.stringContaining('"assist.proofs: own"') })
    expect(error.remote.expected).toContain('proofs of the model')
    for (const holder of ['holderA', 'holderB']) {
      expect(parties.fake(holder).calls.includes('verifyEncryptions')).toBe(holder === 'holderB')
    }
    expect(parties.fake('holderA').calls).not.toContain('refreshShare')
    await parties.member('querier').leave()
    await run
  })
})

describe('a model whose proof does not hold', () => {
  it('ends the session, in its owner’s name', async () => {
    const parties = cohort({ roles: SEPARATE })
    parties.fake('owner').proveModel = async () => bytes('proof of something else')
    const error = await rejection(parties.coordinator.run())
    expect(error).toBeInstanceOf(SessionAbortedError)
    expect(error).toMatchObject({ culprit: 'owner', phase: 'model-upload' })
    expect((error as Error).message).toContain('not a proof of owner for the model')
  })
})

describe('a session without proofs', () => {
  it('is refused by whoever does not allow it, naming what asks for them', async () => {
    const parties = cohort({ roles: SEPARATE, coordinator: { proofs: false, policy: { allowInsecure: true, allowUnproved: true } } })
    const error = await rejection<Error>(parties.coordinator.run())
    expect(error.message).toMatch(/field proofs.*"assist\.proofs: evaluator" in the configuration of/)
  })

  it('is had only where everybody allows it', async () => {
    const policy = { allowInsecure: true, allowUnproved: true }
    const parties = cohort({ roles: SEPARATE, coordinator: { proofs: false, policy }, member: () => ({ policy }) })
    const run = parties.coordinator.run()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    expect([...parties.cryptography.values()].flatMap(({ calls }) => calls).filter(call => /prove|verify/.test(call))).toEqual([])
    await parties.member('querier').leave()
    await run
  })
})

describe('what the only key holder encrypts', () => {
  it('is not proved: it has nothing to learn of a secret that is its own', async () => {
    const parties = cohort({
      roles: { [EVALUATOR]: ['evaluator', 'model-owner'], querier: ['querier', 'key-holder'] },
      operands: { data: 'encrypted', weights: 'clear' }
    })
    const run = parties.coordinator.run()
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    expect([...parties.cryptography.values()].flatMap(({ calls }) => calls).filter(call => /prove|verify/.test(call))).toEqual([])
    await parties.member('querier').leave()
    await run
  })
})
