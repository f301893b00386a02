/** A witness keeps the model that its owner has signed, part by part as the evaluator hands it on. */
import { equalBytes, hash, toHex } from '../base/digest.js'
import type { EvaluatorCryptography } from '../cryptography/evaluator.js'
import { OutOfOrderMessageError, ProofMissingError, ShareConflictError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { modelBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { peersWith } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import { checkBytes, checkIndex } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

export class WitnessModel {
  readonly #party: PartyComponents<Pick<EvaluatorCryptography, 'storeModelPart' | 'verifyModel'>>
  /** Batches whose proof was checked. */
  readonly #proved = new Set<number>()
  readonly #hashes = new Map<number, Uint8Array>()
  #signed = false

  constructor(party: PartyComponents<Pick<EvaluatorCryptography, 'storeModelPart' | 'verifyModel'>>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#hashes.clear()
    this.#proved.clear()
    this.#signed = false
  }

  /** Whether all of it is here, with its owner's signature. */
  get complete(): boolean {
    return this.#signed
  }

  /** Checks the proof of a batch that is here. @throws mhe's errors as this package's, with the owner as culprit */
  async prove(session: PartySession, { batch, proof }: Bodies['witnessProof'], { peer }: HandlerContext): Promise<void> {
    checkIndex(batch, modelBatches(session.plan).length, 'batch', 'witnessProof', peer)
    if (this.#proved.has(batch)) return
    const [culprit] = peersWith(session.descriptor.roster, 'model-owner')
    await this.#party.cryptography.verifyModel(batch, proof).catch(error => {
      throw translateError(error, { peer, kind: 'witnessProof', field: 'proof', culprit: culprit! })
    })
    this.#proved.add(batch)
  }

  readonly handlers: Handlers = {
    witnessPart: async ({ index, ciphertext }, context) => {
      const kind = 'witnessPart'
      const session = this.#party.session()
      session.require('keyed', kind, context)
      const total = session.plan.weights.count
      checkIndex(index, total, 'index', kind, context.peer)
      checkBytes(ciphertext, session.record.sizes.modelPart, 'ciphertext', kind, context.peer)
      const partHash = await hash(ciphertext)
      const known = this.#hashes.get(index)
      if (known !== undefined) {
        if (equalBytes(known, partHash)) return {}
        throw new ShareConflictError({ peer: context.peer, kind, field: `ciphertext[${index}]`, reason: 'another part came before' })
      }
      try {
        await this.#party.cryptography.storeModelPart(index, ciphertext)
      } catch (error) {
        throw translateError(error, { peer: context.peer, kind, field: 'ciphertext', culprit: context.peer })
      }
      this.#hashes.set(index, partHash)
      this.#party.progress({ phase: 'model-upload', done: this.#hashes.size, total, peer: context.peer })
      return {}
    }
  }

  /**
   * Holds the announced model against the parts that are here.
   * @throws OutOfOrderMessageError (parts are missing), ProofMissingError, ShareConflictError (others have come)
   */
  check(session: PartySession, announced: Uint8Array, kind: string, { peer }: HandlerContext): void {
    const { count } = session.plan.weights
    if (this.#hashes.size !== count) {
      const actual = `${this.#hashes.size} of ${count}`
      throw new OutOfOrderMessageError({ peer, kind, field: 'stage', expected: 'all parts of the model', actual })
    }
    const [owner] = peersWith(session.descriptor.roster, 'model-owner')
    const batches = modelBatches(session.plan).length
    if (provesEncryptions(proofTerms(session.descriptor, this.#party.self), owner!) && this.#proved.size !== batches) {
      const [expected, actual] = [`proofs of all ${batches} batches of the model`, String(this.#proved.size)]
      throw new ProofMissingError({ peer, kind, field: 'stage', expected, actual })
    }
    const own = componentsHash(Array.from({ length: count }, (_, index) => this.#hashes.get(index)!))
    if (equalBytes(own, announced)) return
    const [expected, actual] = [`${toHex(own)}, of the parts that have come`, toHex(announced)]
    throw new ShareConflictError({ peer, kind, field: 'hash', expected, actual, culprit: peer })
  }

  /** Its owner's signature over the parts that are here was seen. */
  confirm(): void {
    this.#signed = true
  }
}
