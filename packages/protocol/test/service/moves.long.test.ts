/** Releases that move among whole parties where one of them deviates, is killed, or does not allow it. */
import {
  type AttemptName,
  type CallKind,
  checkCall,
  decodeCall,
  encodeCall,
  identify,
  MOVE_BEGIN,
  MOVE_PROOF,
  MOVE_SHARE,
  MOVE_SIGN,
  moveQuery,
  RELEASE,
  type Release
} from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { proposalFor } from './support/cohort.js'
import { errorOf } from './support/small-model.js'
import { movedFrom, type Service, served, until } from './support/whole-service.js'

const SAMPLES = realSamples(2)
const parties = ['evaluator', 'holder-1', 'holder-2', 'holder-3', 'owner', 'querier-1']
const movable = { parties, publish: { movable: true } }
const soon = () => AbortSignal.timeout(60_000)

/** A call in a party's name. @throws what the other answers */
async function asked<Q, R>(service: Service, from: string, to: string, kind: CallKind<Q, R>, head: Q, blobs: Uint8Array[] = []) {
  const answer = await service.network.inject(from, to, encodeCall(kind.kind, head, blobs))
  return checkCall(kind, 'reply', decodeCall(answer, to), to)
}

/** An epoch that follows, to which nothing is moved: the evaluator's own moves come to nothing. */
async function nextAlone(service: Service, epoch: string, release: string): Promise<string> {
  service.network.setFault(({ direction, bytes, from }) =>
    direction === 'request' && decodeCall(bytes, from).kind === MOVE_BEGIN.kind ? new Uint8Array(1) : undefined
  )
  const { document } = await service.node('evaluator').nextEpoch(epoch, soon())
  await until(async () => service.errors.some(error => /evaluator: .*publish model again/.test(error)), 'the move has come to nothing')
  service.network.setFault(undefined)
  expect((await service.node('evaluator').all(RELEASE)).map(signed => identify(RELEASE, signed.document))).toEqual([release])
  return document.sharing.epoch
}

test('a holder switches parts of the release alone, each once, to the key of one epoch that follows, for its evaluator', async () => {
  const { service, epoch, release } = await served(movable)
  const { document } = (await service.node('evaluator').documents.get(RELEASE, release))!
  const to = await nextAlone(service, epoch, release)
  const { generation, lineage, threshold, holders } = (await service.node('evaluator').epochs.epoch(epoch)).sharing()
  const sharing = { generation, lineage, threshold, points: holders.map(({ point }) => point) }
  const attempt = { sharing, query: moveQuery(release, to), step: 'move', number: 0, active: [1, 2] }
  const nonce = '5'.repeat(32)
  const begin = (more: Partial<{ to: string; nonce: string; attempt: AttemptName }> = {}, from = 'evaluator') =>
    asked(service, from, 'holder-1', MOVE_BEGIN, { release, to, nonce, attempt, ...more })
  const share = (index: number, part: Uint8Array) =>
    asked(service, 'evaluator', 'holder-1', MOVE_SHARE, { release, number: 0, index }, [part])
  const part = async (index: number): Promise<Uint8Array> =>
    (await service.disk('evaluator').contents.get(`release-${document.nonce}`, document.parts[index]!))!
  const claimed = () => [...service.disk('holder-1').ledger.instances(epoch, 'switch')]
  const before = claimed()

  await expect(share(0, await part(0))).rejects.toThrow(/not begun/)
  await expect(begin({}, 'querier-1')).rejects.toThrow(/expected evaluator/)
  // A key that nobody has said follows; one that is its own; an attempt at something else.
  const stranger = (await service.node('evaluator').createEpoch(proposalFor(document.plan, 2, 3), soon())).document.sharing.epoch
  for (const other of [stranger, epoch]) {
    await expect(begin({ to: other, attempt: { ...attempt, query: moveQuery(release, other) } })).rejects.toThrow(/follows/)
  }
  await expect(begin({ attempt: { ...attempt, query: `${release.slice(0, 16)}:1` } })).rejects.toThrow(/attempt.query/)
  await expect(begin({ attempt: { ...attempt, number: 4 } })).rejects.toThrow(/below 4/)
  expect(claimed()).toEqual(before)

  await begin()
  // A ciphertext that is none of the release: another part's, one with another second component.
  const foreign = (await part(0)).slice()
  foreign[foreign.length - 40]! ^= 1
  for (const smuggled of [await part(1), foreign]) await expect(share(0, smuggled)).rejects.toThrow(/part/)
  expect(claimed()).toEqual(before)
  const given = (await share(0, await part(0))).blobs[0]!
  expect((await share(0, await part(0))).blobs[0]).toEqual(given)
  expect(claimed()).toHaveLength(before.length + 1)
  // Elsewhere, or under another name, it is not moved again; by another set not as it is.
  await expect(begin({ nonce: '6'.repeat(32) })).rejects.toThrow(/moved once/)
  await begin({ attempt: { ...attempt, active: [1, 3] } })
  await expect(share(0, await part(0))).rejects.toThrow(/ciphertext.*answered|answered.*ciphertext/i)
  await begin()
  await expect(asked(service, 'evaluator', 'holder-1', MOVE_PROOF, { release, number: 0, batch: 0 })).rejects.toThrow(/not begun/)

  // Nobody keeps a moved release that holders have not signed, or that says other than what they gave.
  const forged: Release = {
    ...document,
    epoch: to,
    nonce,
    moved: {
      from: [{ epoch, release }],
      evaluator: 'evaluator',
      generation,
      shares: ['holder-1', 'holder-2'].map(holder => ({ holder, root: '0'.repeat(64) }))
    }
  }
  await expect(
    asked(service, 'evaluator', 'holder-1', MOVE_SIGN, { release, number: 0, moved: { document: forged, signatures: [] } })
  ).rejects.toThrow(/not begun/)
  await service.node('evaluator').issue(RELEASE, forged)
  await until(async () => service.errors.some(error => /querier-1: .*signature of holder-1 under release/.test(error)), 'a refusal')
  expect(await service.node('querier-1').all(RELEASE)).toHaveLength(1)
})

