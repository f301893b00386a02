import type { SignedStatement, Statement } from '@slytherin/protocol'
import { ShareConflictError, SignatureError, statementDigest } from '@slytherin/protocol'
import { describe, expect, it } from 'vitest'
import { type Cohort, cohort, EVALUATOR, rejection, SEPARATE, samples } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'
import { rewrite } from './support/rewrite.js'
import { Wire } from './support/wire.js'

const flip = (signature: Uint8Array): Uint8Array => signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

/** What everybody keeps. */
function keeping(): { kept: Map<string, SignedStatement[]>; of(peer: string): { keep(signed: SignedStatement): void } } {
  const kept = new Map<string, SignedStatement[]>()
  return {
    kept,
    of: peer => {
      const list: SignedStatement[] = []
      kept.set(peer, list)
      return { keep: signed => void list.push(signed) }
    }
  }
}

async function ready(parties: Cohort): Promise<{ run: Promise<unknown> }> {
  const run = parties.coordinator.run()
  run.catch(() => undefined)
  await parties.member('querier').ready()
  return { run }
}

describe('what parties sign while a session lives', () => {
  it('is kept by whoever signs it and by whoever it was made for, with a signature that verifies', async () => {
    const { kept, of } = keeping()
    const parties = cohort({
      roles: SEPARATE,
      coordinator: { evidence: of(EVALUATOR) },
      member: peer => ({ evidence: of(peer) })
    })
    const wire = new Wire(parties.network)
    const run = parties.coordinator.run()
    await parties.member('querier').query(samples(3))
    await parties.member('querier').leave()
    await run
    const signer = new FakeSigner('anybody')
    for (const signed of [...kept.values()].flat()) {
      const digest = statementDigest(wire.session, signed.signer, signed.statement)
      expect(await signer.verify(signed.signer, digest, signed.signature)).toBe(true)
    }
    const kinds = (peer: string, signedBy: string): Partial<Record<Statement['kind'], number>> => {
      const counts: Partial<Record<Statement['kind'], number>> = {}
      for (const { signer, statement } of kept.get(peer)!) {
        if (signer === signedBy) counts[statement.kind] = (counts[statement.kind] ?? 0) + 1
      }
      return counts
    }
    const assists = parties.plan.refreshes.length + 1
    const keys = 1 + parties.plan.galoisKeys.length
    expect(kinds(EVALUATOR, 'holderA')).toEqual({ 'key-share': keys, shares: assists })
    expect(kinds('holderA', 'holderA')).toEqual({ 'key-share': keys, shares: assists })
    expect(kinds('holderA', EVALUATOR)).toEqual({ request: assists })
    expect(kinds('querier', EVALUATOR)).toEqual({ result: 1 })
    expect(kinds(EVALUATOR, EVALUATOR)).toEqual({ request: assists, result: 1 })
    expect(kinds('holderB', 'querier')).toEqual({ query: 1 })
    expect(kinds(EVALUATOR, 'owner')).toEqual({ model: 1 })
    // once when it signs, once when it hears that it has
    expect(kinds('owner', 'owner')).toEqual({ model: 2 })
    const requests = kept
      .get('holderC')!
      .map(({ statement }) => statement)
      .filter(statement => statement.kind === 'request')
    expect(requests.map(({ assist, step }) => [assist, step])).toEqual([
      ...parties.plan.refreshes.map(({ step }) => ['refresh', step]),
      ['switch', parties.plan.steps.length]
    ])
    expect(new Set(requests.map(({ instance }) => instance)).size).toBe(assists)
  })
})

describe('a signature that is wrong', () => {
  it.each(['relinearization-2', 'galois'] as const)(
    'over a share of a key (%s): it is asked again, then its holder is named',
    async kind => {
      const parties = cohort({ roles: SEPARATE })
      let answers = 0
      rewrite(parties, 'shares', EVALUATOR, (body, from) => {
        if (from !== 'holderB' || (answers++ === 0 && kind === 'galois')) return body
        return { ...body, signature: flip(body.signature) }
      })
      const error = await rejection(parties.coordinator.run())
      expect(error).toMatchObject({ code: 'session-aborted', culprit: 'holderB' })
      expect(error.cause).toBeInstanceOf(SignatureError)
      expect(error.cause).toMatchObject({ peer: 'holderB', kind, field: 'signature' })
      expect(parties.refused.filter(({ peer }) => peer === 'holderB').length).toBeGreaterThan(1)
    }
  )

  it.each(['refresh', 'switch'] as const)(
    'over the shares of a %s: the query fails and names the holder, the session goes on',
    async kind => {
      const parties = cohort({ roles: SEPARATE })
      const { run } = await ready(parties)
      let answers = 0
      const at = kind === 'refresh' ? 0 : parties.plan.refreshes.length
      rewrite(parties, 'shares', EVALUATOR, (body, from) =>
        from === 'holderC' && answers++ === at ? { ...body, signature: flip(body.signature) } : body
      )
      const error = await rejection(parties.member('querier').query(samples(1)))
      expect(error).toMatchObject({ code: 'remote-failure', remote: { code: 'signature', peer: 'holderC', kind, field: 'signature' } })
      expect(await parties.member('querier').query(samples(1))).toHaveLength(1)
      await parties.member('querier').leave()
      await run
    }
  )

  it('over other shares than came', async () => {
    const parties = cohort({ roles: SEPARATE })
    const { run } = await ready(parties)
    let answers = 0
    rewrite(parties, 'shares', EVALUATOR, (body, from) =>
      from === 'holderC' && answers++ === 0 ? { ...body, shares: [...body.shares].reverse() } : body
    )
    const error = await rejection(parties.member('querier').query(samples(12)))
    expect(error).toMatchObject({ remote: { code: 'signature', peer: 'holderC', kind: 'refresh', culprit: 'holderC' } })
    await parties.member('querier').leave()
    await run
  })

  it('over the model', async () => {
    const parties = cohort({ roles: SEPARATE })
    rewrite(parties, 'modelSigned', EVALUATOR, body => ({ ...body, signature: flip(body.signature) }))
    const error = await rejection(parties.coordinator.run())
    expect(error).toMatchObject({ code: 'session-aborted', culprit: 'owner', phase: 'model-upload' })
    expect(error.cause).toMatchObject({ code: 'signature', peer: 'owner', kind: 'modelSigned', field: 'signature' })
  })

  it('over other parts of the model than came', async () => {
    const parties = cohort({ roles: SEPARATE })
    rewrite(parties, 'modelSigned', EVALUATOR, body => ({ ...body, hash: flip(body.hash) }))
    const error = await rejection(parties.coordinator.run())
    expect(error.cause).toBeInstanceOf(ShareConflictError)
    expect(error.cause).toMatchObject({ peer: 'owner', kind: 'modelSigned', field: 'hash', culprit: 'owner' })
  })
})
