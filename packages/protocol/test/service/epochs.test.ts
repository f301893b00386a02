/** Making the keys of an epoch: against the ideal secret, and against parties that deviate. */
import {
  Context,
  Decryptor,
  deserializeKeySwitchKey,
  deserializePublicKey,
  Encryptor,
  KernelEvaluator,
  Parameters,
  SecretKey
} from '@slytherin/ckks'
import { ActiveSet, ShamirShare } from '@slytherin/mhe'
import { decodeCall, type EpochProposal, type EpochRecord, encodeCall, type Signed } from '@slytherin/protocol/service'
import { loadKernel } from '@slytherin/ring'
import { afterEach, describe, expect, test } from 'vitest'
import { proposalFor, TestCohort } from './support/cohort.js'
import { smallPlan } from './support/small-model.js'

const kernel = await loadKernel()
const cohorts: TestCohort[] = []
afterEach(async () => {
  for (const cohort of cohorts.splice(0)) await cohort.close()
})

async function cohortOf(holders: number): Promise<TestCohort> {
  const cohort = new TestCohort()
  cohorts.push(cohort)
  for (const self of ['evaluator', ...Array.from({ length: holders }, (_, i) => `holder-${i + 1}`)]) await cohort.start(self)
  return cohort
}

async function created(
  threshold: number,
  holders: number
): Promise<{ cohort: TestCohort; record: Signed<EpochRecord>; proposal: EpochProposal }> {
  const cohort = await cohortOf(holders)
  const proposal = proposalFor(smallPlan({ parties: holders }), threshold, holders)
  const record = await cohort.party('evaluator').epochs.create(proposal, AbortSignal.timeout(60_000))
  return { cohort, record, proposal }
}

/** The secret that these holders make together, from what is on their disks. */
async function secretOf(cohort: TestCohort, context: Context, epoch: string, points: readonly number[]): Promise<SecretKey> {
  const shares: ShamirShare[] = []
  for (const point of points) {
    const bytes = await cohort.party(`holder-${point}`).disk.secrets.get(`${epoch}/share`)
    shares.push(ShamirShare.deserialize(context, bytes!))
  }
  const active = new ActiveSet(shares[0]!.sharing.access, points)
  return SecretKey.sum(
    context,
    shares.map(share => share.additiveSecret(active))
  )
}

