import { signTranscript, type TranscriptExport, verifyTranscript } from '@slytherin/protocol'
import { beforeAll, describe, expect, it } from 'vitest'
import { cohort, EVALUATOR, SEPARATE, samples } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'

describe('the transcript', () => {
  let coordinator: TranscriptExport
  let holder: TranscriptExport

  beforeAll(async () => {
    const parties = cohort({ roles: SEPARATE })
    const run = parties.coordinator.run()
    const finished = parties.member('holderB').finished()
    await parties.member('querier').query(samples(1))
    await parties.member('querier').leave()
    coordinator = (await run).transcript
    holder = (await finished).transcript
  })

  it('of both ends names the same messages', () => {
    const mirrored = (of: TranscriptExport, peer: string, turn: boolean): string[] =>
      of.entries
        .filter(entry => entry.peer === peer && entry.kind !== 'alive' && entry.kind !== 'acknowledged')
        .map(({ direction, kind, hash }) => `${turn === (direction === 'sent') ? 'to the holder' : 'from the holder'} ${kind} ${hash}`)
        .sort()
    const atCoordinator = mirrored(coordinator, 'holderB', true)
    expect(atCoordinator.length).toBeGreaterThan(10)
    expect(mirrored(holder, EVALUATOR, false)).toEqual(atCoordinator)
    expect(coordinator.proposal).toBe(holder.proposal)
  })

  it('holds hashes only', () => {
    for (const entry of holder.entries) {
      expect(Object.keys(entry).sort()).toEqual(['direction', 'hash', 'kind', 'length', 'peer'])
      expect(entry.hash).toMatch(/^[0-9a-f]{64}$/)
    }
  })

  it('is bound to its owner by a signature over the head', async () => {
    const signer = new FakeSigner('holderB')
    const signature = await signTranscript(signer, holder)
    expect(await verifyTranscript(signer, holder, signature)).toBe(true)
    const [first, ...rest] = holder.entries
    expect(await verifyTranscript(signer, { ...holder, entries: rest }, signature)).toBe(false)
    expect(await verifyTranscript(signer, { ...holder, entries: [{ ...first!, kind: 'switch' }, ...rest] }, signature)).toBe(false)
    expect(await verifyTranscript(signer, { ...holder, entries: [{ ...first!, hash: 'zz' }, ...rest] }, signature)).toBe(false)
    expect(await verifyTranscript(signer, { ...holder, self: 'holderA' }, signature)).toBe(false)
    expect(
      await verifyTranscript(
        signer,
        holder,
        signature.map(byte => byte ^ 1)
      )
    ).toBe(false)
  })
})
