/** Rounds in which somebody deviates: what is noticed, by whom, and who is named. */
import {
  CONSISTENCY_BITS,
  checkAnswer,
  checkShare,
  Dealer,
  type DealingRound,
  type DealtShare,
  EnvelopeMismatchError,
  envelopeLength,
  envelopePublicKey,
  Fingerprints,
  findWrongDealers,
  firstHolders,
  InconsistentShareError,
  InMemoryShareLedger,
  InvalidSharingError,
  judge,
  MalformedDealingError,
  NotZeroError,
  receiveShare,
  SecondCoinError,
  ShamirShare,
  SpareMasksUsedError,
  TooManyOpeningsError,
  TooManyWrongSharesError,
  UnreadableEnvelopeError,
  vouch
} from '@slytherin/mhe'
import { errorPositions } from '@slytherin/mhe/testing'
import { fingerprintCount, readAnswer, sealEnvelope, writeAnnouncement, writeAnswer, writeDealtShare } from '@slytherin/mhe/testing/dealing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { makeCohort } from './cohort.js'
import { nextShares, privateKey, roundOf, runRound, shareSecrets, sharingOf } from './sharing.js'

const cohort = makeCohort({ parties: 5, logN: 5, levels: 2, label: 'dealing' })
const { context, ring } = cohort
const THRESHOLD = 3
const DEALER = 2
const seed = () => cohort.seed('dealer')
const secret = cohort.secrets[DEALER - 1]!.polynomial

async function firstRound(): Promise<DealingRound> {
  return roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3, 4, 5], access: firstHolders(THRESHOLD, 5) })
}

const coinOf = (round: DealingRound, announcement: Uint8Array): Uint8Array =>
  round.coin(
    round.dealers.map(() => announcement),
    [cohort.seed('contribution')]
  )

/** What a dealer sends that deals as it should but for what `tamper` does to the contents of one envelope. */
async function tampered(round: DealingRound, victim: number, tamper: (share: DealtShare) => Uint8Array) {
  const dealer = new Dealer(round, DEALER, secret, seed())
  const { announcement, envelopes } = await dealer.deal()
  const position = round.receiverPosition(victim)
  const share = await receiveShare(round, DEALER, victim, announcement, envelopes[position]!, privateKey(cohort, victim))
  const ephemeral = cohort.seed('tampered ephemeral')
  const changed = [...envelopes]
  changed[position] = await sealEnvelope(tamper(share), ephemeral, round.receiverKey(victim), round.binding(DEALER, victim))
  const announced = writeAnnouncement(round, DEALER, changed)
  const coin = coinOf(round, announced)
  return { dealer, announcement: announced, envelopes: changed, coin, answer: dealer.answer(coin), ephemeral }
}

const complaintOf = (round: DealingRound, receiver: number, reason: 'unreadable' | 'inconsistent') => ({
  round: round.hash,
  dealer: DEALER,
  receiver,
  reason
})

/** Adds one to a residue of the polynomial: modulo one prime, in one place. */
function shiftOneResidue(share: DealtShare): Uint8Array {
  const { polynomial } = share
  polynomial.row(1)[3]! += polynomial.row(1)[3]! > 0 ? -1 : 1
  return writeDealtShare(context, share)
}

const shiftOne =
  (of: 'masks' | 'spare' | 'spareMasks') =>
  (share: DealtShare): Uint8Array => {
    const { polynomial, masks, spare, spareMasks } = share
    const changed = share[of].map(mask => [...mask])
    changed[1]![2] = (changed[1]![2]! + 1n) % ring.moduli[2]!.value
    return writeDealtShare(context, { polynomial, masks, spare, spareMasks, [of]: changed })
  }