test('a release whose owner does not say so stays where it is', async () => {
  const { service, epoch, release } = await served({ parties })
  const { document } = await service.node('evaluator').nextEpoch(epoch, soon())
  const { generation, lineage, threshold } = (await service.node('evaluator').epochs.epoch(epoch)).sharing()
  const to = document.sharing.epoch
  const sharing = { generation, lineage, threshold, points: [1, 2, 3] }
  const attempt = { sharing, query: moveQuery(release, to), step: 'move', number: 0, active: [1, 2] }
  const begun = asked(service, 'evaluator', 'holder-1', MOVE_BEGIN, { release, to, nonce: '5'.repeat(32), attempt })
  await expect(begun).rejects.toThrow(/owner lets it be moved/)
})

test('a holder whose share is no encryption is left out, and a killed evaluator goes on', async () => {
  const { service, epoch, release, grant, known } = await served(movable)
  const given = await grant('querier-1')
  await known('querier-1', given)
  let shares = 0
  const firsts = new Map<number, Uint8Array>()
  let restarted: Promise<unknown> | undefined
  service.network.setFault(({ direction, from, bytes }) => {
    if (direction !== 'response' || !from.startsWith('holder')) return undefined
    const { kind, head, blobs } = decodeCall(bytes, from)
    if (kind !== MOVE_SHARE.kind) return undefined
    if (++shares === 3) restarted = service.restart('evaluator')
    if (from !== 'holder-2') return undefined
    // A share of another part in its place.
    const { length } = blobs[0]!
    if (!firsts.has(length)) firsts.set(length, blobs[0]!.slice())
    return encodeCall(kind, head, [firsts.get(length)!])
  })
  await service.node('evaluator').nextEpoch(epoch, soon())
  await until(async () => restarted !== undefined, 'the evaluator is killed')
  await restarted
  const moved = await movedFrom(service, release, 'querier-1')
  expect(moved.document.moved!.shares.map(({ holder }) => holder)).toEqual(['holder-1', 'holder-3'])
  expect(service.errors).toContainEqual(expect.stringMatching(/evaluator: .*proof/i))
  const asking = { grant: given, signal: soon() }
  const { logits } = await service.node('querier-1').client.ask(identify(RELEASE, moved.document), SAMPLES, asking)
  expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
})

test('an epoch that comes to its end is followed by itself, where every holder allows it', async () => {
  const next = { automatic: true, at: 1 / 2048, look: 100 }
  let allowed = false
  const policy = (self: string) => ({ allowInsecure: true, automatic: self !== 'holder-3' || allowed })
  const { service, epoch, release, grant, known } = await served({ ...movable, next, policy })
  const given = await grant('querier-1')
  await known('querier-1', given)
  const asking = { grant: given, signal: soon() }
  expect(await service.node('evaluator').epochs.list()).toHaveLength(1)
  await service.node('querier-1').client.ask(release, SAMPLES, asking)
  await until(async () => service.errors.some(error => /evaluator: .*slytherin cohort next/.test(error)), 'one holder does not allow it')
  expect(await service.node('evaluator').epochs.list()).toHaveLength(1)
  allowed = true
  await service.restart('holder-3')
  const moved = await movedFrom(service, release)
  const { document } = (await service.node('evaluator').epochs.list()).find(
    signed => signed.document.sharing.epoch === moved.document.epoch
  )!
  expect(document.proposal).toMatchObject({ follows: epoch, automatic: true })
})
