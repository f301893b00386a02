/** Pulls the encrypted model from its owner, a few parts at a time, no faster than they are stored; or makes the evaluator's own clear model ready. */
import { together, windowed } from '../base/concurrency.js'
import { equalBytes, hash, toHex } from '../base/digest.js'
import { InternalError, MalformedMessageError, type ProtocolError, ShareConflictError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { ProofCopies } from '../session/proof-copies.js'
import { checkStatement } from '../session/statements.js'
import { modelBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { componentsHash } from '../terms/statements.js'
import { checkBytes, checkHash } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

export async function uploadModel(lead: Lead): Promise<void> {
  const owner = connectionsWith(lead, 'model-owner')[0]!
  const { plan, record, descriptor } = lead.session()
  if (plan.operands.weights === 'clear') {
    lead.progress({ phase: 'model-upload', done: 0, total: 1, peer: lead.self })
    await lead.cryptography.prepareModel()
    lead.progress({ phase: 'model-upload', done: 1, total: 1, peer: lead.self })
    return
  }
  const total = plan.weights.count
  let done = 0
  const hashes = new Array<Uint8Array>(total)
  const witnesses = connectionsWith(lead, 'witness')
  const proved = provesEncryptions(proofTerms(descriptor, lead.self), owner.peer)
  const batches = modelBatches(plan)
  const pull = async (index: number, signal: AbortSignal): Promise<void> => {
    const part = await owner.request('modelPart', { index }, signal)
    if (part.index !== index) {
      throw new MalformedMessageError({
        peer: owner.peer,
        kind: 'modelPartReply',
        field: 'index',
        expected: String(index),
        actual: String(part.index)
      })
    }
    checkBytes(part.ciphertext, record.sizes.modelPart, 'ciphertext', 'modelPartReply', owner.peer)
    await lead.cryptography.storeModelPart(index, part.ciphertext).catch(error => {
      throw blamed(error, owner.peer)
    })
    hashes[index] = await hash(part.ciphertext)
    await together(witnesses, signal, async (witness, inner) => await witness.request('witnessPart', part, inner))
    lead.progress({ phase: 'model-upload', done: ++done, total, peer: owner.peer })
  }
  const copies = new ProofCopies(lead)
  // A batch is proved while the next one is sent.
  let proving: Promise<void> = Promise.resolve()
  for (const { first, count, number } of batches) {
    await windowed(count, lead.window, lead.signal, async (k, signal) => await pull(first + k, signal))
    await proving
    if (!proved) continue
    proving = lead.meter.measure('proofs', async () => {
      const proof = await takeProof(lead, owner, copies, number)
      await together(witnesses, lead.signal, async (witness, signal) => {
        await witness.request('witnessProof', { query: '', batch: number, proof }, signal)
      })
    })
    proving.catch(() => undefined)
  }
  await proving
  const signed = await takeSignature(lead, owner, hashes)
  const { self } = lead
  lead.session().learnModel(toHex(signed.hash), 'modelSigned', { peer: owner.peer })
  const others = [...lead.connections.values()].filter(({ peer }) => peer !== self)
  await together(others, lead.signal, async (party, signal) => await party.request('modelAnnounce', signed, signal))
}

/** Has the owner prove a batch, checks it, and hands it to the key holders that check it, too. */
async function takeProof(lead: Lead, owner: Connection, copies: ProofCopies, batch: number): Promise<Uint8Array> {
  const { peer } = owner
  const kind = 'modelProofReply'
  const { record, plan } = lead.session()
  const reply = await owner.request('modelProof', { batch }, lead.signal)
  if (reply.batch !== batch) {
    throw new MalformedMessageError({ peer, kind, field: 'batch', expected: String(batch), actual: String(reply.batch) })
  }
  checkBytes(reply.proof, record.sizes.proof, 'proof', kind, peer)
  const undivided = await lead.cryptography.verifyModel(batch, reply.proof).catch(error => {
    throw translateError(error, { peer, kind, field: 'proof', culprit: peer })
  })
  lead.progress({ phase: 'proofs', done: batch + 1, total: modelBatches(plan).length, peer })
  await copies.send({ sender: peer, query: null, batch, undivided, proof: reply.proof }, lead.signal)
  return reply.proof
}

/** The owner has signed the very parts that have come. @throws ShareConflictError, SignatureError naming the owner */
async function takeSignature(lead: Lead, owner: Connection, hashes: readonly Uint8Array[]): Promise<Bodies['modelSigned']> {
  const kind = 'modelSigned'
  const { peer } = owner
  const signed = await owner.request('modelSign', {}, lead.signal)
  checkHash(signed.hash, 'hash', kind, peer)
  const own = componentsHash(hashes)
  if (!equalBytes(own, signed.hash)) {
    const [expected, actual] = [`${toHex(own)}, of the parts that have come`, toHex(signed.hash)]
    throw new ShareConflictError({ peer, kind, field: 'hash', expected, actual, culprit: peer })
  }
  const statement = { kind: 'model', parts: hashes.length, hash: toHex(own) } as const
  await checkStatement(lead, lead.session(), { signer: peer, statement, signature: signed.signature }, { peer, kind, field: 'signature' })
  return signed
}

/** A part that is none is its owner's fault; that it cannot be kept is not. */
function blamed(error: unknown, owner: string): ProtocolError {
  const typed = translateError(error, { peer: owner, kind: 'modelPartReply', field: 'ciphertext', culprit: owner })
  return typed instanceof InternalError ? translateError(error, { kind: 'modelPartReply' }) : typed
}
