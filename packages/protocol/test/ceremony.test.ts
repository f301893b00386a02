/** What a party sees through, alone, when keys are made: the evaluator and a key holder do their worst, with signatures that verify. */
import {
  type Bodies,
  type Kind,
  OutOfOrderMessageError,
  PublicKeyMismatchError,
  ShareConflictError,
  SignatureError
} from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'
import { commitmentTo, confirmed, rewrite, signedShare } from './support/rewrite.js'
import { Wire } from './support/wire.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const SALT = new Uint8Array(32).fill(9)

interface Refusal {
  readonly error: Error & { readonly code?: string }
  readonly parties: Cohort
}

/** What a party refused first when a message to it was altered; the session has ended. */
async function refusal<K extends Kind>(kind: K, to: string, alter: (parties: Cohort) => (body: Bodies[K]) => Bodies[K]): Promise<Refusal> {
  const parties = cohort({ roles: SEPARATE })
  rewrite(parties, kind, to, alter(parties))
  await rejection(parties.coordinator.run())
  return { error: parties.refused.find(({ at }) => at === to)!.error, parties }
}

describe('while the public key is made', () => {
  it('nobody shows a share before all commitments are here, and nobody takes one', async () => {
    const parties = cohort({ roles: SEPARATE })
    const wire = new Wire(parties.network)
    // The coordinator never gets to hand the commitments round.
    const held = Promise.withResolvers<undefined>()
    wire.fault = message =>
      wire.seen.at(-1)?.header.kind === 'publicKeyCommitments' && message.to !== EVALUATOR ? held.promise : undefined
    const run = parties.coordinator.run()
    await expect.poll(() => wire.seen.some(({ header }) => header.kind === 'publicKeyCommitments')).toBe(true)
    const session = wire.find('publicKeyCommitments').header.session
    const early = await rejection(wire.send(EVALUATOR, 'holderA', 'publicKeyShare', {}, { session }))
    expect(early).toMatchObject({ remote: { code: 'out-of-order-message', peer: EVALUATOR, kind: 'publicKeyShare', field: 'commitments' } })
    const part = { peer: 'holderB', share: bytes('pk'), salt: SALT, signature: bytes('signature') }
    const unbound = await rejection(wire.send(EVALUATOR, 'owner', 'publicKeyPart', part, { session }))
    expect(unbound).toMatchObject({ remote: { code: 'out-of-order-message', kind: 'publicKeyPart', field: 'share' } })
    const unsummed = await rejection(wire.send(EVALUATOR, 'owner', 'publicKeyConfirm', {}, { session }))
    expect(unsummed).toMatchObject({ remote: { code: 'out-of-order-message', kind: 'publicKeyConfirm' } })
    const unkeyed = await rejection(wire.send(EVALUATOR, 'owner', 'modelPart', { index: 0 }, { session }))
    expect(unkeyed).toMatchObject({ remote: { code: 'out-of-order-message', kind: 'modelPart', actual: 'open' } })
    // What was refused changed nothing.
    held.resolve(undefined)
    await parties.coordinator.ready()
    parties.coordinator.close()
    await run
  })

  it('a share that its holder has signed but was not bound to is the holder’s fault', async () => {
    const share = bytes('pk chosen after the others were seen')
    const { error, parties } = await refusal('publicKeyPart', 'owner', parties => body => {
      if (body.peer !== 'holderB') return body
      return { ...body, share, signature: FakeSigner.signature('holderB', signedShare(parties, 'holderB', share, body.salt)) }
    })
    expect(error).toBeInstanceOf(SignatureError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'publicKeyPart', field: 'share', culprit: 'holderB' })
    expect(parties.fake('owner').calls).not.toContain('setPublicKey')
  })

  it('a salt that does not open the commitment, or has another length, is refused', async () => {
    const unsigned = await refusal('publicKeyPart', 'querier', () => body => ({ ...body, salt: SALT }))
    expect(unsigned.error).toMatchObject({ code: 'signature', field: 'signature', culprit: EVALUATOR })
    const long = await refusal('publicKeyPart', 'querier', () => body => ({ ...body, salt: new Uint8Array(33) }))
    expect(long.error).toMatchObject({ code: 'malformed-message', field: 'salt', expected: '32 bytes' })
  })

  it('commitments that leave out, reorder, forge or replace one are refused', async () => {
    const of = async (alter: (entries: Bodies['publicKeyCommitments']['entries'], parties: Cohort) => typeof entries) =>
      (
        await refusal('publicKeyCommitments', 'holderA', parties => ({ entries }) => ({
          entries: alter(entries, parties)
        }))
      ).error
    expect(await of(entries => entries.slice(1))).toMatchObject({ code: 'malformed-message', field: 'entries' })
    expect(await of(entries => [...entries].reverse())).toMatchObject({ code: 'malformed-message', field: 'entries' })
    const forged = await of(entries => entries.map(entry => ({ ...entry, commitment: SALT })))
    expect(forged).toMatchObject({ code: 'signature', field: 'entries[holderA]', culprit: EVALUATOR })
    // Even with a signature that verifies, a party knows its own commitment.
    const own = await of((entries, parties) =>
      entries.map(entry => {
        if (entry.peer !== 'holderA') return entry
        const { commitment, signed } = commitmentTo(parties, 'holderA', bytes('pk'), SALT)
        return { ...entry, commitment, signature: FakeSigner.signature('holderA', signed) }
      })
    )
    expect(own).toMatchObject({ code: 'signature', field: 'entries[holderA]', expected: 'the commitment of this party' })
  })

  it('a holder that signs two commitments is named, and the first stands', async () => {
    const parties = cohort({ roles: SEPARATE })
    let second: Promise<unknown> | undefined
    const wire = new Wire(parties.network)
    wire.fault = message => {
      const seen = wire.seen.at(-1)!
      if (seen.header.kind !== 'acknowledged' || message.from !== 'holderA' || second !== undefined) return undefined
      const sent = wire.seen.findLast(({ header, to }) => header.kind === 'publicKeyCommitments' && to === 'holderA')
      if (sent === undefined) return undefined
      second = twice(parties, wire, sent.header.session)
      return second.then(() => undefined)
    }
    const run = parties.coordinator.run()
    await parties.coordinator.ready()
    const error = (await second) as Error
    expect(error).toMatchObject({
      remote: { code: 'share-conflict', kind: 'publicKeyCommitments', field: 'entries[holderB]', culprit: 'holderB' }
    })
    expect(parties.refused.some(({ at, error: refused }) => at === 'holderA' && refused instanceof ShareConflictError)).toBe(true)
    parties.coordinator.close()
    await run
  })

  it('a party whose sum is another is found out by everybody before anything is encrypted', async () => {
    const hash = new Uint8Array(32).fill(5)
    const { error, parties } = await refusal('publicKeyConfirmed', 'owner', parties => ({ entries }) => ({
      entries: entries.map(entry =>
        entry.peer === 'holderC'
          ? { ...entry, hash, signature: FakeSigner.signature('holderC', confirmed(parties, 'holderC', hash)) }
          : entry
      )
    }))
    expect(error).toBeInstanceOf(PublicKeyMismatchError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'publicKeyConfirmed', field: 'entries[holderC]', culprit: 'holderC' })
    expect(parties.fake('owner').calls).not.toContain('modelPart')
    const unsigned = await refusal('publicKeyConfirmed', 'querier', () => ({ entries }) => ({
      entries: entries.map(entry => ({ ...entry, signature: bytes('none') }))
    }))
    expect(unsigned.error).toMatchObject({ code: 'signature', culprit: EVALUATOR })
    const fewer = await refusal('publicKeyConfirmed', 'querier', () => ({ entries }) => ({ entries: entries.slice(0, -1) }))
    expect(fewer.error).toMatchObject({ code: 'malformed-message', field: 'entries' })
  })
})