describe('a dealer whose shares lie on no polynomial of degree t - 1', () => {
  it.each([
    ['one residue modulo one prime', shiftOneResidue],
    ['one mask modulo one prime', shiftOne('masks')],
    ['one spare mask modulo one prime', shiftOne('spare')],
    ['one mask of a spare mask modulo one prime', shiftOne('spareMasks')]
  ])('is caught by the receiver that has %s too many, named and convicted', async (_, tamper) => {
    const round = await firstRound()
    const { announcement, envelopes, coin, answer, ephemeral } = await tampered(round, 4, tamper)
    using fingerprints = new Fingerprints(context, coin)
    for (const receiver of round.access.points) {
      const envelope = envelopes[round.receiverPosition(receiver)]!
      using share = await receiveShare(round, DEALER, receiver, announcement, envelope, privateKey(cohort, receiver))
      const check = () => checkShare(round, share, fingerprints, answer)
      if (receiver !== 4) check()
      else {
        expect(check).toThrow(InconsistentShareError)
        expect(check).toThrow(expect.objectContaining({ dealer: DEALER, receiver: 4 }))
      }
    }
    const complaint = complaintOf(round, 4, 'inconsistent')
    const envelope = envelopes[3]!
    expect(await judge(round, complaint, { announcement, envelope, opening: ephemeral, coin, answer })).toMatchObject({
      guilty: 'dealer',
      point: DEALER,
      because: expect.stringContaining('does not lie')
    })
    // silence and a wrong opening do not help it
    for (const opening of [undefined, cohort.seed('wrong'), new Uint8Array(31), Uint8Array.of(...ephemeral, 0)]) {
      expect(await judge(round, complaint, { announcement, envelope, coin, answer, ...(opening && { opening }) })).toMatchObject({
        guilty: 'dealer'
      })
    }
  })

  it('is caught by somebody, whatever answer it gives: shares of degree t', async () => {
    // It deals with one degree more and answers with the best polynomial that it can: through t of the points.
    const round = await firstRound()
    const higher = await roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3, 4, 5], access: firstHolders(THRESHOLD + 1, 5) })
    const dealer = new Dealer(higher, DEALER, secret, seed())
    const { announcement, envelopes } = await dealer.deal()
    const coin = coinOf(higher, announcement)
    const four = readAnswer(higher, DEALER, coin, dealer.answer(coin))
    const answer = writeAnswer(round, DEALER, coin, four.slice(0, THRESHOLD))
    using fingerprints = new Fingerprints(context, coin)
    let complaints = 0
    for (const receiver of [1, 2, 3, 4, 5]) {
      using share = await receiveShare(higher, DEALER, receiver, announcement, envelopes[receiver - 1]!, privateKey(cohort, receiver))
      checkShare(higher, share, fingerprints, writeAnswer(higher, DEALER, coin, four))
      try {
        checkShare(round, share, fingerprints, answer)
      } catch (error) {
        expect(error).toBeInstanceOf(InconsistentShareError)
        complaints++
      }
    }
    expect(complaints).toBeGreaterThan(0)
  })

  it('would be found with error 2^-128 or less', () => {
    const least = Math.min(...ring.moduli.map(({ log2 }) => log2))
    expect(fingerprintCount(ring.moduli) * least).toBeGreaterThanOrEqual(CONSISTENCY_BITS)
    expect((fingerprintCount(ring.moduli) - 1) * least).toBeLessThan(CONSISTENCY_BITS)
  })

  it('passes when it knows the coin before it deals: why the coin comes after', async () => {
    const round = await firstRound()
    const coin = cohort.seed('foreseen')
    using fingerprints = new Fingerprints(context, coin)
    const { announcement, envelopes, answer } = await (async () => {
      const dealer = new Dealer(round, DEALER, secret, seed())
      return { ...(await dealer.deal()), answer: dealer.answer(coin) }
    })()
    using share = await receiveShare(round, DEALER, 1, announcement, envelopes[0]!, privateKey(cohort, 1))
    const before = fingerprints.of(share.polynomial)
    share.polynomial.row(0)[0]! += share.polynomial.row(0)[0]! > 0 ? -1 : 1
    const after = fingerprints.of(share.polynomial)
    const masks = share.masks.map((mask, k) =>
      mask.map((value, row) => {
        const q = ring.moduli[row]!.value
        return (value + before[k]![row]! - after[k]![row]! + q) % q
      })
    )
    const passing = { dealer: DEALER, receiver: 1, polynomial: share.polynomial, masks, spare: share.spare, spareMasks: share.spareMasks }
    checkShare(round, passing as unknown as DealtShare, fingerprints, answer)
  })
})

