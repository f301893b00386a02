import { type Bodies, type Kind, PartyMissingError, type SessionAbortedError, SignatureError } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'
import { rewrite, signedShare } from './support/rewrite.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const flip = (value: Uint8Array): Uint8Array => value.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

/** Runs a session in which every message of a kind to a peer is altered, and returns how it ends. */
async function altered<K extends Kind>(
  kind: K,
  to: string,
  alter: (body: Bodies[K]) => Bodies[K]
): Promise<{ parties: Cohort; error: SessionAbortedError }> {
  const parties = cohort({ roles: SEPARATE })
  rewrite(parties, kind, to, alter)
  const error = await rejection<SessionAbortedError>(parties.coordinator.run())
  return { parties, error }
}

function refusedAt(parties: Cohort, at: string): Error | undefined {
  return parties.refused.find(refusal => refusal.at === at)?.error
}

describe('what an active coordinator (or the network) cannot do', () => {
  it('show one party another plan', async () => {
    const { parties, error } = await altered('propose', 'holderB', ({ descriptor }) => {
      const text = new TextDecoder().decode(descriptor)
      return { descriptor: bytes(text.replace(/"created":\d+/, '"created":1')) }
    })
    // What holderB signs is not what the others sign.
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderB' })
    expect(error.cause).toBeInstanceOf(SignatureError)
    expect(parties.fake('holderB').session).toBeUndefined()
  })

  it('show a plan that contradicts itself', async () => {
    const { parties, error } = await altered('propose', 'holderB', ({ descriptor }) => {
      const text = new TextDecoder().decode(descriptor)
      return { descriptor: bytes(text.replace(/"galoisKeys":\[\{[^}]*\},/, '"galoisKeys":[')) }
    })
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderB' })
    expect(refusedAt(parties, 'holderB')).toMatchObject({ code: 'malformed-message', field: 'descriptor.plan' })
  })

  it.each(['commitment', 'resultKeyHash', 'signature'] as const)('alter the %s of another party', async field => {
    const { parties, error } = await altered('commitments', 'holderA', ({ entries }) => ({
      entries: entries.map(entry => (entry.peer === 'querier' ? { ...entry, [field]: flip(entry[field]) } : entry))
    }))
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderA' })
    expect(refusedAt(parties, 'holderA')).toMatchObject({
      code: 'signature',
      peer: EVALUATOR,
      kind: 'commitments',
      field: 'entries[querier]'
    })
  })

  it('leave a party out', async () => {
    const { parties } = await altered('commitments', 'holderA', ({ entries }) => ({ entries: entries.slice(1) }))
    expect(refusedAt(parties, 'holderA')).toMatchObject({ code: 'malformed-message', field: 'entries' })
  })

  it('present a commitment in a party’s own name', async () => {
    const { parties } = await altered('commitments', 'holderA', ({ entries }) => ({
      entries: entries.map(entry => (entry.peer === 'holderA' ? { ...entry, commitment: flip(entry.commitment) } : entry))
    }))
    expect(refusedAt(parties, 'holderA')).toMatchObject({ code: 'signature', field: 'entries[holderA]' })
  })

  it('choose a nonce after it has seen the others', async () => {
    const { parties } = await altered('open', 'holderC', body => ({
      ...body,
      nonces: body.nonces.map(entry => (entry.peer === EVALUATOR ? { ...entry, nonce: flip(entry.nonce) } : entry))
    }))
    expect(refusedAt(parties, 'holderC')).toMatchObject({ code: 'signature', kind: 'open', field: `nonces[${EVALUATOR}]` })
    expect(parties.fake('holderC').session).toBeUndefined()
  })

  it('have results switched to a key of its own', async () => {
    const { parties } = await altered('open', 'holderA', body => ({
      ...body,
      resultKeys: [{ peer: 'querier', key: bytes('key of the evaluator') }]
    }))
    expect(refusedAt(parties, 'holderA')).toMatchObject({ code: 'signature', field: 'resultKeys[querier]' })
    const without = await altered('open', 'holderA', body => ({ ...body, resultKeys: [] }))
    expect(refusedAt(without.parties, 'holderA')).toMatchObject({ code: 'malformed-message', field: 'resultKeys' })
    const twice = await altered('open', 'holderA', body => ({ ...body, resultKeys: [...body.resultKeys, ...body.resultKeys] }))
    expect(refusedAt(twice.parties, 'holderA')).toMatchObject({ code: 'malformed-message', field: 'resultKeys[querier]' })
  })

  it('substitute the public key: a share that its holder has not signed', async () => {
    const forged = bytes('pk of the evaluator alone')
    const signature = await new FakeSigner(EVALUATOR).sign(forged)
    const { parties, error } = await altered('publicKeyPart', 'owner', body =>
      body.peer === 'holderB' ? { ...body, share: forged, signature } : body
    )
    expect(error).toMatchObject({ code: 'session-aborted', culprit: EVALUATOR, phase: 'public-key' })
    expect(refusedAt(parties, 'owner')).toMatchObject({ code: 'signature', kind: 'publicKeyPart', field: 'signature', culprit: EVALUATOR })
    expect(parties.fake('owner').calls).not.toContain('setPublicKey')
  })

  it('substitute the public key: one holder’s share in another’s name, or twice', async () => {
    const { parties } = await altered('publicKeyPart', 'querier', body => ({ ...body, peer: 'holderA' }))
    expect(parties.refused.some(({ at, error }) => at === 'querier' && 'code' in error && error.code === 'signature')).toBe(true)
    expect(parties.fake('querier').calls).not.toContain('setPublicKey')
  })

  it('hand a holder a share in its own name that it never gave', async () => {
    const parties = cohort({ roles: SEPARATE })
    const share = bytes('pk that holderA never gave')
    // Even with a signature that verifies, a party knows its own share.
    rewrite(parties, 'publicKeyPart', 'holderA', body => {
      if (body.peer !== 'holderA') return body
      return { ...body, share, signature: FakeSigner.signature('holderA', signedShare(parties, 'holderA', share, body.salt)) }
    })
    await rejection(parties.coordinator.run())
    expect(refusedAt(parties, 'holderA')).toMatchObject({ code: 'signature', field: 'share' })
  })
})

