/**
 * What a key holder does for the session: shares of evaluation keys, of refreshes and of switches, each checked against the signed plan first.
 *
 * - only keys that the plan names, each for the level it names (no message carries one), no more ciphertexts than it names;
 * - one input per instance: the same request again gets the same bytes (from the ledger inside the cryptography), another one is refused;
 * - a switch goes to the result key that the querier's acceptance bound, and counts against that querier's quota.
 */

import { digest, hash, toHex } from '../base/digest.js'
import { MalformedMessageError, QuotaExceededError, ShareConflictError, UnknownMemberError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Phase } from '../parties/options.js'
import {
  checkAtLeast,
  checkBytes,
  checkFinite,
  checkList,
  checkOneOf,
  checkText,
  type Handlers,
  type PartyComponents
} from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { galoisElements } from '../terms/plan.js'
import type { HandlerContext } from '../wire/connection.js'

export class KeyHolderDuty {
  readonly #party: PartyComponents
  readonly #resultKeys: ReadonlyMap<string, Uint8Array>
  /** Hash of the input by instance. */
  readonly #inputs = new Map<string, string>()
  /** Ciphertexts switched by querier. */
  readonly #switched = new Map<string, number>()
  readonly #given = new Map<Phase, number>()

  /** @param resultKeys by querier, as they were bound when the session opened */
  constructor(party: PartyComponents, resultKeys: ReadonlyMap<string, Uint8Array>) {
    this.#party = party
    this.#resultKeys = resultKeys
  }

  /** A new session begins. */
  reset(): void {
    this.#inputs.clear()
    this.#switched.clear()
    this.#given.clear()
  }

  readonly handlers: Handlers = {
    relinearizationOne: async (_body, context) => {
      demandRelinearization(this.#session('relinearizationOne', context), 'relinearizationOne', context)
      return this.#give('relinearization-key', 2, context, [await this.#party.cryptography.relinearizationShareOne()])
    },

    relinearizationTwo: async (body, context) => {
      const kind = 'relinearizationTwo'
      const session = this.#session(kind, context)
      demandRelinearization(session, kind, context)
      checkBytes(body.aggregate, session.record.sizes.relinearizationShare, 'aggregate', kind, context.peer)
      const share = await this.#once(kind, '', await hash(body.aggregate), context, async () => {
        return await this.#party.cryptography.relinearizationShareTwo(body.aggregate)
      })
      return this.#give('relinearization-key', 2, context, [share])
    },

