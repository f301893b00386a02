/** Making the keys of an epoch: against the ideal secret, and against parties that deviate. */
import { Decryptor, deserializeKeySwitchKey, deserializePublicKey, Encryptor, KernelEvaluator } from '@slytherin/ckks'
import { checkDraft, decodeCall, encodeCall, type ReleaseDraft } from '@slytherin/protocol/service'
import { describe, expect, test } from 'vitest'
import { cohortOf, contextOf, created, proposalFor, secretOf, spoilEnvelope, type TestCohort } from './support/cohort.js'
import { smallPlan } from './support/small-model.js'

describe.each([
  [1, 1],
  [2, 3],
  [3, 5],
  [7, 10]
])('%i of %i', (threshold, holders) => {
  test('holders make one key: what is encrypted under it any t of them decrypt, with evaluation keys that fit', async () => {
    const { cohort, record, proposal } = await created(threshold, holders)
    const { epoch } = record.document.sharing
    using context = contextOf(proposal)
    const opened = await cohort.party('evaluator').epochs.epoch(epoch)
    using publicKey = deserializePublicKey(context, await opened.publicKey())
    const encryptor = new Encryptor(context, publicKey)
    const values = Float64Array.from({ length: context.parameters.slots }, (_, i) => Math.sin(i))
    const scale = 2 ** 36
    using plain = context.encoder.encode(values, { scale, level: context.parameters.maxLevel })
    using ciphertext = encryptor.encrypt(plain)
    using evaluator = new KernelEvaluator(context)
    for (const { value } of await cohort.party('evaluator').disk.records.list('epoch-key')) {
      const { key, hash } = value as { key: { kind: string; element: number; level: number }; hash: string }
      const bytes = await cohort.party('evaluator').disk.contents.get(`epoch-${epoch}`, hash)
      using switching = deserializeKeySwitchKey(context, bytes!, { level: key.level })
      if (key.kind === 'galois') evaluator.setGaloisKey(key.element, switching)
      else evaluator.setRelinearizationKey(switching)
    }
    const all = Array.from({ length: holders }, (_, i) => i + 1)
    for (const points of [all.slice(0, threshold), all.slice(-threshold)]) {
      using secret = await secretOf(cohort, context, epoch, points)
      const decryptor = new Decryptor(context, secret)
      const { real: read } = decryptor.decrypt(ciphertext)
      for (let i = 0; i < 8; i++) expect(read[i]).toBeCloseTo(values[i]!, 3)
      const { relinearizationLevel } = proposal
      expect(relinearizationLevel).not.toBeNull()
      const at = evaluator.dropLevel(evaluator.load(ciphertext), relinearizationLevel!)
      const squared = evaluator.store(evaluator.relinearize(evaluator.square(at)))
      const { real: squares } = decryptor.decrypt(squared)
      for (let i = 0; i < 8; i++) expect(squares[i]).toBeCloseTo(values[i]! ** 2, 2)
      squared.dispose()
    }
    expect(cohort.refused).toEqual([])
  })
})

test('a party that is started again has its share, its keys and the public key, and asks nobody', async () => {
  const { cohort, record } = await created(2, 3)
  const { epoch } = record.document.sharing
  const keys = await (await cohort.party('evaluator').epochs.epoch(epoch)).keys()
  cohort.network.setFault(({ direction }) => (direction === 'request' ? 'drop' : undefined))
  for (const self of ['evaluator', 'holder-1']) {
    await cohort.restart(self)
    const opened = await cohort.party(self).epochs.epoch(epoch)
    expect((await opened.publicKey()).length).toBeGreaterThan(100)
    if (self === 'evaluator') expect(await opened.keys()).toEqual(keys)
  }
})

