/** The evaluator's side of its witnesses' keys: which keys are in use, and the signed shares that each was summed from. */
import { NotPermittedError, OutOfOrderMessageError } from '../../errors/errors.js'
import type { Responder } from '../calls/responder.js'
import type { EvaluationKeyName } from '../cryptography/service.js'
import type { EpochProposal } from '../objects/epoch.js'
import { type ContentStore, keyShareSpace } from '../store/content-store.js'
import * as calls from './calls.js'
import type { MadeKey } from './key-making.js'

interface Kept {
  readonly proposal: EpochProposal
  readonly keys: readonly (MadeKey & { readonly key: EvaluationKeyName })[]
}

export class KeyShares {
  readonly #contents: ContentStore
  readonly #kept: (epoch: string) => Promise<Kept>

  /** @param kept keys of an epoch that are in use. @throws EpochRefusedError */
  constructor(contents: ContentStore, kept: (epoch: string) => Promise<Kept>) {
    this.#contents = contents
    this.#kept = kept
  }

  register(responder: Responder): void {
    const anybody = (): undefined => undefined
    responder.on(calls.KEYS_IN_USE, anybody, async ({ head }, { peer }) => {
      const { keys } = await this.#for(head.epoch, peer)
      return { head: { keys: keys.map(({ key, hash }) => ({ key, hash })) } }
    })
    responder.on(calls.KEY_SHARES, anybody, async ({ head }, { peer }) => {
      const { keys } = await this.#for(head.epoch, peer)
      const found = keys.find(({ hash }) => hash === head.hash)
      if (found === undefined) throw lost(peer, 'key/shares', head.hash)
      const { attempt, ones, shares } = found
      return { head: { attempt, ones: [...ones], shares: [...shares] } }
    })
    responder.on(calls.KEY_SHARE, anybody, async ({ head }, { peer }) => {
      await this.#for(head.epoch, peer)
      const share = await this.#contents.get(keyShareSpace(head.epoch), head.hash)
      if (share === undefined) throw lost(peer, 'key/share', head.hash)
      return { head: {}, blobs: [share] }
    })
  }

  /** @throws NotPermittedError unless the peer is a witness of the epoch */
  async #for(epoch: string, peer: string): Promise<Kept> {
    const kept = await this.#kept(epoch)
    if (kept.proposal.witnesses.includes(peer)) return kept
    throw new NotPermittedError({ peer, kind: 'key', field: 'sender', expected: 'a witness of the epoch', actual: peer })
  }
}

function lost(peer: string, kind: string, hash: string): OutOfOrderMessageError {
  return new OutOfOrderMessageError({ peer, kind, field: 'hash', actual: hash, reason: 'not in use here, or lost' })
}
