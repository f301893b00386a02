import { audit, LocalCryptography, MemoryEvidenceStore } from '@slytherin/protocol'
import { expect, it, vi } from 'vitest'
import { FakeSigner } from './support/fake-signer.js'
import { realSamples, realSession, SMALL_RING } from './support/real-session.js'

const verify = async (peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> =>
  await new FakeSigner('auditor').verify(peer, bytes, signature)

it('a session between parties is kept by each of them, and run again from what the evaluator kept', async () => {
  const stores = {
    clinic: new MemoryEvidenceStore(),
    first: new MemoryEvidenceStore(),
    patient: new MemoryEvidenceStore(),
    other: new MemoryEvidenceStore()
  }
  const session = await realSession({
    roles: {
      clinic: ['evaluator'],
      first: ['key-holder'],
      second: ['key-holder', 'model-owner'],
      other: ['witness'],
      patient: ['querier', 'data-owner']
    },
    planning: { ...SMALL_RING, batch: 8, data: 'encrypted', weights: 'encrypted', minimumRefreshes: 1 },
    evidence: stores
  })
  const run = session.coordinator.run()
  const patient = session.party('patient')
  await patient.query(realSamples(8))
  await patient.leave()
  const { session: id } = await run
  const kept = (party: keyof typeof stores) => stores[party].sessions.get(id)!
  // What is kept is hashed and written beside the session.
  for (const party of Object.keys(stores) as (keyof typeof stores)[]) {
    await vi.waitFor(() => expect(kept(party).records.at(-1)).toMatchObject({ record: 'end' }), { timeout: 60_000 })
  }
  const report = await audit([kept('clinic')], {
    verify,
    cryptography: async () => await LocalCryptography.create({ allowInsecure: true })
  })
  expect(report.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
  expect([report.session, report.evaluated, report.queries]).toEqual([id, 1, 1])
  // A witness has all of it, too, but for the result, which is nothing to it.
  const witnessed = await audit([kept('other')], {
    verify,
    cryptography: async () => await LocalCryptography.create({ allowInsecure: true })
  })
  expect(witnessed.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
  const committed = kept('other').records.flatMap(entry => (entry.record === 'commitment' ? [`${entry.protocol} ${entry.peer}`] : []))
  expect(committed.toSorted()).toEqual(['public key first', 'public key second', 'relinearization first', 'relinearization second'])
  expect([witnessed.evaluated, witnessed.queries]).toEqual([1, 1])
  expect(witnessed.findings.at(-1)!.text).toMatch(/all 2 refreshes and switches follow .* what was delivered was not kept/)
  for (const party of ['first', 'patient'] as const) {
    const own = await audit([kept(party)], { verify })
    expect(own.findings.filter(({ holds }) => holds === 'no')).toEqual([])
    expect(kept(party).blobs.size).toBe(0)
    expect(kept(party).records.some(({ record }) => record === 'statement')).toBe(true)
  }
  const together = await audit([kept('first'), kept('patient'), kept('clinic')], { verify })
  expect(together.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
})