test('a day after the end of an epoch its holders have no share of it any more, and are still started', async () => {
  const { cohort, record, proposal } = await created(2, 3)
  const { epoch } = record.document.sharing
  const names = [`${epoch}/share`, `${epoch}/seed`, `${epoch}/next`, `${epoch}/share-key`]
  const held = async (self: string): Promise<number> => {
    const secrets = await Promise.all(names.map(async name => await cohort.party(self).disk.secrets.get(name)))
    return secrets.filter(secret => secret !== undefined).length
  }
  cohort.ahead = proposal.expires - Date.now() + 3_600_000
  for (const self of ['holder-1', 'holder-2']) {
    await expect(cohort.party(self).epochs.epoch(epoch)).rejects.toMatchObject({ code: 'epoch-refused', field: 'expires' })
    // A clock that is wrong for a while costs nobody a share.
    await cohort.party(self).epochs.eraseOver()
    expect(await held(self)).toBeGreaterThan(0)
  }
  cohort.ahead += 86_400_000
  await cohort.restart('holder-2')
  for (const self of ['holder-1', 'holder-2']) {
    await cohort.party(self).epochs.eraseOver()
    expect(await held(self)).toBe(0)
    expect(await cohort.party(self).disk.records.get('epoch-erased', epoch)).toBe(true)
    await cohort.party(self).epochs.eraseOver()
    await expect(cohort.party(self).epochs.epoch(epoch)).rejects.toMatchObject({ code: 'epoch-refused', field: 'expires' })
  }
  expect(await held('holder-3')).toBeGreaterThan(0)
})

test('keys that are added later are made by those who are up; one that fails costs an attempt', async () => {
  const { cohort, record } = await created(2, 3)
  const { epoch } = record.document.sharing
  const opened = await cohort.party('evaluator').epochs.epoch(epoch)
  const before = await opened.keys()
  const element = [3, 9, 27, 81].find(e => !before.galois.some(key => key.element === e))!
  // It answers nothing any more, and nobody knows it yet.
  cohort.network.kill('holder-1')
  await opened.addKeys({ relinearizationLevel: null, galois: [{ element, level: 1 }] }, AbortSignal.timeout(30_000))
  expect((await opened.keys()).galois).toContainEqual({ element, level: 1 })
  expect(cohort.refused.length).toBeGreaterThan(0)
  const other = [243, 729].find(e => !before.galois.some(key => key.element === e))!
  cohort.down.add('holder-1')
  cohort.down.add('holder-2')
  await expect(
    opened.addKeys({ relinearizationLevel: null, galois: [{ element: other, level: 1 }] }, AbortSignal.timeout(30_000))
  ).rejects.toThrow(/1 of 3 holders are up, 2 are needed/)
})

test('a holder refuses an epoch that its policy does not allow, and says what to do', async () => {
  const cohort = await cohortOf(3)
  const proposal = proposalFor(smallPlan({ parties: 3 }), 1, 3)
  await expect(cohort.party('evaluator').epochs.create(proposal, AbortSignal.timeout(30_000))).rejects.toThrow(
    /threshold.*more than 0.5 of 3/
  )
  for (const { disk } of cohort.parties.values()) expect(disk.epochs.size).toBe(0)
})

/** Changes one byte of a blob, or all that `change` says, in the first message of a kind. */
function garble(cohort: TestCohort, kind: string, direction: 'request' | 'response', to: string, blob: number, at = 200): void {
  let done = false
  cohort.network.setFault(message => {
    const peer = message.direction === 'request' ? message.to : message.from
    if (done || message.direction !== direction || peer !== to) return undefined
    const call = decodeCall(message.bytes, message.from)
    if (call.kind !== kind) return undefined
    done = true
    const blobs = call.blobs.map(bytes => bytes.slice())
    blobs[blob]![at % blobs[blob]!.length]! ^= 1
    return encodeCall(call.kind, call.head, blobs)
  })
}