describe('an envelope that cannot be read', () => {
  it.each([
    ['contents of another length', () => new Uint8Array(100)],
    ['a residue above its prime', (share: DealtShare) => writeDealtShare(context, share).fill(0xff, -6)],
    ['a mask above its prime', (share: DealtShare) => writeDealtShare(context, share).fill(0xff, 8, 16)],
    ['another header', (share: DealtShare) => writeDealtShare(context, share).fill(9, 4, 5)]
  ])('%s: the receiver says so, and the opening convicts the dealer', async (_, tamper) => {
    const round = await firstRound()
    const { announcement, envelopes, ephemeral } = await tampered(round, 5, tamper)
    const received = receiveShare(round, DEALER, 5, announcement, envelopes[4]!, privateKey(cohort, 5))
    await expect(received).rejects.toThrow(UnreadableEnvelopeError)
    const evidence = { announcement, envelope: envelopes[4]!, opening: ephemeral }
    expect(await judge(round, complaintOf(round, 5, 'unreadable'), evidence)).toMatchObject({ guilty: 'dealer', point: DEALER })
  })

  it('noise in place of an envelope: there is no opening that clears', async () => {
    const round = await firstRound()
    const dealer = new Dealer(round, DEALER, secret, seed())
    const { envelopes } = await dealer.deal()
    const changed = [...envelopes]
    changed[0] = envelopes[0]!.map((byte, i) => byte ^ (i === 200 ? 1 : 0))
    const announcement = writeAnnouncement(round, DEALER, changed)
    await expect(receiveShare(round, DEALER, 1, announcement, changed[0]!, privateKey(cohort, 1))).rejects.toThrow(UnreadableEnvelopeError)
    const evidence = { announcement, envelope: changed[0]!, opening: dealer.open(1) }
    expect(await judge(round, complaintOf(round, 1, 'unreadable'), evidence)).toMatchObject({ guilty: 'dealer' })
  })

  it('changed under way: the receiver asks again and blames nobody', async () => {
    const round = await firstRound()
    const { announcement, envelopes } = await new Dealer(round, DEALER, secret, seed()).deal()
    const envelope = envelopes[0]!.slice()
    await fc.assert(
      fc.asyncProperty(fc.nat(envelope.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = envelope.slice()
        changed[at]! ^= flip
        await expect(receiveShare(round, DEALER, 1, announcement, changed, privateKey(cohort, 1))).rejects.toThrow(EnvelopeMismatchError)
      }),
      { numRuns: runs(30) }
    )
    await expect(receiveShare(round, DEALER, 1, announcement, envelopes[1]!, privateKey(cohort, 1))).rejects.toThrow(EnvelopeMismatchError)
    await expect(judge(round, complaintOf(round, 1, 'unreadable'), { announcement, envelope: envelopes[1]! })).rejects.toThrow(
      EnvelopeMismatchError
    )
  })

  it('is sealed for its dealer, receiver, round and generation', async () => {
    const round = await firstRound()
    const other = await roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3, 4], access: firstHolders(THRESHOLD, 5) })
    const contents = new Uint8Array(50)
    const ephemeral = cohort.seed('bound')
    for (const binding of [round.binding(1, 1), round.binding(DEALER, 2), other.binding(DEALER, 1)]) {
      const envelope = await sealEnvelope(contents, ephemeral, round.receiverKey(1), binding)
      const announcement = writeAnnouncement(round, DEALER, [envelope, ...round.access.points.slice(1).map(() => contents)])
      await expect(receiveShare(round, DEALER, 1, announcement, envelope, privateKey(cohort, 1))).rejects.toThrow(
        expect.objectContaining({ name: 'UnreadableEnvelopeError', field: 'seal' })
      )
    }
  })
})

