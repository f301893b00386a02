/** Shares of an epoch's secret made anew: against the ideal secret, and against parties that deviate. */
import { type Context, SecretKey } from '@slytherin/ckks'
import { ActiveSet, ShamirShare } from '@slytherin/mhe'
import { COMPLAINT, decodeCall, defineCall, encodeCall, type Signed, TransportCaller } from '@slytherin/protocol/service'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { contextOf, created, secretOf, signedBy, spoilEnvelope, type TestCohort } from './support/cohort.js'

describe('shares made anew', () => {
  const shareOf = async (cohort: TestCohort, epoch: string, holder: string) => await cohort.party(holder).disk.secrets.get(`${epoch}/share`)

  test('renewal: other shares, the same secret, and the shares before are gone', async () => {
    const { cohort, record, proposal } = await created(2, 3)
    const { epoch } = record.document.sharing
    using context = contextOf(proposal)
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
    using context = contextOf(proposal)
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
    const key = await (async () => {
      using context = contextOf(proposal)
      using secret = await secretOf(cohort, context, epoch, [1, 2])
      return context.ring.encodePacked(secret.polynomial)
    })()
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
    using context = contextOf(proposal)
    using secret = await secretOf(cohort, context, epoch, [1, 3])
    expect(context.ring.encodePacked(secret.polynomial)).toEqual(key)
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
    using context = contextOf(proposal)
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
    using context = contextOf(proposal)
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
    using context = contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1, 2])
    spoilEnvelope(cohort, 'holder-2', 'sharing/deal', 0)
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
    using context = contextOf(proposal)
    using before = await secretOf(cohort, context, epoch, [1])
    await cohort.party('evaluator').epochs.renew(epoch, AbortSignal.timeout(30_000))
    using after = await secretOf(cohort, context, epoch, [1])
    expect(context.ring.encodePacked(after.polynomial)).toEqual(context.ring.encodePacked(before.polynomial))
  })

  test.each([
    ['a lower threshold', ['holder-1', 'holder-2', 'holder-3'], 2, /threshold.*at least 3, the present one.*lowerThreshold/],
    ['a peer with two shares', ['holder-1', 'holder-2', 'holder-3', 'holder-6', 'holder-6'], 3, /holders.*every peer once/]
  ] as const)('%s is refused before anything is dealt', async (_what, peers, threshold, message) => {
    const { cohort, record } = await created(3, 5)
    const { epoch } = record.document.sharing
    await cohort.start('holder-6')
    cohort.party('holder-6').disk.epochs.set(epoch, record)
    const kinds = new Set<string>()
    cohort.network.setFault(({ direction, bytes, from }) => {
      if (direction === 'request') kinds.add(decodeCall(bytes, from).kind)
      return undefined
    })
    await expect(cohort.party('evaluator').epochs.reshare(epoch, peers, threshold, AbortSignal.timeout(30_000))).rejects.toThrow(message)
    expect([...kinds]).toEqual(['sharing/enter'])
  })
})