describe('a ceremony that somebody spoils', () => {
  test.each([
    ['an envelope changed on its way to the receiver', 'epoch/receive', 'request', 'holder-2', 3],
    ['an announcement changed on its way to one', 'epoch/receive', 'request', 'holder-2', 0],
    ['an answer changed on its way to one', 'epoch/check', 'request', 'holder-3', 1],
    ['a share of the public key changed on its way to one', 'epoch/public-key-sum', 'request', 'holder-3', 0]
  ] as const)('%s: it ends, under a name, and nobody keeps anything', async (_what, kind, direction, to, blob) => {
    const cohort = await cohortOf(3)
    garble(cohort, kind, direction, to, blob)
    const proposal = proposalFor(smallPlan({ parties: 3 }), 2, 3)
    await expect(cohort.party('evaluator').epochs.create(proposal, AbortSignal.timeout(30_000))).rejects.toThrow(/evaluator|holder-/)
    for (const { disk } of cohort.parties.values()) expect(disk.epochs.size).toBe(0)
    cohort.network.setFault(undefined)
    // And the next one succeeds.
    await cohort.party('evaluator').epochs.create(proposalFor(smallPlan({ parties: 3 }), 2, 3), AbortSignal.timeout(30_000))
  })

  test('a holder that is killed while the key is made: the ceremony names it, and is made anew when it is back', async () => {
    const cohort = await cohortOf(3)
    let dealt = 0
    cohort.network.setFault(({ direction, bytes, from }) => {
      if (direction === 'request' && decodeCall(bytes, from).kind === 'epoch/deal' && ++dealt === 2) cohort.network.kill('holder-3')
      return undefined
    })
    const proposal = proposalFor(smallPlan({ parties: 3 }), 2, 3)
    await expect(cohort.party('evaluator').epochs.create(proposal, AbortSignal.timeout(30_000))).rejects.toThrow(/holder-3/)
    expect(cohort.abandoned.length).toBeGreaterThan(0)
    cohort.network.setFault(undefined)
    await cohort.restart('holder-3')
    await cohort.party('evaluator').epochs.create(proposalFor(smallPlan({ parties: 3 }), 2, 3), AbortSignal.timeout(30_000))
  })

  test('a dealer whose envelope holds no share is judged, and named; only the dealer complained of opens one', async () => {
    const cohort = await cohortOf(3)
    spoilEnvelope(cohort, 'holder-1', 'epoch/deal', 1)
    const deceived: Promise<Uint8Array>[] = []
    const evaluator = cohort.network.transport('evaluator')
    const request = evaluator.request.bind(evaluator)
    evaluator.request = async (peer, bytes, options) => {
      // An evaluator that deviates shows the complaint to every dealer, to learn the whole of the receiver's share.
      if (decodeCall(bytes, 'evaluator').kind === 'epoch/dispute') {
        const asked = request('holder-3', bytes, options)
        asked.catch(() => undefined)
        deceived.push(asked)
      }
      return await request(peer, bytes, options)
    }
    const create = cohort.party('evaluator').epochs.create(proposalFor(smallPlan({ parties: 3 }), 2, 3), AbortSignal.timeout(30_000))
    await expect(create).rejects.toThrow(/holder-1.*does not open|holder-1.*holds no share|holder-1.*opening/)
    expect(deceived).toHaveLength(1)
    await expect(deceived[0]).rejects.toThrow(/complaint.dealer/)
  })

  test('a holder that is lost when the epoch comes into force: it is in force, and the holder is dealt to again', async () => {
    const cohort = await cohortOf(3)
    cohort.network.setFault(({ direction, bytes, from, to }) => {
      if (direction === 'request' && to === 'holder-3' && decodeCall(bytes, from).kind === 'epoch/keep') cohort.network.kill('holder-3')
      return undefined
    })
    const { epochs } = cohort.party('evaluator')
    const record = await epochs.create(proposalFor(smallPlan({ parties: 3 }), 2, 3), AbortSignal.timeout(30_000))
    const { epoch } = record.document.sharing
    cohort.network.setFault(undefined)
    await cohort.restart('holder-3')
    cohort.party('holder-3').disk.epochs.set(epoch, record)
    await expect(cohort.party('holder-3').epochs.checkShare(epoch)).rejects.toThrow(/no share.*cohort reshare/)
    const peers = ['holder-1', 'holder-2', 'holder-3']
    await epochs.reshare(epoch, peers, 2, AbortSignal.timeout(30_000), new Set(['holder-3']))
    await cohort.party('holder-3').epochs.checkShare(epoch)
  })
})

test('nobody publishes an encrypted model where the evaluator alone holds the key', async () => {
  const { record } = await created(1, 1)
  const { document } = record
  const plan = smallPlan({ parties: 1 })
  const draft: ReleaseDraft = { epoch: document.sharing.epoch, owner: 'owner', name: 'm', revision: '1', nonce: '0'.repeat(32), plan }
  const policy = { allowInsecure: true }
  expect(checkDraft(draft, document, 'owner', policy, false).parties).toBe(1)
  const elsewhere = { ...draft, epoch: 'e'.repeat(64) }
  expect(() => checkDraft(elsewhere, document, 'owner', policy, false)).toThrow(/epoch.*Publish into the epoch that is in force/)
  const alone = { ...document, proposal: { ...document.proposal, holders: [{ peer: 'evaluator', point: 1 }] } }
  expect(() => checkDraft(draft, alone, 'owner', policy, false)).toThrow(/epoch.holders.*a key holder besides the evaluator/)
})