describe('an honest dealer', () => {
  it('is cleared of any complaint, and who complained is named; its share is what the receiver has already', async () => {
    const round = await firstRound()
    const dealer = new Dealer(round, DEALER, secret, seed())
    const { announcement, envelopes } = await dealer.deal()
    const coin = coinOf(round, announcement)
    const answer = dealer.answer(coin)
    for (const reason of ['unreadable', 'inconsistent'] as const) {
      const evidence = { announcement, envelope: envelopes[3]!, opening: dealer.open(4), coin, answer }
      const verdict = await judge(round, complaintOf(round, 4, reason), evidence)
      expect(verdict).toMatchObject({ guilty: 'receiver', point: 4 })
      using own = await receiveShare(round, DEALER, 4, announcement, envelopes[3]!, privateKey(cohort, 4))
      expect(verdict.guilty === 'receiver' && ring.encodePacked(verdict.share.polynomial)).toEqual(ring.encodePacked(own.polynomial))
    }
    await expect(judge(round, complaintOf(round, 4, 'inconsistent'), { announcement, envelope: envelopes[3]! })).rejects.toThrow(
      InvalidSharingError
    )
    const foreign = { ...complaintOf(round, 4, 'unreadable'), round: cohort.seed('another') }
    await expect(judge(round, foreign, { announcement, envelope: envelopes[3]! })).rejects.toThrow(InvalidSharingError)
  })

  it('opens fewer shares than make the secret, answers one coin, and deals the same again', async () => {
    const round = await firstRound()
    const dealer = new Dealer(round, DEALER, secret, seed())
    const dealing = await dealer.deal()
    expect(await dealer.deal()).toEqual(dealing)
    for (const receiver of [1, 5, 1]) expect(dealer.open(receiver)).toHaveLength(32)
    expect(() => dealer.open(2)).toThrow(TooManyOpeningsError)
    expect(dealer.open(5)).toHaveLength(32)
    const coin = coinOf(round, dealing.announcement)
    expect(dealer.answer(coin)).toEqual(dealer.answer(coin))
    expect(() => dealer.answer(cohort.seed('another coin'))).toThrow(SecondCoinError)
  })

  it('answers with W = L(S) + m, and the answer of a second seed has nothing in common', async () => {
    const round = await firstRound()
    const coin = cohort.seed('coin')
    const answers = ['one', 'two'].map(label => {
      using dealer = new Dealer(round, DEALER, secret, cohort.seed(label))
      return readAnswer(round, DEALER, coin, dealer.answer(coin))
    })
    const constants = answers.map(answer => answer[0]!.flat())
    expect(constants[0]!.filter((value, i) => value === constants[1]![i])).toEqual([])
  })
})

describe('a dealer of zero', () => {
  it('that deals something else is seen by everybody', async () => {
    const shares = await shareSecrets(cohort, THRESHOLD)
    const init = { dealers: [1, 2, 3], access: sharingOf(shares).access, before: sharingOf(shares) }
    const zero = await roundOf(cohort, { ...init, kind: 'zero' })
    const good = await runRound(cohort, zero, [null, null, null])
    for (const [i, dealer] of zero.dealers.entries()) checkAnswer(zero, dealer, good.coin, good.answers[i]!)

    // A dealer with a constant term of one residue: its true answer has it, too.
    const coefficients = readAnswer(zero, 1, good.coin, good.answers[0]!)
    const changed = coefficients.map((words, power) =>
      words.map(word => word.map((residue, row) => (power === 0 && row === 1 ? 1n : residue)))
    )
    const bytes = writeAnswer(zero, 1, good.coin, changed)
    expect(() => checkAnswer(zero, 1, good.coin, bytes)).toThrow(NotZeroError)
    expect(() => checkAnswer(zero, 1, good.coin, bytes)).toThrow(expect.objectContaining({ dealer: 1 }))
  })
})

