/**
 * Hands proofs that the evaluator has checked to the key holders that check them, too: C1 of every ciphertext, then the proof. One batch at a time, so that
 * nobody keeps more than one, and whoever sends batches is held up until they have arrived.
 */
import { together, windowed } from '../base/concurrency.js'
import type { EncryptionCheck } from '../cryptography/proofs.js'
import { inputBatches, modelBatches } from '../terms/proof-batches.js'
import { connectionsWith, type Lead } from './lead.js'

export class ProofCopies {
  readonly #lead: Lead
  #tail: Promise<unknown> = Promise.resolve()

  constructor(lead: Lead) {
    this.#lead = lead
  }

  /** Resolves when every key holder that checks has found the proof to hold. @throws what one answers */
  async send(check: EncryptionCheck, signal: AbortSignal): Promise<void> {
    const turn = this.#tail.then(async () => await this.#send(check, signal))
    this.#tail = turn.catch(() => undefined)
    await turn
  }

  async #send({ sender, query, batch, undivided, proof }: EncryptionCheck, signal: AbortSignal): Promise<void> {
    const { proofCheckers, self, window } = this.#lead
    const { plan } = this.#lead.session()
    // An evaluator that is a key holder has checked it by now, and the sender knows what it did.
    const holders = connectionsWith(this.#lead, 'key-holder').filter(
      ({ peer }) => proofCheckers.has(peer) && peer !== self && peer !== sender
    )
    const { first } = (query === null ? modelBatches(plan) : inputBatches(plan))[batch]!
    const name = { query: query ?? '', owner: sender, batch }
    await together(holders, signal, async (holder, inner) => {
      await windowed(undivided.length, window, inner, async (k, innermost) => {
        await holder.request('proofPart', { ...name, index: first + k, undivided: undivided[k]! }, innermost)
      })
      await holder.request('proofCopy', { ...name, proof }, inner)
    })
  }
}
