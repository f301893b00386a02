/** One query as a witness follows it: from the signed query to the endorsement of its result. */
import { windowed } from '../../base/concurrency.js'
import { fromHex, toHex } from '../../base/digest.js'
import { MalformedMessageError, NotPermittedError, OutOfOrderMessageError, ProofMissingError, SignatureError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { inputCount, type Plan } from '../../terms/plan.js'
import { inputBatches } from '../../terms/proof-batches.js'
import { componentsHash } from '../../terms/statements.js'
import { callUntilThere } from '../calls/persistent.js'
import type { ReleaseCryptography } from '../cryptography/release.js'
import { GRANT, type Grant } from '../objects/grant.js'
import { QUERY, type Query } from '../objects/query.js'
import { checkQuery } from '../objects/query-check.js'
import { RELEASE } from '../objects/release.js'
import { decodeSigned, type Signed } from '../objects/signed.js'
import { querySpace } from '../store/content-store.js'
import { type FollowOptions, fetched } from './following.js'
import type { UsedRelease } from './handles.js'
import { WITNESS_QUERY } from './witness-calls.js'
import { WitnessSteps } from './witness-steps.js'

/** Inputs on their way at a time. */
const INPUTS_AT_ONCE = 4

/** What the evaluator says of a query. */
interface Told {
  readonly query: Signed<Query>
  readonly grant: Signed<Grant>
  readonly resultKey: Uint8Array
  readonly inputs: readonly string[]
  readonly proofs: Readonly<Record<string, string>>
}

/**
 * Resolves when the query is over: all of it endorsed, as a rule.
 * @throws EndorsementRefusedError when the evaluator asks for something else than this witness came to; what is wrong with what it handed over; the signal's reason
 */
export async function followQuery(name: string, evaluator: string, options: FollowOptions): Promise<void> {
  const { epochs, documents, signer, books, handles, settled, signal, onRelease, onStep } = options
  const told = await ask(name, evaluator, options)
  const asked = told.query.document
  const found = { peer: evaluator, kind: 'witness/query' }
  if (asked.query !== name) throw new MalformedMessageError({ ...found, field: 'query', expected: name, actual: asked.query })
  const { record } = await epochs.epoch(asked.epoch)
  const { proposal } = record
  if (proposal.evaluator !== evaluator || !proposal.witnesses.includes(signer.self)) {
    throw new NotPermittedError({ ...found, field: 'epoch', expected: 'one with this evaluator and this witness', actual: asked.epoch })
  }
  if ((await documents.get(RELEASE, asked.release)) === undefined)
    throw new OutOfOrderMessageError({ ...found, field: 'release', actual: asked.release, reason: 'this witness was not told of it yet' })
  onRelease(asked.release)
  onStep('fetching the model')
  await settled(asked.release, signal)
  await handles.use(asked.release, async release => {
    const { document, plan } = release
    const { query, grant, resultKey } = told
    await checkQuery({ query, grant, release: document, releaseName: asked.release, plan, resultKey }, signer, evaluator)
    await books.admit(asked, grant.document, document)
    onStep('fetching inputs')
    await takeInputs(told, plan, release.cryptography, evaluator, options)
    await evaluate(told, release, evaluator, options)
  })
}

async function evaluate(
  { query: { document: query }, inputs }: Told,
  { plan, epoch, cryptography }: UsedRelease,
  evaluator: string,
  options: FollowOptions
): Promise<void> {
  const { signal, sharings } = options
  await epoch.followKeys(signal)
  const steps = new WitnessSteps(query, plan, evaluator, await sharings(query.epoch), options)
  const evaluation = await cryptography.openEvaluation({
    query: query.query,
    sender: query.sender,
    proved: true,
    inputs,
    space: querySpace(query.query),
    // A witness adds nothing of its own.
    seed: new Uint8Array(32),
    querierHoldsKey: false
  })
  try {
    await evaluation.evaluate(steps, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (steps.finished) return
    // Keys that were changed while it was computed are no fault of anybody's: it begins again with those that are used now.
    if (steps.differs && (await epoch.followKeys(signal))) {
      throw new OutOfOrderMessageError({ peer: evaluator, kind: 'witness', field: 'keys', reason: 'they were changed meanwhile' })
    }
    throw steps.fault ?? error
  } finally {
    await evaluation.dispose()
  }
}

async function ask(name: string, evaluator: string, { caller, signal, pause }: FollowOptions): Promise<Told> {
  const { head, blobs } = await callUntilThere(caller, { peer: evaluator, kind: WITNESS_QUERY, head: { query: name }, signal, pause })
  const [query, grant, resultKey] = blobs
  if (query === undefined || grant === undefined || resultKey === undefined) {
    const [expected, actual] = ['query, grant and key', 'fewer']
    throw new MalformedMessageError({ peer: evaluator, kind: 'witness/query', field: 'blobs', expected, actual })
  }
  return {
    query: decodeSigned(QUERY, query, evaluator),
    grant: decodeSigned(GRANT, grant, evaluator),
    resultKey: resultKey.slice(),
    ...head
  }
}

/** Inputs that the sender has signed, each with its proof. */
async function takeInputs(
  { query: { document }, inputs, proofs }: Told,
  plan: Plan,
  cryptography: ReleaseCryptography,
  evaluator: string,
  options: FollowOptions
): Promise<void> {
  const { contents, signal } = options
  const { query, sender } = document
  const space = querySpace(query)
  const found = { peer: evaluator, kind: 'witness/query' }
  const signed = toHex(componentsHash(inputs.map(fromHex)))
  if (inputs.length !== inputCount(plan) || signed !== document.inputs) {
    const [expected, actual] = [`the inputs that ${sender} has signed`, 'others']
    throw new SignatureError({ ...found, field: 'inputs', expected, actual, culprit: evaluator })
  }
  await windowed(inputs.length, INPUTS_AT_ONCE, signal, async index => {
    const name = inputs[index]!
    if (!(await contents.has(space, name))) await contents.put(space, await fetched(query, name, evaluator, options))
  })
  for (const { number, first, count } of inputBatches(plan)) {
    const name = proofs[String(number)]
    if (name === undefined) throw new ProofMissingError({ ...found, field: `proofs[${number}]`, remedy: 'Ask the query again.' })
    const proof = await fetched(query, name, evaluator, options)
    const parts: Uint8Array[] = []
    for (let index = first; index < first + count; index++) {
      const bytes = await contents.get(space, inputs[index]!)
      if (bytes === undefined) throw new OutOfOrderMessageError({ ...found, field: `inputs[${index}]`, reason: 'lost here' })
      // Checking may take the bytes to another thread.
      await cryptography.checkPart('input', index, bytes.slice(), true)
      parts.push(bytes)
    }
    await cryptography.checkBatch({ sender, query, batch: number, parts, proof }).catch(error => {
      throw translateError(error, { ...found, field: `proofs[${number}]`, culprit: sender })
    })
  }
}
