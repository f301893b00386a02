/** The coordinator's part in making the collective keys: asks every key holder, sums, hands round. */
import { together, windowed } from '../base/concurrency.js'
import { equalBytes, hash } from '../base/digest.js'
import type { SummedProtocol } from '../cryptography/evaluator.js'
import { InternalError, MalformedMessageError, ShareConflictError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { galoisElements } from '../terms/plan.js'
import { checkBytes } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'

const RELINEARIZATION_INSTANCE = 'relinearization'

/** Every key holder's signed share to everybody, who verifies and sums for itself (public-key.ts). */
export async function makePublicKey(lead: Lead): Promise<void> {
  const holders = connectionsWith(lead, 'key-holder')
  const everybody = [...lead.connections.values()]
  const total = holders.length * (1 + everybody.length)
  let done = 0
  const step = (peer: string): void => lead.progress({ phase: 'public-key', done: ++done, total, peer })
  const shares = await together(holders, lead.signal, async (holder, signal) => {
    const share = await holder.request('publicKeyShare', {}, signal)
    step(holder.peer)
    return { peer: holder.peer, ...share }
  })
  await together(everybody, lead.signal, async (connection, signal) => {
    for (const share of shares) {
      await connection.request('publicKeyPart', share, signal)
      step(connection.peer)
    }
  })
}

/** Does nothing when the plan multiplies no two ciphertexts. */
export async function makeRelinearizationKey(lead: Lead): Promise<void> {
  if (lead.session().plan.relinearizationLevel === null) return
  const holders = connectionsWith(lead, 'key-holder')
  const { cryptography } = lead
  let done = 0
  const step = (peer: string): void => lead.progress({ phase: 'relinearization-key', done: ++done, total: 2 * holders.length, peer })
  const sum = new ShareSum(lead)
  await together(holders, lead.signal, async (holder, signal, party) => {
    await sum.collect(
      'relinearization-1',
      RELINEARIZATION_INSTANCE,
      party,
      holder,
      async () => await holder.request('relinearizationOne', {}, signal)
    )
    step(holder.peer)
  })
  const aggregate = await cryptography.aggregate('relinearization-1', RELINEARIZATION_INSTANCE)
  await together(holders, lead.signal, async (holder, signal, party) => {
    await sum.collect(
      'relinearization-2',
      RELINEARIZATION_INSTANCE,
      party,
      holder,
      async () => await holder.request('relinearizationTwo', { aggregate }, signal)
    )
    step(holder.peer)
  })
  await cryptography.finishKey('relinearization-2', RELINEARIZATION_INSTANCE)
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
      await sum.collect('galois', String(element), party, holder, async () => await holder.request('galois', { element }, signal))
      lead.progress({ phase: 'galois-keys', done: ++done, total, peer: holder.peer })
    })
    await lead.cryptography.finishKey('galois', String(element))
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
    ask: () => Promise<{ shares: Uint8Array[] }>
  ): Promise<void> {
    const { peer } = holder
    for (let attempt = 0; ; attempt++) {
      const { shares } = await ask()
      try {
        await this.#take(protocol, instance, party, peer, shares)
        return
      } catch (error) {
        const typed = translateError(error, { peer, kind: protocol, field: 'shares[0]', culprit: peer })
        // What goes wrong in here is not the holder's doing.
        if (typed instanceof InternalError) throw error
        if (attempt >= MAXIMUM_REPETITIONS || typed instanceof ShareConflictError) throw typed
        this.#lead.onRefused(typed, peer)
      }
    }
  }

  async #take(protocol: SummedProtocol, instance: string, party: number, peer: string, shares: readonly Uint8Array[]): Promise<void> {
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
    await this.#lead.cryptography.addShare(protocol, instance, party, share)
    this.#taken.set(key, shareHash)
  }
}