    galois: async (body, context) => {
      const elements = galoisElements(this.#session('galois', context).plan)
      checkOneOf(body.element, elements, 'element', 'galois', context.peer)
      return this.#give('galois-keys', elements.length, context, [await this.#party.cryptography.galoisShare(body.element)])
    },

    refresh: async (body, context) => {
      const kind = 'refresh'
      const session = this.#session(kind, context)
      const { plan, record } = session
      checkText(body.instance, 'instance', kind, context.peer)
      checkOneOf(
        body.level,
        plan.refreshes.map(refresh => refresh.level),
        'level',
        kind,
        context.peer
      )
      checkFinite(body.scale, 'scale', kind, context.peer)
      checkFinite(body.magnitude, 'magnitude', kind, context.peer)
      checkList(body.c1, record.sizes.refreshCount, record.sizes.refreshC1, 'c1', kind, context.peer)
      const input = await inputHash([body.level, body.scale, body.magnitude], body.c1)
      const shares = await this.#once(kind, body.instance, input, context, async () => await this.#party.cryptography.refreshShare(body))
      session.refreshes.add(body.instance)
      return this.#give('refresh', 0, context, shares)
    },

    switch: async (body, context) => {
      const kind = 'switch'
      const session = this.#session(kind, context)
      const { plan, record, descriptor } = session
      checkText(body.instance, 'instance', kind, context.peer)
      checkText(body.query, 'query', kind, context.peer)
      checkOneOf(body.level, [plan.output.level], 'level', kind, context.peer)
      checkAtLeast(body.noise, plan.output.noise, 'noise', kind, context.peer)
      checkList(body.c1, record.sizes.switchCount, record.sizes.switchC1, 'c1', kind, context.peer)
      const targetKey = this.#resultKeys.get(body.querier)
      if (targetKey === undefined) {
        throw new UnknownMemberError({
          peer: context.peer,
          kind,
          field: 'querier',
          expected: 'a querier with a registered result key',
          actual: body.querier.slice(0, 120)
        })
      }
      const input = await inputHash([body.query, body.querier, body.level, body.noise], body.c1)
      const { instance, level, noise, c1 } = body
      const shares = await this.#once(kind, instance, input, context, async again => {
        const give = async (): Promise<Uint8Array[]> =>
          await this.#party.cryptography.switchShare({ instance, level, noise, c1, targetKey }).catch(error => {
            throw isKeyFault(error) ? translateError(error, { peer: context.peer, kind, culprit: body.querier }) : error
          })
        return again ? await give() : await this.#withinQuota(body.querier, c1.length, descriptor.switchesPerQuerier, context, give)
      })
      return this.#give('switch', 0, context, shares)
    }
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }

  /** Refuses a second input for an instance; remembers the first when its share was given, so that a damaged request can be repeated. */
  async #once<T>(
    kind: string,
    instance: string,
    input: Uint8Array,
    context: HandlerContext,
    give: (again: boolean) => Promise<T>
  ): Promise<T> {
    const key = `${kind} ${instance}`
    const text = toHex(input)
    /** Whether this very input was answered before. */
    const check = (): boolean => {
      const known = this.#inputs.get(key)
      if (known === undefined) return false
      if (known === text) return true
      throw new ShareConflictError({
        peer: context.peer,
        kind,
        field: instance === '' ? 'aggregate' : 'c1',
        reason: `instance ${instance || kind} was used for another input`,
        remedy: 'Re-randomise the ciphertext and start a new instance.'
      })
    }
    const shares = await give(check())
    check()
    this.#inputs.set(key, text)
    return shares
  }

  /** Counts a switch against the querier's quota; one that fails is not counted, one given before is not counted again (see #once). */
  async #withinQuota<T>(querier: string, count: number, quota: number, context: HandlerContext, give: () => Promise<T>): Promise<T> {
    const used = this.#switched.get(querier) ?? 0
    if (used + count > quota) {
      throw new QuotaExceededError({
        peer: context.peer,
        kind: 'switch',
        field: 'querier',
        expected: `at most ${quota} ciphertexts for ${querier}`,
        actual: `${used} + ${count}`,
        remedy: 'Open a new session, or propose a larger quota.'
      })
    }
    this.#switched.set(querier, used + count)
    try {
      return await give()
    } catch (error) {
      this.#switched.set(querier, this.#switched.get(querier)! - count)
      throw error
    }
  }

  #give(phase: Phase, total: number, context: HandlerContext, shares: Uint8Array[]): { shares: Uint8Array[] } {
    const done = (this.#given.get(phase) ?? 0) + 1
    this.#given.set(phase, done)
    this.#party.progress({ phase, done, total: Math.max(done, total), peer: context.peer })
    return { shares }
  }
}

/** @throws MalformedMessageError when the plan has no relinearisation key */
function demandRelinearization({ plan }: PartySession, kind: string, { peer }: HandlerContext): void {
  if (plan.relinearizationLevel !== null) return
  throw new MalformedMessageError({ peer, kind, field: 'kind', expected: 'a key that the plan names', actual: kind })
}

async function inputHash(head: readonly (string | number)[], ciphertexts: readonly Uint8Array[]): Promise<Uint8Array> {
  const hashes = await Promise.all(ciphertexts.map(hash))
  return digest('slytherin input', JSON.stringify(head), ...hashes)
}

/** The result key is what its querier bound, whoever handed it on. By its name: an error that comes out of a worker may have lost its class. */
function isKeyFault(error: unknown): boolean {
  return error instanceof Error && error.name === 'MalformedPublicKeyError'
}
