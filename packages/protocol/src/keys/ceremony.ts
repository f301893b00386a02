/** The coordinator's part in making the collective keys: asks every key holder, sums, hands round. */
import { together, windowed } from '../base/concurrency.js'
import { equalBytes, hash, toHex } from '../base/digest.js'
import type { SummedProtocol } from '../cryptography/evaluator.js'
import { InternalError, MalformedMessageError, ShareConflictError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { checkStatement } from '../session/statements.js'
import { galoisElements } from '../terms/plan.js'
import { checkBytes } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { type Binding, checkCommitment, checkRevealed } from './checks.js'
import type { CommittedProtocol } from './digests.js'
import { galoisInstance, RELINEARIZATION_INSTANCE } from './instances.js'

/**
 * Every key holder is bound to its share, then every share goes to everybody, who verifies and sums for itself (public-key.ts); then everybody signs its sum
 * and hears what the others have signed. The key is used by nobody before.
 */
export async function makePublicKey(lead: Lead): Promise<void> {
  const holders = connectionsWith(lead, 'key-holder')
  const everybody = [...lead.connections.values()]
  const total = 2 * holders.length + (holders.length + 3) * everybody.length
  let done = 0
  const step = (peer: string): void => lead.progress({ phase: 'public-key', done: ++done, total, peer })
  const binding = bindingOf(lead, 'public key')
  const entries = await together(holders, lead.signal, async (holder, signal) => {
    const entry = await committed(binding, holder, async () => await holder.request('publicKeyCommit', {}, signal))
    step(holder.peer)
    return entry
  })
  await together(everybody, lead.signal, async (connection, signal) => {
    await connection.request('publicKeyCommitments', { entries }, signal)
    step(connection.peer)
  })
  const { publicKeyShare } = lead.session().record.sizes
  await together(holders, lead.signal, async (holder, signal, place) => {
    const part = await revealed(binding, holder, entries[place]!.commitment, publicKeyShare, async () => {
      return await holder.request('publicKeyShare', {}, signal)
    })
    step(holder.peer)
    await together(everybody, signal, async (connection, inner) => {
      await connection.request('publicKeyPart', part, inner)
      step(connection.peer)
    })
  })
  const confirmations = await together(everybody, lead.signal, async (connection, signal) => {
    const { hash: keyHash, signature } = await connection.request('publicKeyConfirm', {}, signal)
    step(connection.peer)
    return { peer: connection.peer, hash: keyHash, signature }
  })
  await together(everybody, lead.signal, async (connection, signal) => {
    await connection.request('publicKeyConfirmed', { entries: confirmations }, signal)
    step(connection.peer)
  })
}

/** Round one is committed to and summed by every holder like the public key; round two goes to the evaluator alone. Nothing when the plan multiplies no two ciphertexts. */
export async function makeRelinearizationKey(lead: Lead): Promise<void> {
  const { plan, record } = lead.session()
  if (plan.relinearizationLevel === null) return
  const holders = connectionsWith(lead, 'key-holder')
  const { cryptography } = lead
  let done = 0
  const total = (3 + holders.length) * holders.length
  const step = (peer: string): void => lead.progress({ phase: 'relinearization-key', done: ++done, total, peer })
  const sum = new ShareSum(lead)
  const binding = bindingOf(lead, 'relinearization')
  const entries = await together(holders, lead.signal, async (holder, signal) => {
    const entry = await committed(binding, holder, async () => await holder.request('relinearizationCommit', {}, signal))
    step(holder.peer)
    return entry
  })
  lead.evidence?.committed?.('relinearization', entries)
  const witnesses = connectionsWith(lead, 'witness').filter(({ peer }) => !holders.some(holder => holder.peer === peer))
  await together([...holders, ...witnesses], lead.signal, async (party, signal) => {
    await party.request('relinearizationCommitments', { entries }, signal)
    if (holders.includes(party)) step(party.peer)
  })
  await together(holders, lead.signal, async (holder, signal, party) => {
    const part = await revealed(binding, holder, entries[party]!.commitment, record.sizes.relinearizationShare, async () => {
      return await holder.request('relinearizationOne', {}, signal)
    })
    lead.evidence?.revealed?.('relinearization', part)
    step(holder.peer)
    await toWitnesses(lead, { protocol: 'relinearization-1', instance: RELINEARIZATION_INSTANCE, ...part }, signal)
    // The holder is bound to these bytes: to ask again would bring the same.
    await sum.collect(
      'relinearization-1',
      RELINEARIZATION_INSTANCE,
      party,
      holder,
      async () => ({ shares: [part.share], signature: part.signature }),
      0
    )
    await together(
      holders.filter(other => other !== holder),
      signal,
      async (other, inner) => {
        await other.request('relinearizationPart', part, inner)
        step(other.peer)
      }
    )
  })
  await together(holders, lead.signal, async (holder, signal, party) => {
    await sum.collect(
      'relinearization-2',
      RELINEARIZATION_INSTANCE,
      party,
      holder,
      async () => await holder.request('relinearizationTwo', {}, signal)
    )
    step(holder.peer)
  })
  await cryptography.finishKey('relinearization-2', RELINEARIZATION_INSTANCE)
}

function bindingOf(lead: Lead, protocol: CommittedProtocol): Binding {
  return { protocol, sessionId: lead.session().record.sessionId!, checks: lead.shareChecks }
}

/** A holder's commitment with its signature. @throws MalformedMessageError, SignatureError naming the holder */
async function committed(binding: Binding, { peer }: Connection, ask: () => Promise<Bodies['shareCommitment']>) {
  const entry = { peer, ...(await ask()) }
  await checkCommitment(binding, entry, { peer, kind: 'shareCommitment', holder: peer }, 'commitment')
  return entry
}

/** A holder's share, which opens its commitment. @throws MalformedMessageError, SignatureError naming the holder */
async function revealed(
  binding: Binding,
  { peer }: Connection,
  commitment: Uint8Array,
  bytes: number,
  ask: () => Promise<Bodies['revealedShare']>
): Promise<Bodies['publicKeyPart']> {
  const part = { peer, ...(await ask()) }
  await checkRevealed(binding, part, commitment, { peer, kind: 'revealedShare', holder: peer }, bytes)
  return part
}

/** Several keys at a time; for each of them all holders at once. */
export async function makeGaloisKeys(lead: Lead): Promise<void> {
  const holders = connectionsWith(lead, 'key-holder')
  const elements = galoisElements(lead.session().plan)
  const total = elements.length * holders.length
  let done = 0
  const sum = new ShareSum(lead)
  await windowed(elements.length, lead.window, lead.signal, async (index, outer) => {
    const element = elements[index]!
    await together(holders, outer, async (holder, signal, party) => {
      const ask = async (): Promise<Bodies['shares']> => await holder.request('galois', { element }, signal)
      await sum.collect('galois', galoisInstance(element), party, holder, ask)
      lead.progress({ phase: 'galois-keys', done: ++done, total, peer: holder.peer })
    })
    await lead.cryptography.finishKey('galois', galoisInstance(element))
  })
}

const NO_SALT = new Uint8Array(0)

/** Witnesses sum for themselves. */
async function toWitnesses(lead: Lead, share: Bodies['witnessShare'], signal: AbortSignal): Promise<void> {
  await together(connectionsWith(lead, 'witness'), signal, async (witness, inner) => {
    await witness.request('witnessShare', share, inner)
  })
}

/** How often a share that does not pass the checks is asked for again before the session is given up. */
const MAXIMUM_REPETITIONS = 2

/** Takes one share per holder into a sum. A share that fails the checks is asked for again: its holder gives the same bytes, damage in transit does not. */
class ShareSum {
  readonly #lead: Lead
  readonly #taken = new Map<string, Uint8Array>()

  constructor(lead: Lead) {
    this.#lead = lead
  }

  async collect(
    protocol: SummedProtocol,
    instance: string,
    party: number,
    holder: Connection,
    ask: () => Promise<Bodies['shares']>,
    repetitions = MAXIMUM_REPETITIONS
  ): Promise<void> {
    const { peer } = holder
    for (let attempt = 0; ; attempt++) {
      const reply = await ask()
      try {
        await this.#take(protocol, instance, party, peer, reply)
        if (protocol !== 'relinearization-1') {
          const [share] = reply.shares
          const { signature } = reply
          await toWitnesses(this.#lead, { protocol, instance, peer, share: share!, salt: NO_SALT, signature }, this.#lead.signal)
        }
        return
      } catch (error) {
        const typed = translateError(error, { peer, kind: protocol, field: 'shares[0]', culprit: peer })
        // What goes wrong in here is not the holder's doing.
        if (typed instanceof InternalError) throw error
        if (attempt >= repetitions || typed instanceof ShareConflictError) throw typed
        this.#lead.onRefused(typed, peer)
      }
    }
  }

  async #take(
    protocol: SummedProtocol,
    instance: string,
    party: number,
    peer: string,
    { shares, signature }: Bodies['shares']
  ): Promise<void> {
    const [share] = shares
    if (share === undefined || shares.length !== 1) {
      throw new MalformedMessageError({ peer, kind: protocol, field: 'shares', expected: 'one share', actual: String(shares.length) })
    }
    const { galoisShare, relinearizationShare } = this.#lead.session().record.sizes
    checkBytes(share, protocol === 'galois' ? galoisShare : relinearizationShare, 'shares[0]', protocol, peer)
    const key = `${protocol} ${instance} ${party}`
    const shareHash = await hash(share)
    const known = this.#taken.get(key)
    if (known !== undefined && !equalBytes(known, shareHash)) {
      throw new ShareConflictError({ peer, kind: protocol, field: 'shares[0]', reason: `a different share for ${instance} came before` })
    }
    // Round one was signed when it was shown.
    if (protocol !== 'relinearization-1') {
      const statement = { kind: 'key-share', protocol, instance, share: toHex(shareHash) } as const
      await checkStatement(
        this.#lead,
        this.#lead.session(),
        { signer: peer, statement, signature },
        { peer, kind: protocol, field: 'signature' }
      )
    }
    await this.#lead.cryptography.addShare(protocol, instance, party, share)
    this.#taken.set(key, shareHash)
  }
}
