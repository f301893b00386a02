/** Making the keys of an epoch: against the ideal secret, and against parties that deviate. */

import { sha256 } from '@noble/hashes/sha2.js'
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
import {
  COMPLAINT,
  DEALT,
  type Dealt,
  type DocumentKind,
  decodeCall,
  defineCall,
  type EpochProposal,
  type EpochRecord,
  encodeCall,
  identify,
  type Signed,
  signedDigest,
  TransportCaller,
  withSignatures
} from '@slytherin/protocol/service'
import { loadKernel } from '@slytherin/ring'
import { afterEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { FakeSigner } from '../support/fake-signer.js'
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

  /** Has a dealer deal on another value than its share: its file holds the share of another generation, or none of the key. */
  async function spoilShare(cohort: TestCohort, context: Context, epoch: string, holder: string): Promise<void> {
    const { secrets } = cohort.party(holder).disk
    using share = ShamirShare.deserialize(context, (await secrets.get(`${epoch}/share`))!)
    context.ring.add(share.polynomial, share.polynomial, share.polynomial)
    await secrets.put(`${epoch}/share`, share.serialize())
    await cohort.restart(holder)
  }

  test('a dealer that deals on another value than its share is named and left out', async () => {
    const { cohort, record, proposal } = await created(3, 5)
    const { epoch } = record.document.sharing
    using context = await contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1, 2, 3])
    const peers = proposal.holders.map(({ peer }) => peer)
    await spoilShare(cohort, context, epoch, 'holder-1')
    cohort.refused.splice(0)
    await cohort.party('evaluator').epochs.reshare(epoch, peers, 3, AbortSignal.timeout(30_000))
    expect(cohort.refused.map(({ message }) => message)).toEqual([expect.stringMatching(/holder-1.*another value than its share/)])
    // It has been dealt a share like the others.
    using after = await secretOf(cohort, context, epoch, [1, 4, 5])
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
  })

  test('of as many dealers as the threshold none can be named alone: all are, and nothing changes', async () => {
    const { cohort, record, proposal } = await created(3, 5)
    const { epoch } = record.document.sharing
    using context = await contextOf(proposal)
    const peers = proposal.holders.map(({ peer }) => peer)
    await spoilShare(cohort, context, epoch, 'holder-1')
    const shares = async () => await Promise.all(peers.map(async peer => await shareOf(cohort, epoch, peer)))
    const held = await shares()
    const others = new Set(['holder-4', 'holder-5'])
    await expect(cohort.party('evaluator').epochs.reshare(epoch, peers, 3, AbortSignal.timeout(30_000), others)).rejects.toThrow(
      /holder-1, holder-2, holder-3.*do not make the old secret/
    )
    expect(await shares()).toEqual(held)
  })

  test('a resharing that was broken off when dealers had answered: shares are renewed before they are dealt on again, and the refusal says so', async () => {
    const { cohort, record } = await created(2, 3)
    const { epoch } = record.document.sharing
    const { epochs } = cohort.party('evaluator')
    const peers = ['holder-1', 'holder-2', 'holder-3']
    let done = false
    cohort.network.setFault(({ direction, bytes, from, to }) => {
      if (done || direction !== 'request' || to !== 'holder-2' || decodeCall(bytes, from).kind !== 'sharing/check') return undefined
      done = true
      return bytes.slice(0, -1)
    })
    await expect(epochs.reshare(epoch, peers, 3, AbortSignal.timeout(30_000))).rejects.toThrow()
    await expect(epochs.reshare(epoch, peers, 3, AbortSignal.timeout(30_000))).rejects.toThrow(/share-conflict.*renew the shares/)
    await epochs.renew(epoch, AbortSignal.timeout(30_000))
    const { document } = await epochs.reshare(epoch, peers, 3, AbortSignal.timeout(30_000))
    expect(document).toMatchObject({ generation: 2, threshold: 3 })
  })

  /** Signs like `FakeSigner` does, at once. */
  function signedBy<T>(kind: DocumentKind<T>, document: T, peer: string): Signed<T> {
    const digest = signedDigest(identify(kind, document), peer)
    return withSignatures(document, [{ peer, signature: Buffer.from(FakeSigner.signature(peer, digest)).toString('hex') }])
  }

  /** Changes what a party answers to a kind of call: a party that deviates. */
  function rewriteReply(
    cohort: TestCohort,
    from: string,
    kind: string,
    change: (head: never, blobs: Uint8Array[]) => { head: unknown; blobs: Uint8Array[] }
  ): void {
    cohort.network.setFault(message => {
      if (message.direction !== 'response' || message.from !== from) return undefined
      const call = decodeCall(message.bytes, from)
      if (call.kind !== kind) return undefined
      const { head, blobs } = change(
        call.head as never,
        call.blobs.map(bytes => bytes.slice())
      )
      return encodeCall(kind, head, blobs)
    })
  }

  test('a receiver that complains of a share that is as it should be is named, and nothing changes', async () => {
    const { cohort, record } = await created(2, 3)
    const { epoch } = record.document.sharing
    const before = await shareOf(cohort, epoch, 'holder-1')
    const round = { hash: '' }
    const complaint = { kind: 'complaint', version: 1, dealer: 2, receiver: 3, reason: 'inconsistent', holder: 'holder-3' } as const
    cohort.network.setFault(({ direction, from, bytes }) => {
      if (direction !== 'response' || from !== 'holder-3') return undefined
      const { kind, head, blobs } = decodeCall(bytes, from)
      if (kind === 'sharing/deal') round.hash = (head as { dealt: Signed<{ round: string }> }).dealt.document.round
      if (kind !== 'sharing/check') return undefined
      const { wrong } = head as { wrong: number[] }
      return encodeCall(kind, { complaints: [signedBy(COMPLAINT, { ...complaint, round: round.hash }, 'holder-3')], wrong }, blobs)
    })
    await expect(cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))).rejects.toThrow(
      /holder-3.*complained of a share that is as it should be/
    )
    expect(await shareOf(cohort, epoch, 'holder-1')).toEqual(before)
  })

  test('an envelope that holds no share convicts its dealer: it is named, and the round goes on without it', async () => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch } = record.document.sharing
    using context = await contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1, 2])
    const hashOf = (envelope: Uint8Array): Uint8Array => {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(envelope.length))
      return sha256(Buffer.concat([length, envelope]))
    }
    rewriteReply(cohort, 'holder-2', 'sharing/deal', ({ dealt }: { dealt: Signed<Dealt> }, [announcement, first, ...others]) => {
      const changed = first!.slice()
      changed[changed.length - 1]! ^= 1
      const at = Buffer.from(announcement!).indexOf(hashOf(first!))
      expect(at).toBeGreaterThan(0)
      announcement!.set(hashOf(changed), at)
      const document = { ...dealt.document, hash: Buffer.from(sha256(announcement!)).toString('hex') }
      return { head: { dealt: signedBy(DEALT, document, 'holder-2') }, blobs: [announcement!, changed, ...others] }
    })
    await cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))
    expect(cohort.refused.map(({ message }) => message)).toEqual([expect.stringMatching(/holder-2/)])
    using after = await secretOf(cohort, context, epoch, [1, 3])
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
  })

  test('who has left, and who is asked under a sharing before, gives nothing: it says that the sharing is stale', async () => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch, generation, lineage, threshold, holders } = record.document.sharing
    await cohort.party('evaluator').epochs.reshare(epoch, ['holder-1', 'holder-2'], 2, AbortSignal.timeout(30_000))
    const element = [3, 9, 27, 81].find(e => !proposal.galois.some(key => key.element === e))!
    const galois = defineCall({ kind: 'key/galois', request: z.unknown(), reply: z.unknown(), replyBlobs: { count: 1, bytes: 1 << 26 } })
    const caller = new TransportCaller(cohort.network.transport('evaluator'))
    const before = { generation, lineage, threshold, points: holders.map(({ point }) => point) }
    const { document: now } = cohort.party('evaluator').disk.sharings[0]!
    const current = { generation: 1, lineage: now.lineage, threshold: 2, points: [1, 2] }
    for (const [peer, sharing, active, expected] of [
      ['holder-1', before, [1, 2], /stale-sharing.*generation 1 of 2 of 2/],
      ['holder-3', before, [2, 3], /stale-sharing.*generation 1 of 2 of 2/],
      ['holder-3', current, [1, 2], /stale-sharing.*holder-3, which has left/]
    ] as const) {
      const attempt = { sharing, query: 'keys', step: 'again', number: 0, active }
      const head = { epoch, attempt, level: 1, element }
      await expect(caller.call(peer, galois, head, [], { signal: AbortSignal.timeout(10_000) })).rejects.toThrow(expected)
    }
  })

  test.each([
    ['one holder for a key that several hold', 3, ['holder-1'], 1, /two at least/],
    ['several for a key that one holds', 1, ['holder-1', 'holder-2'], 2, /the one that there is/]
  ] as const)('%s is another key: refused', async (_what, of, holders, threshold, message) => {
    const { cohort, record } = await created(of === 1 ? 1 : 2, of)
    const { epoch } = record.document.sharing
    for (const self of holders) {
      if (cohort.parties.has(self)) continue
      await cohort.start(self)
      cohort.party(self).disk.epochs.set(epoch, record)
    }
    await expect(cohort.party('evaluator').epochs.reshare(epoch, holders, threshold, AbortSignal.timeout(30_000))).rejects.toThrow(message)
  })

  test('one holder renews, too: its share is the key', async () => {
    const { cohort, record, proposal } = await created(1, 1)
    const { epoch } = record.document.sharing
    using context = await contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1])
    await cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))
    using after = await secretOf(cohort, context, epoch, [1])
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
  })
})