describe('shares that are dealt on', () => {
  const later = { threshold: 2, points: [1, 2, 6] }

  async function resharing(dealers: readonly number[]) {
    const shares = await shareSecrets(cohort, 2)
    const round = await roundOf(cohort, { kind: 'reshare', before: sharingOf(shares), dealers, access: later })
    const coin = cohort.seed('coin of the resharing')
    const dealerOf = (share: ShamirShare) => new Dealer(round, share.point, share, cohort.seed('on', share.point))
    /** A share that its holder has changed. */
    const wrong = (point: number): ShamirShare => {
      const { polynomial, spare, sharing } = shares[point - 1]!
      const other = polynomial.clone()
      other.row(2)[5]! += other.row(2)[5]! > 0 ? -1 : 1
      return new ShamirShare(context, sharing, point, other, spare)
    }
    const answer = (share: ShamirShare) => dealerOf(share).answer(coin, new InMemoryShareLedger())
    const voucher = (share: ShamirShare) => vouch(round, share, coin, new InMemoryShareLedger())
    return { shares, round, coin, wrong, answer, voucher, dealerOf }
  }

  it('who deals on, or vouches for, another value than its share is named as long as those who do are fewer than half of the surplus', async () => {
    const { shares, round, coin, wrong, answer, voucher } = await resharing([1, 2])
    const answers = new Map([1, 2].map(point => [point, answer(shares[point - 1]!)]))
    const vouchers = new Map([3, 4, 5].map(point => [point, voucher(shares[point - 1]!)]))
    expect(findWrongDealers(round, coin, answers, vouchers)).toEqual([])
    expect(findWrongDealers(round, coin, new Map([...answers, [2, answer(wrong(2))]]), vouchers)).toEqual([2])
    expect(findWrongDealers(round, coin, answers, new Map([...vouchers, [4, voucher(wrong(4))]]))).toEqual([4])
    // two of five with t = 2: one more than can be named
    const two = new Map([...answers, [2, answer(wrong(2))]])
    expect(() => findWrongDealers(round, coin, two, new Map([...vouchers, [4, voucher(wrong(4))]]))).toThrow(TooManyWrongSharesError)
    // one more than the threshold: noticed, not named; no more than the threshold: nothing to compare
    expect(() => findWrongDealers(round, coin, two, new Map([[3, vouchers.get(3)!]]))).toThrow(TooManyWrongSharesError)
    expect(findWrongDealers(round, coin, two)).toEqual([])
  })

  it('meet one coin, whoever asks and whether dealt on or vouched for', async () => {
    const { shares, round, coin, dealerOf } = await resharing([1, 2])
    const ledger = new InMemoryShareLedger()
    const [share] = shares
    expect(vouch(round, share!, coin, ledger)).toEqual(vouch(round, share!, coin, ledger))
    dealerOf(share!).answer(coin, ledger)
    expect(() => dealerOf(share!).answer(cohort.seed('another'), ledger)).toThrow(SpareMasksUsedError)
    expect(() => vouch(round, share!, cohort.seed('another'), ledger)).toThrow(expect.objectContaining({ point: 1, generation: 0 }))
    expect(() => dealerOf(share!).answer(coin)).toThrow(InvalidSharingError)
    // renewal brings spare masks of its own
    const renewed = await nextShares(cohort, 'zero', shares, [1, 2])
    const again = await roundOf(cohort, { kind: 'reshare', before: sharingOf(renewed), dealers: [1, 2], access: later })
    expect(vouch(again, renewed[0]!, cohort.seed('another'), ledger)).not.toEqual(vouch(again, renewed[1]!, cohort.seed('another'), ledger))
    expect(() => vouch(again, shares[1]!, coin, ledger)).toThrow()
  })

  it('a voucher is read in its one form, from those who hold shares', async () => {
    const { shares, round, coin, answer, voucher } = await resharing([1, 2])
    const answers = new Map([1, 2].map(point => [point, answer(shares[point - 1]!)]))
    const bytes = voucher(shares[2]!)
    for (const changed of [bytes.slice(1), bytes.slice().fill(0xff, -8)]) {
      expect(() => findWrongDealers(round, coin, answers, new Map([[3, changed]]))).toThrow(MalformedDealingError)
    }
    expect(() => findWrongDealers(round, coin, answers, new Map([[9, bytes]]))).toThrow(InvalidSharingError)
    expect(() => findWrongDealers(round, coin, new Map([[3, answers.get(1)!]]))).toThrow(InvalidSharingError)
  })

  it('errors of a word of the code are found wherever they are, up to half of the surplus', () => {
    const q = ring.moduli[0]!.value
    const cases = fc
      .record({
        points: fc.uniqueArray(fc.integer({ min: 1, max: 128 }), { minLength: 2, maxLength: 14 }),
        t: fc.integer({ min: 1, max: 8 })
      })
      .filter(({ points, t }) => t < points.length)
    fc.assert(
      fc.property(
        cases,
        fc.array(fc.bigInt({ min: 0n, max: q - 1n }), { minLength: 8, maxLength: 8 }),
        fc.nat(),
        (chosen, coefficients, salt) => {
          const points = chosen.points.sort((a, b) => a - b)
          const f = coefficients.slice(0, chosen.t)
          const word = points.map(x => f.reduceRight((sum, coefficient) => (sum * BigInt(x) + coefficient) % q, 0n))
          const errors = salt % (Math.floor((points.length - chosen.t) / 2) + 1)
          const off = points.map((_, i) => i).filter(i => (i + salt) % points.length < errors)
          for (const i of off) word[i] = (word[i]! + 1n + BigInt(i * salt)) % q
          expect(errorPositions(points, word, chosen.t, q)).toEqual(off)
        }
      ),
      { numRuns: runs(100) }
    )
  })
})