describe('while the relinearisation key is made', () => {
  it('a share of round one that its holder has not signed is refused, and nothing is multiplied', async () => {
    const { error, parties } = await refusal('relinearizationPart', 'holderA', () => body => ({ ...body, share: bytes('forged') }))
    expect(error).toBeInstanceOf(SignatureError)
    expect(error).toMatchObject({ peer: EVALUATOR, kind: 'relinearizationPart', field: 'signature', culprit: EVALUATOR })
    expect(parties.fake('holderA').calls).not.toContain('relinearizationShareTwo')
  })

  it('round two waits for everybody’s share of round one, and round one for everybody’s commitment', async () => {
    const parties = cohort({ roles: SEPARATE })
    const wire = new Wire(parties.network)
    const early: Promise<Error>[] = []
    wire.fault = message => {
      const { kind, session } = wire.seen.at(-1)!.header
      if (kind !== 'relinearizationCommit' || message.to !== 'holderB' || early.length > 0) return undefined
      for (const asked of ['relinearizationOne', 'relinearizationTwo'] as const) {
        early.push(rejection(wire.send(EVALUATOR, 'holderB', asked, {}, { session })))
      }
      return Promise.all(early).then(() => undefined)
    }
    const run = parties.coordinator.run()
    await parties.coordinator.ready()
    for (const error of await Promise.all(early)) expect(error).toMatchObject({ remote: { code: 'out-of-order-message' } })
    expect(parties.refused.filter(({ error }) => error instanceof OutOfOrderMessageError).map(({ at }) => at)).toContain('holderB')
    parties.coordinator.close()
    await run
  })
})

/** Commitments to holderA once more, with another one of holderB. */
async function twice(parties: Cohort, wire: Wire, session: Uint8Array): Promise<unknown> {
  const { entries } = wire.body('publicKeyCommitments', 'holderA', parties.plan)
  const { commitment, signed } = commitmentTo(parties, 'holderB', bytes('pk of another mind'), SALT, session)
  const changed = entries.map(entry =>
    entry.peer === 'holderB' ? { ...entry, commitment, signature: FakeSigner.signature('holderB', signed) } : entry
  )
  return await rejection(wire.send(EVALUATOR, 'holderA', 'publicKeyCommitments', { entries: changed }, { session }))
}