describe('what a member (or the network) cannot do to the coordinator', () => {
  it('accept with a signature, or a result key, that is not its own', async () => {
    for (const field of ['signature', 'resultKey', 'commitment'] as const) {
      const { error } = await altered('acceptance', EVALUATOR, body =>
        body.resultKey.length > 0 ? { ...body, [field]: flip(body[field]) } : body
      )
      expect(error).toMatchObject({ code: 'session-aborted', culprit: 'querier' })
      expect(error.cause).toBeInstanceOf(SignatureError)
    }
  })

  it('show another nonce than it committed to', async () => {
    const { error } = await altered('reveal', EVALUATOR, body => ({ nonce: flip(body.nonce) }))
    expect(error.cause).toMatchObject({ code: 'signature', kind: 'reveal', field: 'nonce' })
  })

  it('open another session', async () => {
    const { error } = await altered('opened', EVALUATOR, body => ({ signature: flip(body.signature) }))
    expect(error.cause).toMatchObject({ code: 'signature', kind: 'opened' })
  })

  it('give a share that is none: it is asked again, then named', async () => {
    const parties = cohort({ roles: SEPARATE })
    rewrite(parties, 'shares', EVALUATOR, (body, from) => (from === 'holderB' ? { ...body, shares: [bytes('nonsense')] } : body))
    const error = await rejection(parties.coordinator.run())
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderB', phase: 'relinearization-key' })
    expect(parties.refused.filter(({ peer }) => peer === 'holderB').length).toBeGreaterThan(1)
  })

  it('give fewer shares than ciphertexts: the query fails, the session goes on', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    let strikes = 0
    rewrite(parties, 'shares', EVALUATOR, (body, from) =>
      from === 'holderC' && strikes++ === 0 ? { ...body, shares: body.shares.slice(1) } : body
    )
    const error = await rejection(parties.member('querier').query(samples(1)))
    expect(error).toMatchObject({
      code: 'remote-failure',
      remote: { code: 'malformed-message', peer: 'holderC', kind: 'refresh', field: 'shares' }
    })
    expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
    await parties.member('querier').leave()
    await run
  })

  it.each(['inputs', 'asked', 'signature', 'ciphertext'] as const)('hand over a result with another %s than was signed', async field => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    await parties.member('querier').ready()
    rewrite(parties, 'queryResult', 'querier', body => ({ ...body, [field]: flip(body[field]) }))
    const error = await rejection<SignatureError>(parties.member('querier').query(samples(1)))
    expect(error).toBeInstanceOf(SignatureError)
    const wrong = field === 'inputs' || field === 'asked' ? 'asked' : 'signature'
    expect(error).toMatchObject({ peer: EVALUATOR, culprit: EVALUATOR, kind: 'queryResult', field: wrong })
    expect(parties.fake('querier').calls).not.toContain('decryptResults')
    parties.coordinator.close()
    await run
  })

  it('restart and go on where it was', async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    await parties.member('querier').ready()
    // A new process under the same name, the connection has never been seen down.
    parties.restart('holderB')
    await rejection(parties.member('querier').query(samples(1)))
    const error = await rejection(run)
    expect(error).toBeInstanceOf(PartyMissingError)
    expect(error).toMatchObject({ peer: 'holderB', phase: 'evaluation' })
  })
})