describe('bytes of a round', () => {
  it('an answer is read in its one form', async () => {
    const round = await firstRound()
    using dealer = new Dealer(round, DEALER, secret, seed())
    const coin = cohort.seed('coin')
    const bytes = dealer.answer(coin)
    const answer = readAnswer(round, DEALER, coin, bytes)
    expect(writeAnswer(round, DEALER, coin, answer)).toEqual(bytes)
    for (const changed of [bytes.slice(1), bytes.slice(0, -1), bytes.slice().fill(0xff, -8)]) {
      expect(() => checkAnswer(round, DEALER, coin, changed)).toThrow(MalformedDealingError)
    }
    for (let at = 0; at < 40; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      expect(() => checkAnswer(round, DEALER, coin, changed)).toThrow(MalformedDealingError)
    }
    expect(() => checkAnswer(round, 3, coin, bytes)).toThrow(expect.objectContaining({ from: 3 }))
  })

  it('an announcement is read in its one form, envelopes have the length that is stated', async () => {
    const round = await firstRound()
    const { announcement, envelopes } = await new Dealer(round, DEALER, secret, seed()).deal()
    for (const envelope of envelopes) expect(envelope).toHaveLength(envelopeLength(context))
    for (let at = 0; at < 40; at++) {
      const changed = announcement.slice()
      changed[at]! ^= 1
      await expect(receiveShare(round, DEALER, 1, changed, envelopes[0]!, privateKey(cohort, 1))).rejects.toThrow(MalformedDealingError)
    }
    await expect(receiveShare(round, DEALER, 1, announcement.slice(1), envelopes[0]!, privateKey(cohort, 1))).rejects.toThrow(
      MalformedDealingError
    )
  })

  it('every term of a round is in its hash, and every announcement and contribution in its coin', async () => {
    const access = firstHolders(2, 3)
    const rounds = [
      await roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3], access }),
      await roundOf(cohort, { kind: 'secret', dealers: [1, 2], access }),
      await roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3], access: firstHolders(3, 3) }),
      await roundOf(cohort, { kind: 'secret', dealers: [1, 2, 3], access: { threshold: 2, points: [1, 2, 4] } }),
      await roundOf({ ...cohort, sessionId: cohort.seed('epoch') }, { kind: 'secret', dealers: [1, 2, 3], access })
    ]
    expect(new Set(rounds.map(({ hash }) => Buffer.from(hash).toString('hex'))).size).toBe(rounds.length)
    const [round] = rounds
    const [a, b] = [cohort.seed('a'), cohort.seed('b')]
    const coins = [
      round!.coin([a, a, a], [a, b]),
      round!.coin([a, a, b], [a, b]),
      round!.coin([a, a, a], [b, a]),
      round!.coin([a, a, a], [a]),
      rounds[2]!.coin([a, a, a], [a, b])
    ]
    expect(new Set(coins.map(coin => Buffer.from(coin).toString('hex'))).size).toBe(coins.length)
    expect(() => round!.coin([a, a], [a])).toThrow(InvalidSharingError)
    expect(() => round!.coin([a, a, a], [a.slice(1)])).toThrow(InvalidSharingError)
  })

  it('refuses keys that are none, and a private key that is not that of the round', async () => {
    const round = await firstRound()
    const { announcement, envelopes } = await new Dealer(round, DEALER, secret, seed()).deal()
    await expect(receiveShare(round, DEALER, 1, announcement, envelopes[0]!, privateKey(cohort, 2))).rejects.toThrow(InvalidSharingError)
    const weak = { ...cohort, seed: cohort.seed }
    const good = await envelopePublicKey(privateKey(weak, 1))
    const keys = [good, new Uint8Array(32)]
    const { DealingRound: Round } = await import('@slytherin/mhe')
    const init = { kind: 'secret', epoch: cohort.sessionId, dealers: [DEALER], access: firstHolders(2, 2), receiverKeys: keys } as const
    await expect(new Dealer(new Round(context, init), DEALER, secret, seed()).deal()).rejects.toThrow(InvalidSharingError)
    expect(() => new Round(context, { ...init, receiverKeys: [good] })).toThrow(InvalidSharingError)
    expect(() => new Round(context, { ...init, receiverKeys: [good, good.slice(1)] })).toThrow(InvalidSharingError)
    expect(() => new Round(context, { ...init, epoch: good.slice(1) })).toThrow(InvalidSharingError)
    expect(() => new Dealer(round, 9, secret, seed())).toThrow(InvalidSharingError)
    expect(() => new Dealer(round, DEALER, null, seed())).toThrow(InvalidSharingError)
    expect(() => new Dealer(round, DEALER, secret, seed().slice(1))).toThrow(InvalidSharingError)
  })
})
