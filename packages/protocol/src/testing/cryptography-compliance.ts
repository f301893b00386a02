/**
 * What every party's cryptography must do, wherever it runs and whether it encrypts or only pretends to: the interfaces of all roles, in sessions of two key
 * holders and an evaluator.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { equalBytes } from '../base/digest.js'
import type { QueryInputs } from '../cryptography/data-owner.js'
import type { EvaluationCallbacks, QueryEvaluation } from '../cryptography/evaluator.js'
import type { RefreshRequest } from '../cryptography/key-holder.js'
import type { PartyCryptography } from '../cryptography/party-cryptography.js'
import { RejectedShareError } from '../cryptography/rejected-share.js'
import { PartyMissingError } from '../errors/errors.js'
import { galoisElements, outputCount, type Plan } from '../terms/plan.js'
import { inputBatches, modelBatches, type ProofBatch } from '../terms/proof-batches.js'
import type { Role } from '../terms/roster.js'
import type { CryptographyHarness } from './cryptography-harness.js'
import { wholeKeyCompliance } from './whole-key-compliance.js'

const PARTIES = { first: ['key-holder', 'model-owner'], second: ['key-holder', 'querier', 'data-owner'], clinic: ['evaluator'] } as const
type Name = keyof typeof PARTIES

const nothing = async (): Promise<never[]> => []
const NO_CALLBACKS: EvaluationCallbacks = {
  refresh: nothing,
  switchShares: nothing,
  refreshWhole: nothing,
  switchWhole: nothing,
  querierHoldsKey: false,
  resultKey: async () => new Uint8Array(0),
  progress: () => {}
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => new Error('it worked'),
    (error: unknown) => error
  )
}

/** Whether shares are the same; element by element through `expect` takes seconds. */
function same(one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean {
  return one.length === other.length && one.every((bytes, i) => equalBytes(bytes, other[i]!))
}

/** Three parties of one implementation, session after session. */
class Parties {
  #sessions = 0
  #queries = 0
  targetKey: Uint8Array = new Uint8Array(0)

  private constructor(
    readonly harness: CryptographyHarness,
    readonly plan: Plan,
    readonly of: Readonly<Record<Name, PartyCryptography>>
  ) {}

  static async make(harness: CryptographyHarness): Promise<Parties> {
    const [first, second, clinic] = [await harness.create(), await harness.create(), await harness.create()]
    return new Parties(harness, await harness.plan(2), { first, second, clinic })
  }

  get all(): PartyCryptography[] {
    return Object.values(this.of)
  }

  get holders(): PartyCryptography[] {
    return [this.of.first, this.of.second]
  }

  /** A new session, without keys. */
  async open(): Promise<void> {
    const { plan } = this
    const sessionId = new Uint8Array(32).fill(++this.#sessions)
    for (const party of this.all) await party.close()
    this.targetKey = await this.of.second.resultKey(plan.parameters)
    for (const name of Object.keys(PARTIES) as Name[]) {
      const { floodingBits, maximumDecryptions } = plan
      const roles: Role[] = [...PARTIES[name]]
      await this.of[name].open({
        sessionId,
        plan,
        parties: 2,
        floodingBits,
        maximumDecryptions,
        maximumRefreshes: 1000,
        roles,
        proofs: { self: name, modelOwner: 'first', soleHolder: null }
      })
    }
  }

  async makePublicKey(): Promise<void> {
    const shares = await Promise.all(this.holders.map(async holder => await holder.publicKeyShare()))
    for (const party of this.all) await party.setPublicKey(shares)
  }

  /** A session in which queries can be evaluated. */
  async openReady(): Promise<void> {
    await this.open()
    await this.makePublicKey()
    const { plan, holders } = this
    const { clinic, first } = this.of
    if (plan.relinearizationLevel !== null) {
      const name = 'relinearization'
      for (const [place, holder] of holders.entries()) {
        await clinic.addShare('relinearization-1', name, place, await holder.relinearizationShareOne())
      }
      for (const [place, holder] of holders.entries()) {
        const share = await holder.relinearizationShareOne()
        for (const other of holders) await other.addRelinearizationShareOne(place, share)
      }
      for (const [place, holder] of holders.entries()) {
        await clinic.addShare('relinearization-2', name, place, await holder.relinearizationShareTwo())
      }
      await clinic.finishKey('relinearization-2', name)
    }
    for (const element of galoisElements(plan)) {
      for (const [place, holder] of holders.entries()) {
        await clinic.addShare('galois', `${element}`, place, await holder.galoisShare(element))
      }
      await clinic.finishKey('galois', `${element}`)
    }
    for (const { number } of modelBatches(plan)) {
      await this.storeWeights(number)
      await clinic.verifyModel(number, await first.proveModel(number))
    }
  }

  async storeWeights(batch: number): Promise<void> {
    const { first, count } = modelBatches(this.plan)[batch]!
    for (let index = first; index < first + count; index++) await this.of.clinic.storeModelPart(index, await this.of.first.modelPart(index))
  }

  /** Sends a query's inputs, each batch with its proof. */
  async send(inputs: QueryInputs, evaluation: QueryEvaluation): Promise<void> {
    for (const { number, first, count } of inputBatches(this.plan)) {
      for (let index = first; index < first + count; index++) await evaluation.storeInput(index, await inputs.encryptInput(index))
      await evaluation.verifyInputs(number, await inputs.proveInputs(number))
    }
  }

  /** A query at the evaluator with all its inputs. */
  async ask(samples: Float64Array[]): Promise<QueryEvaluation> {
    const name = this.name()
    const inputs = await this.of.second.openQuery(samples, name)
    const evaluation = await this.of.clinic.openEvaluation(name, 'second')
    await this.send(inputs, evaluation)
    await inputs.dispose()
    return evaluation
  }

  /** A name for a query, used once. */
  name(): string {
    return `query-${++this.#queries}`
  }

  callbacks(more: Partial<EvaluationCallbacks> = {}): EvaluationCallbacks {
    return {
      refresh: async request => await Promise.all(this.holders.map(async holder => await holder.refreshShare(request))),
      switchShares: async request => {
        const { targetKey } = this
        return await Promise.all(this.holders.map(async holder => await holder.switchShare({ ...request, targetKey })))
      },
      refreshWhole: nothing,
      switchWhole: nothing,
      querierHoldsKey: false,
      resultKey: async () => this.targetKey,
      progress: () => {},
      ...more
    }
  }

  /** Decrypts results and holds them against the clear model. */
  async expectAnswers(results: Uint8Array[], samples: readonly Float64Array[]): Promise<void> {
    expect(results).toHaveLength(outputCount(this.plan))
    const logits = await this.of.second.decryptResults(results)
    expect(logits).toHaveLength(this.plan.batch)
    for (const [i, sample] of samples.entries()) {
      for (const [k, value] of Array.from(this.harness.answer(sample)).entries()) {
        expect(Math.abs(logits[i]![k]! - value)).toBeLessThanOrEqual(this.harness.tolerance)
      }
    }
  }
}

/** Registers the suite. */
export function cryptographyCompliance(name: string, harness: CryptographyHarness): void {
  describe(`${name}, as cryptography of a party`, () => {
    let parties: Parties
    beforeAll(async () => {
      parties = await Parties.make(harness)
    })
    afterAll(async () => await harness.dispose())

    describe('without a session', () => {
      const calls: Record<string, (party: PartyCryptography, plan: Plan) => Promise<unknown>> = {
        setPublicKey: async party => await party.setPublicKey([]),
        publicKeyShare: async party => await party.publicKeyShare(),
        relinearizationShareOne: async party => await party.relinearizationShareOne(),
        addRelinearizationShareOne: async party => await party.addRelinearizationShareOne(0, new Uint8Array(8)),
        relinearizationShareTwo: async party => await party.relinearizationShareTwo(),
        galoisShare: async (party, plan) => await party.galoisShare(galoisElements(plan)[0]!),
        refreshShare: async party => await party.refreshShare({ instance: 'i', step: 0, level: 0, scale: 1, magnitude: 1, c1: [] }),
        switchShare: async party => await party.switchShare({ instance: 'i', level: 0, noise: 1, c1: [], targetKey: new Uint8Array(8) }),
        refreshWhole: async party =>
          await party.refreshWhole({ instance: 'i', step: 0, level: 0, scale: 1, magnitude: 1, masked: [], c1: [] }),
        switchWhole: async party => await party.switchWhole({ instance: 'i', level: 0, noise: 1, c1: [], targetKey: new Uint8Array(8) }),
        modelPart: async party => await party.modelPart(0),
        openQuery: async party => await party.openQuery([harness.samples[0]], 'q'),
        decryptResults: async party => await party.decryptResults([]),
        addShare: async party => await party.addShare('galois', '3', 0, new Uint8Array(8)),
        finishKey: async party => await party.finishKey('galois', '3'),
        proveModel: async party => await party.proveModel(0),
        verifyModel: async party => await party.verifyModel(0, new Uint8Array(8)),
        verifyEncryptions: async party =>
          await party.verifyEncryptions({ sender: 'first', query: null, batch: 0, undivided: [], proof: new Uint8Array(8) }),
        storeModelPart: async party => await party.storeModelPart(0, new Uint8Array(8)),
        prepareModel: async party => await party.prepareModel(),
        openEvaluation: async party => await party.openEvaluation('q', 'second'),
        storeSamples: async party => await party.storeSamples('q', [harness.samples[0]])
      }

      const expectRefused = async (party: PartyCryptography): Promise<void> => {
        for (const [method, call] of Object.entries(calls)) {
          expect(await failure(call(party, parties.plan)), method).toMatchObject({ name: 'SessionStateError' })
        }
      }

      it('everything that needs one is refused, before the first and after the last; closing is no harm', async () => {
        const party = await harness.create()
        await expectRefused(party)
        await party.close()
        const { plan } = parties
        const { floodingBits, maximumDecryptions } = plan
        const roles: Role[] = ['key-holder', 'model-owner', 'querier', 'data-owner']
        await party.open({
          sessionId: new Uint8Array(32),
          plan,
          parties: 2,
          floodingBits,
          maximumDecryptions,
          maximumRefreshes: 1000,
          roles
        })
        expect((await party.publicKeyShare()).byteLength).toBeGreaterThan(0)
        await party.close()
        await party.close()
        await expectRefused(party)
      })

      it('the shape of the model is known', async () => {
        expect(await parties.of.first.architecture()).toEqual(parties.plan.architecture)
      })
    })

    describe('while keys are made', () => {
      beforeAll(async () => await parties.open())

      it('nothing is encrypted before the public key is known', async () => {
        const inputs = await parties.of.second.openQuery([harness.samples[0]], 'query')
        expect(await failure(inputs.encryptInput(0))).toMatchObject({ name: 'SessionStateError' })
        expect(await failure(parties.of.first.modelPart(0))).toMatchObject({ name: 'SessionStateError' })
        await inputs.dispose()
      })

      it('a share of the public key that is none is rejected, and whose it is', async () => {
        const share = await parties.of.first.publicKeyShare()
        for (const bad of [new Uint8Array(0), Uint8Array.of(1, 2, 3), share.subarray(0, 5)]) {
          const error = await failure(parties.of.clinic.setPublicKey([share, bad]))
          expect(error).toBeInstanceOf(RejectedShareError)
          expect(error).toMatchObject({ party: 1, protocol: 'public-key' })
        }
      })

      it('a holder gives the same share again, and no other holder the same', async () => {
        const { first, second } = parties.of
        const element = galoisElements(parties.plan)[0]!
        const shares = async (party: PartyCryptography): Promise<Uint8Array[]> => [
          await party.publicKeyShare(),
          await party.galoisShare(element),
          ...(parties.plan.relinearizationLevel === null ? [] : [await party.relinearizationShareOne()])
        ]
        const given = await shares(first)
        expect(same(await shares(first), given)).toBe(true)
        for (const [i, share] of (await shares(second)).entries()) expect(equalBytes(share, given[i]!)).toBe(false)
      })

      it('a sum takes one share of each holder, the same again, no second one, and what is a share', async () => {
        const { first, second, clinic } = parties.of
        const element = galoisElements(parties.plan)[0]!
        const instance = `${element}`
        const [mine, other] = [await first.galoisShare(element), await second.galoisShare(element)]
        expect(await failure(clinic.addShare('galois', instance, 0, Uint8Array.of(1, 2, 3)))).toMatchObject({ name: 'MalformedShareError' })
        await clinic.addShare('galois', instance, 0, mine)
        await clinic.addShare('galois', instance, 0, mine)
        expect(await failure(clinic.addShare('galois', instance, 0, other))).toMatchObject({ name: 'DuplicateShareError' })
        expect(await failure(clinic.finishKey('galois', instance))).toMatchObject({ name: 'MissingShareError' })
        await clinic.addShare('galois', instance, 1, other)
        await clinic.finishKey('galois', instance)
        // What was given is still the giver's.
        expect(mine.byteLength).toBeGreaterThan(0)
        expect(equalBytes(await first.galoisShare(element), mine)).toBe(true)
      })
    })

    describe('with keys and a model', () => {
      const [one, two] = harness.samples
      beforeAll(async () => await parties.openReady())

      it('answers queries, each with its own samples, however many are open', async () => {
        const { second, clinic } = parties.of
        const asked = [[one, two], [two], [one]]
        const names = asked.map(() => parties.name())
        const queries = await Promise.all(asked.map(async (samples, i) => await second.openQuery(samples, names[i]!)))
        const evaluations = await Promise.all(names.map(async name => await clinic.openEvaluation(name, 'second')))
        await Promise.all(evaluations.map(async (evaluation, i) => await parties.send(queries[i]!, evaluation)))
        for (const query of queries) await query.dispose()
        for (const [i, evaluation] of evaluations.entries()) {
          await parties.expectAnswers(await evaluation.evaluate(parties.callbacks()), asked[i]!)
          await evaluation.dispose()
        }
      })

      it('lets go of samples', async () => {
        const { second } = parties.of
        const [kept, freed] = [await second.openQuery([one], 'query'), await second.openQuery([two], 'query')]
        await freed.dispose()
        await freed.dispose()
        expect(await failure(freed.encryptInput(0))).toMatchObject({ name: 'SessionStateError' })
        expect((await kept.encryptInput(0)).byteLength).toBeGreaterThan(0)
        await kept.dispose()
      })

      it('takes no more samples than the plan', async () => {
        const samples = new Array<Float64Array>(parties.plan.batch + 1).fill(one)
        expect(await failure(parties.of.second.openQuery(samples, 'query'))).not.toMatchObject({ message: 'it worked' })
        await (await parties.of.second.openQuery(samples.slice(1), 'query')).dispose()
      })

      it('opens a query once, forgets it when told to, and misses inputs that have not come', async () => {
        const { clinic, second } = parties.of
        const name = parties.name()
        const evaluation = await clinic.openEvaluation(name, 'second')
        expect(await failure(clinic.openEvaluation(name, 'second'))).toMatchObject({ name: 'SessionStateError' })
        expect(await failure(evaluation.storeInput(0, Uint8Array.of(1, 2, 3)))).toMatchObject({ name: expect.stringMatching(/Malformed/) })
        expect(await failure(evaluation.evaluate(NO_CALLBACKS))).toMatchObject({ name: 'MissingPartError' })
        const inputs = await second.openQuery([one], 'query')
        const input = await inputs.encryptInput(0)
        await evaluation.storeInput(0, input)
        await evaluation.dispose()
        await evaluation.dispose()
        expect(await failure(evaluation.storeInput(0, input))).toMatchObject({ name: 'SessionStateError' })
        expect(await failure(evaluation.evaluate(NO_CALLBACKS))).toMatchObject({ name: 'SessionStateError' })
        const again = await clinic.openEvaluation(name, 'second')
        expect(await failure(again.evaluate(NO_CALLBACKS))).toMatchObject({ name: 'MissingPartError' })
        await again.dispose()
        await inputs.dispose()
        expect(await failure(clinic.storeSamples(name, [one]))).toMatchObject({ name: 'SessionStateError' })
      })

      it('keeps inputs only when they are proved, by whoever is said to send them, for the query that they are for', async () => {
        const { clinic, second, first } = parties.of
        const [{ number, count }] = inputBatches(parties.plan) as [ProofBatch]
        const fill = async (inputs: QueryInputs, evaluation: QueryEvaluation): Promise<Uint8Array> => {
          for (let index = 0; index < count; index++) await evaluation.storeInput(index, await inputs.encryptInput(index))
          return await inputs.proveInputs(number)
        }
        const [name, other] = [parties.name(), parties.name()]
        const inputs = await second.openQuery([one], name)
        const evaluation = await clinic.openEvaluation(name, 'second')
        expect(await failure(evaluation.verifyInputs(number, new Uint8Array(8)))).toMatchObject({ name: 'MissingPartError' })
        const proof = await fill(inputs, evaluation)
        const rejected = { name: expect.stringMatching(/^(Unproven|Malformed)/) }
        for (const bad of [new Uint8Array(8), proof.map((byte, i) => (i === proof.length - 1 ? byte ^ 1 : byte)), proof.subarray(1)]) {
          expect(await failure(evaluation.verifyInputs(number, bad))).toMatchObject(rejected)
        }
        expect(await failure(evaluation.evaluate(NO_CALLBACKS))).toMatchObject({ name: 'MissingPartError' })
        const elsewhere = await clinic.openEvaluation(other, 'second')
        expect(await failure(elsewhere.verifyInputs(number, await fill(inputs, elsewhere)))).toMatchObject(rejected)
        await elsewhere.dispose()
        const asAnother = await clinic.openEvaluation(other, 'first')
        expect(await failure(asAnother.verifyInputs(number, await fill(await second.openQuery([one], other), asAnother)))).toMatchObject(
          rejected
        )
        await asAnother.dispose()
        // A proof that did not hold has changed nothing.
        const undivided = await evaluation.verifyInputs(number, proof)
        expect(undivided).toHaveLength(count)
        const check = { sender: 'second', query: name, batch: number, undivided, proof }
        await first.verifyEncryptions(check)
        for (const bad of [
          { ...check, sender: 'first' },
          { ...check, query: other },
          { ...check, query: null },
          { ...check, undivided: undivided.map(() => new Uint8Array(8)) },
          { ...check, undivided: undivided.slice(1) },
          { ...check, proof: proof.subarray(1) }
        ]) {
          expect(await failure(first.verifyEncryptions(bad))).toMatchObject({ name: expect.stringMatching(/Unproven|Malformed/) })
        }
        for (const { number: next } of inputBatches(parties.plan).slice(1)) {
          const batch = inputBatches(parties.plan)[next]!
          for (let k = 0; k < batch.count; k++) await evaluation.storeInput(batch.first + k, await inputs.encryptInput(batch.first + k))
          await evaluation.verifyInputs(next, await inputs.proveInputs(next))
        }
        await parties.expectAnswers(await evaluation.evaluate(parties.callbacks()), [one])
        await evaluation.dispose()
        await inputs.dispose()
      })

      it('encrypts and proves the same again when it is asked again', async () => {
        const { first, second } = parties.of
        expect(equalBytes(await first.modelPart(0), await first.modelPart(0))).toBe(true)
        expect(equalBytes(await first.proveModel(0), await first.proveModel(0))).toBe(true)
        const inputs = await second.openQuery([one], parties.name())
        expect(equalBytes(await inputs.encryptInput(0), await inputs.encryptInput(0))).toBe(true)
        expect(equalBytes(await inputs.proveInputs(0), await inputs.proveInputs(0))).toBe(true)
        await inputs.dispose()
      })

      it('says how far it is, all of it before the answer', async () => {
        const evaluation = await parties.ask([one])
        const told: { done: number; total: number }[] = []
        const results = await evaluation.evaluate(parties.callbacks({ progress: ({ done, total }) => void told.push({ done, total }) }))
        expect(told.length).toBeGreaterThan(1)
        expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b))
        expect(told.at(-1)!.done).toBe(told.at(-1)!.total)
        await parties.expectAnswers(results, [one])
        await evaluation.dispose()
      })

      it('gives a share of a refresh once: the same again, none for another input', async () => {
        const requests: RefreshRequest[] = []
        const given: Uint8Array[][][] = []
        for (const sample of [one, two]) {
          const evaluation = await parties.ask([sample])
          const { refresh } = parties.callbacks()
          await evaluation.evaluate(
            parties.callbacks({
              refresh: async request => {
                requests.push({ ...request, c1: request.c1.map(c1 => c1.slice()) })
                const shares = await refresh(request)
                given.push(shares.map(list => list.map(share => share.slice())))
                return shares
              }
            })
          )
          await evaluation.dispose()
        }
        const [mine, other] = [requests[0]!, requests[Math.floor(requests.length / 2)]!]
        expect(other.instance).not.toBe(mine.instance)
        const { first, second } = parties.of
        expect(await first.refreshShare(mine)).toHaveLength(mine.c1.length)
        expect(same(await first.refreshShare(mine), given[0]![0]!)).toBe(true)
        expect(same(await second.refreshShare(mine), given[0]![1]!)).toBe(true)
        expect(await failure(first.refreshShare({ ...mine, c1: other.c1 }))).toMatchObject({ name: 'ShareAlreadyGivenError' })
        // What is endorsed names the step: its figures are that step's, not those of any.
        for (const field of ['step', 'level', 'scale', 'magnitude'] as const) {
          const unforeseen = { ...mine, instance: 'another/0', [field]: 1000 * (mine[field] + 1) }
          expect(await failure(first.refreshShare(unforeseen))).toMatchObject({ name: 'UnforeseenRequestError', request: 'refresh', field })
        }
        expect(same(await first.refreshShare(mine), given[0]![0]!)).toBe(true)
      })

      it('passes on what a callback throws, class and fields included', async () => {
        const evaluation = await parties.ask([one])
        const refresh = async (): Promise<never> => {
          throw new PartyMissingError({ peer: '12D3', phase: 'refresh', reason: 'connection lost' })
        }
        const error = await failure(evaluation.evaluate(parties.callbacks({ refresh })))
        expect(error).toBeInstanceOf(PartyMissingError)
        expect(error).toMatchObject({ name: 'PartyMissingError', code: 'party-missing', peer: '12D3', phase: 'refresh' })
        await evaluation.dispose()
      })

      it('rejects shares that are none, and says whose', async () => {
        const evaluation = await parties.ask([one])
        const { refresh } = parties.callbacks()
        const spoilt = async (request: RefreshRequest): Promise<Uint8Array[][]> => {
          const [good, bad] = await refresh(request)
          return [good!, bad!.map(() => Uint8Array.of(1, 2, 3))]
        }
        const error = await failure(evaluation.evaluate(parties.callbacks({ refresh: spoilt })))
        expect(error).toBeInstanceOf(RejectedShareError)
        expect(error).toMatchObject({ party: 1, protocol: 'refresh' })
        await evaluation.dispose()
      })

      it('stops when the signal says so, also when nobody answers, for the very reason; and answers the next query', async () => {
        const evaluation = await parties.ask([one])
        const reason = new Error('the patient has left')
        const controller = new AbortController()
        const refresh = (): Promise<never> => {
          controller.abort(reason)
          return new Promise(() => {})
        }
        expect(await failure(evaluation.evaluate(parties.callbacks({ refresh }), controller.signal))).toBe(reason)
        const late = await parties.ask([one])
        expect(await failure(late.evaluate(parties.callbacks(), controller.signal))).toBe(reason)
        const next = await parties.ask([two])
        await parties.expectAnswers(await next.evaluate(parties.callbacks(), new AbortController().signal), [two])
        for (const open of [evaluation, late, next]) await open.dispose()
      })

      it('ends what is open with the session', async () => {
        const inputs = await parties.of.second.openQuery([one], 'query')
        const evaluation = await parties.ask([one])
        const asked = Promise.withResolvers<void>()
        const refresh = (): Promise<never> => {
          asked.resolve()
          return new Promise(() => {})
        }
        const stopped = failure(evaluation.evaluate(parties.callbacks({ refresh })))
        await asked.promise
        for (const party of parties.all) await party.close()
        expect(await stopped).toMatchObject({ name: 'SessionStateError' })
        expect(await failure(inputs.encryptInput(0))).toMatchObject({ name: 'SessionStateError' })
        await parties.open()
        await parties.makePublicKey()
        // What belonged to the last session does not come alive in the next.
        expect(await failure(inputs.encryptInput(0))).toMatchObject({ name: 'SessionStateError' })
        expect(await failure(evaluation.storeInput(0, new Uint8Array(8)))).toMatchObject({ name: 'SessionStateError' })
        await inputs.dispose()
        await evaluation.dispose()
      })
    })
  })
  wholeKeyCompliance(name, harness)
}