describe.each([
  [1, 1],
  [2, 3],
  [3, 5],
  [7, 10]
])('%i of %i', (threshold, holders) => {
  test('holders make one key: what is encrypted under it any t of them decrypt, with evaluation keys that fit', async () => {
    const { cohort, record, proposal } = await created(threshold, holders)
    const { epoch } = record.document.sharing
    using context = Context.create(Parameters.fromJSON(proposal.parameters, { allowInsecure: true }), kernel, { parties: holders })
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
})

describe('shares made anew', () => {
  async function contextOf(proposal: EpochProposal): Promise<Context> {
    const parameters = Parameters.fromJSON(proposal.parameters, { allowInsecure: true })
    return Context.create(parameters, kernel, { parties: proposal.holders.length })
  }

  const shareOf = async (cohort: TestCohort, epoch: string, holder: string) => await cohort.party(holder).disk.secrets.get(`${epoch}/share`)

  test('renewal: other shares, the same secret, and the shares before are gone', async () => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch } = record.document.sharing
    using context = await contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1, 2])
    const shareBefore = await shareOf(cohort, epoch, 'holder-1')
    const renewed = await cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))
    expect(renewed.document.generation).toBe(1)
    using after = await secretOf(cohort, context, epoch, [2, 3])
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
    expect(await shareOf(cohort, epoch, 'holder-1')).not.toEqual(shareBefore)
    expect(await cohort.party('holder-1').disk.secrets.get(`${epoch}/next`)).toBeUndefined()
  })

  test.each([
    ['a holder joins', ['holder-1', 'holder-2', 'holder-3', 'holder-4'], 3],
    ['one leaves', ['holder-1', 'holder-2'], 2],
    ['all others come', ['holder-4', 'holder-5', 'holder-6'], 2]
  ] as const)('resharing, %s: the same secret; who has left holds nothing', async (_what, holders, threshold) => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch } = record.document.sharing
    for (const self of ['holder-4', 'holder-5', 'holder-6']) {
      await cohort.start(self)
      cohort.party(self).disk.epochs.set(epoch, record)
    }
    using context = await contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1, 2])
    const next = await cohort.party('evaluator').epochs.reshare(epoch, holders, threshold, AbortSignal.timeout(30_000))
    expect(next.document).toMatchObject({ generation: 1, threshold })
    const active = next.document.holders.slice(-threshold)
    const shares = await Promise.all(
      active.map(async ({ peer }) => ShamirShare.deserialize(context, (await shareOf(cohort, epoch, peer))!))
    )
    const set = new ActiveSet(
      shares[0]!.sharing.access,
      active.map(({ point }) => point)
    )
    using after = SecretKey.sum(
      context,
      shares.map(share => share.additiveSecret(set))
    )
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
    for (const self of ['holder-1', 'holder-2', 'holder-3']) {
      if (!(holders as readonly string[]).includes(self)) expect(await shareOf(cohort, epoch, self)).toBeUndefined()
    }
    // And keys are made by the new ones.
    const element = [3, 9, 27, 81].find(e => !proposal.galois.some(key => key.element === e))!
    const opened = await cohort.party('evaluator').epochs.epoch(epoch)
    await opened.addKeys({ relinearizationLevel: null, galois: [{ element, level: 1 }] }, AbortSignal.timeout(30_000))
  })

  test('a holder that lost its disk is dealt to again; one with a restored backup is told that its share is old', async () => {
    const { cohort, record } = await created(2, 3)
    const { epoch } = record.document.sharing
    const backup = (await shareOf(cohort, epoch, 'holder-3'))!
    await cohort.party('holder-3').disk.secrets.erase(`${epoch}/share`)
    await cohort.restart('holder-3')
    await expect(cohort.party('holder-3').epochs.checkShare(epoch)).rejects.toThrow(/no share.*cohort reshare/)
    const peers = ['holder-1', 'holder-2', 'holder-3']
    // It deals nothing, for it holds nothing.
    cohort.down.add('holder-3')
    await expect(cohort.party('evaluator').epochs.reshare(epoch, peers, 2, AbortSignal.timeout(30_000))).rejects.toThrow(
      /2 of 3 holders are up/
    )
    cohort.down.delete('holder-3')
    await cohort.party('evaluator').epochs.reshare(epoch, peers, 2, AbortSignal.timeout(30_000), new Set(['holder-3']))
    await cohort.party('holder-3').epochs.checkShare(epoch)
    await cohort.party('holder-3').disk.secrets.put(`${epoch}/share`, backup)
    await cohort.restart('holder-3')
    await expect(cohort.party('holder-3').epochs.checkShare(epoch)).rejects.toThrow(/expected 1, got 0.*cohort reshare/)
  })

  test('a round that is broken off at any call changes nothing: the shares before are in force', async () => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch } = record.document.sharing
    const before = await shareOf(cohort, epoch, 'holder-1')
    for (const kind of [
      'sharing/deal',
      'sharing/receive',
      'sharing/answer',
      'sharing/check',
      'sharing/complete',
      'sharing/test',
      'sharing/sign'
    ]) {
      let done = false
      cohort.network.setFault(({ direction, bytes, from, to }) => {
        if (done || direction !== 'request' || to !== 'holder-2' || decodeCall(bytes, from).kind !== kind) return undefined
        done = true
        return bytes.slice(0, -1)
      })
      await expect(cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))).rejects.toThrow()
      expect(await shareOf(cohort, epoch, 'holder-1')).toEqual(before)
    }
    cohort.network.setFault(undefined)
    await cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))
    using context = await contextOf(proposal)
    using secret = await secretOf(cohort, context, epoch, [1, 3])
    expect(secret.polynomial.isDisposed).toBe(false)
  })
})
