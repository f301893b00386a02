/**
 * The evaluator's side of its witnesses: hands on to them what others have signed, and gathers their endorsements.
 *
 * A witness that is gone, or refuses what it is handed, is followed by no more; whether the others are enough is for key holders to say.
 */

import { fromHex } from '../base/digest.js'
import { PartyMissingError, type ProtocolError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { checkStatement } from '../session/statements.js'
import { satisfies } from '../terms/endorsements.js'
import type { Assisted } from '../terms/statements.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

type Entry = Bodies['refresh']['endorsements'][number]

export class Witnesses {
  readonly #lead: Lead
  /** Why a witness is not asked any more. */
  readonly #lost = new Map<string, ProtocolError>()
  /** What a witness is sent in order. */
  readonly #tails = new Map<string, Promise<void>>()
  /** The query that is evaluated. */
  #current: string | undefined

  constructor(lead: Lead) {
    this.#lead = lead
  }

  /** The session goes on without this witness. */
  lose(error: ProtocolError & { readonly peer?: string }): void {
    if (error.peer !== undefined && !this.#lost.has(error.peer)) this.#lost.set(error.peer, error)
  }

  /** Whether those that are left are as many as every key holder demands. */
  get enough(): boolean {
    return this.#satisfied(this.#following)
  }

  /** Resolves when every witness has the input. */
  async input(body: Bodies['witnessInput']): Promise<void> {
    await Promise.all(
      this.#following.map(
        async witness =>
          await this.#tell(witness, async () => {
            await witness.request('witnessInput', body, this.#lead.signal)
          })
      )
    )
  }

  /** Resolves when every witness has checked the proof of a batch of inputs. */
  async proof(body: Bodies['witnessProof']): Promise<void> {
    await Promise.all(
      this.#following.map(async witness => {
        await this.#tell(witness, async () => {
          await witness.request('witnessProof', body, this.#lead.signal)
        })
      })
    )
  }

  /** The query that is evaluated from here on. Resolves when every witness knows it. */
  async announce(body: Bodies['queryAnnounce']): Promise<void> {
    this.#current = body.query
    await Promise.all(
      this.#following.map(async witness => {
        await this.#inOrder(witness, async () => {
          await witness.request('queryAnnounce', body, this.#lead.signal)
        })
      })
    )
  }

  /** A key holder's shares of a refresh or switch: a witness gets them as soon as it has taken what came before. */
  helped(body: Bodies['witnessRefreshed']): void {
    for (const witness of this.#following) {
      void this.#inOrder(witness, async () => {
        if (this.#current === body.query) await witness.request('witnessRefreshed', body, this.#lead.signal)
      })
    }
  }

  /**
   * Resolves as soon as there are as many endorsements as every key holder demands, at once where none demands any; witnesses that are slower follow on.
   * @throws RemoteFailureError of a witness that refuses, PartyMissingError of one that is gone, when the others are not enough
   */
  async endorsements(assisted: Assisted, signature: Uint8Array): Promise<Entry[]> {
    const demanded = this.#satisfied([])
    const entries: Entry[] = []
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (demanded) resolve()
    const failures: unknown[] = []
    const asking = this.#following.map(async witness => {
      try {
        entries.push(await this.#endorsed(witness, assisted, signature))
        this.#lead.session().endorsements++
        if (this.#satisfied(entries)) resolve()
      } catch (error) {
        failures.push(error)
        if (!this.#lead.signal.aborted && this.#current === assisted.query) this.#report(witness.peer, error)
      }
    })
    void Promise.all(asking).then(() => {
      const [failure = [...this.#lost.values()][0]] = failures
      if (failure === undefined) resolve()
      else reject(failure)
    })
    await promise
    return [...entries]
  }

  get #following(): Connection[] {
    return connectionsWith(this.#lead, 'witness').filter(({ peer }) => !this.#lost.has(peer))
  }

  async #endorsed(witness: Connection, assisted: Assisted, signature: Uint8Array): Promise<Entry> {
    const { peer } = witness
    const body = { ...assisted, c1: fromHex(assisted.c1), signature }
    const reply = await witness.request('endorse', body, this.#lead.signal)
    const statement = { kind: 'endorsement', ...assisted } as const
    const signed = { signer: peer, statement, signature: reply.signature }
    await checkStatement(this.#lead, this.#lead.session(), signed, { peer, kind: 'endorse', field: 'signature' })
    return { peer, signature: reply.signature }
  }

  #satisfied(entries: readonly { readonly peer: string }[]): boolean {
    return satisfies(this.#lead.demands.values(), entries)
  }

  async #inOrder(witness: Connection, tell: () => Promise<void>): Promise<void> {
    const tail = (this.#tails.get(witness.peer) ?? Promise.resolve()).then(async () => await this.#tell(witness, tell))
    this.#tails.set(witness.peer, tail)
    await tail
  }

  /** Never rejects. */
  async #tell({ peer }: Connection, tell: () => Promise<void>): Promise<void> {
    if (this.#lost.has(peer)) return
    try {
      await tell()
    } catch (error) {
      if (!this.#lead.signal.aborted) this.#report(peer, error)
    }
  }

  #report(peer: string, error: unknown): void {
    const typed = translateError(error, { peer, kind: 'endorse' })
    if (typed instanceof PartyMissingError) this.lose(typed)
    this.#lead.onRefused(typed, peer)
  }
}
