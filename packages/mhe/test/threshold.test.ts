/** t of n against the ideal secret: sharing, keys, refresh, switch, renewal, resharing. */
import { Encryptor, type Flooding, galoisElementOf, KeyGenerator, type KeySwitchKey, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  ActiveSet,
  Attempt,
  encodeComponent,
  firstHolders,
  GaloisKeyGeneration,
  IncompleteRoundError,
  InMemoryShareLedger,
  InvalidSharingError,
  MalformedDealingError,
  MalformedShareError,
  NotActiveError,
  PublicKeyGeneration,
  PublicKeySwitch,
  Refresh,
  RelinearizationKeyGeneration,
  rerandomize,
  ShamirShare,
  SharingMismatchError,
  SoleKeyShareError,
  ThresholdShareGiver
} from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import {
  type Cohort,
  ciphertextError,
  coefficients,
  collectivePublicKey,
  decrypt,
  inverse,
  largest,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots,
  standardDeviation
} from './cohort.js'
import { additiveSecrets, nextShares, shareSecrets, sharingOf, subsets } from './sharing.js'

const FLOODING: Flooding = { securityBits: 30, maximumDecryptions: 64 }
const SIGMA = 3.2

const giversOf = (cohort: Cohort, shares: readonly ShamirShare[]): Map<number, ThresholdShareGiver> =>
  new Map(
    shares.map(share => [
      share.point,
      new ThresholdShareGiver({
        share,
        shareKey: cohort.seed('share key', share.point),
        ledger: new InMemoryShareLedger(),
        flooding: FLOODING,
        // The arithmetic of a sharing among one, which no party would be asked for.
        allowSoleShares: cohort.context.parties === 1
      })
    ])
  )

/** Whether the shares of these holders, weighted, are the ideal secret, residue for residue. */
function makesSecret(cohort: Cohort, shares: readonly ShamirShare[], points: readonly number[]): boolean {
  const activeSet = new ActiveSet(sharingOf(shares).access, points)
  const parts = additiveSecrets(shares, { activeSet })
  const sum = SecretKey.sum(cohort.context, parts)
  const equal = Buffer.compare(cohort.ring.encodePacked(sum.polynomial), cohort.ring.encodePacked(cohort.ideal.polynomial)) === 0
  for (const secret of [...parts, sum]) secret.dispose()
  return equal
}

function encrypted(cohort: Cohort, label: string, level = cohort.parameters.maxLevel) {
  const values = randomSlots(cohort, label)
  const plaintext = cohort.context.encoder.encode(values, { level, scale: cohort.parameters.scale })
  const encryptor = new Encryptor(cohort.context, collectivePublicKey(cohort))
  return { values, plaintext, encryptor, ciphertext: encryptor.encrypt(plaintext, cohort.seed('encrypt', label)) }
}

/** Refreshed by the holders of an attempt. */
function refreshed(
  cohort: Cohort,
  givers: Map<number, ThresholdShareGiver>,
  attempt: Attempt,
  ciphertext: ReturnType<typeof encrypted>['ciphertext']
) {
  const protocol = new Refresh(cohort.context, cohort.sessionId)
  const { level, scale, magnitude } = ciphertext
  const c1 = encodeComponent(cohort.context, ciphertext.components[1]!)
  const { points } = attempt.activeSet
  using aggregation = protocol.aggregation(attempt.instance, level, points.length)
  for (const point of points) {
    aggregation.add(attempt.activeSet.position(point), givers.get(point)!.refreshShare(attempt, { level, scale, magnitude, c1 }))
  }
  return protocol.finalize(ciphertext, aggregation.take(), attempt.instance, points.length)
}

/** Error of a key-switch key against P·g_j·(the secret it should carry), all digits. */
function keyError(cohort: Cohort, key: KeySwitchKey, carried: Polynomial): number {
  const { ring, parameters } = cohort
  const special = parameters.specialPrimes.reduce((product, prime) => product * prime.value, 1n)
  const deviations = key.digits.map(({ b, a }, digit) => {
    const error = b.clone()
    ring.multiplyAdd(error, a, cohort.ideal.polynomial)
    const scalars = error.indices.map(index =>
      index <= parameters.maxLevel && Math.floor(index / parameters.alpha) === digit ? special % ring.moduli[index]!.value : 0n
    )
    ring.subtract(error, error, ring.multiplyScalar(ring.allocate(error.indices, 'ntt'), carried, scalars))
    return standardDeviation(coefficients(ring, error, true))
  })
  return Math.max(...deviations)
}

describe.each([
  [1, 1],
  [2, 3],
  [3, 3],
  [3, 5],
  [7, 10]
])('%i of %i', (threshold, holders) => {
  const cohort = makeCohort({ parties: holders, logN: 8, levels: 4, label: `threshold ${threshold}` })
  const { context, ring, parameters, sessionId } = cohort
  const points = Array.from({ length: holders }, (_, i) => i + 1)
  const sets = subsets(points, threshold, 12)

  it('every active set makes the ideal secret, residue for residue; the shares of one less do not', async () => {
    const shares = await shareSecrets(cohort, threshold)
    for (const set of sets) expect(makesSecret(cohort, shares, set)).toBe(true)
    for (const set of sets) expect(() => new ActiveSet(sharingOf(shares).access, set.slice(1))).toThrow(InvalidSharingError)
    if (threshold > 1) {
      // t - 1 shares under the weights of an active set of their own
      const fewer = { threshold: threshold - 1, points }
      const activeSet = new ActiveSet(fewer, points.slice(0, threshold - 1))
      const sum = SecretKey.sum(context, additiveSecrets(shares, { activeSet }))
      expect(ring.encodePacked(sum.polynomial)).not.toEqual(ring.encodePacked(cohort.ideal.polynomial))
    }
    for (const share of shares) share.dispose()
  })

  it('a public key, a relinearisation key and a Galois key made by an active set carry the errors of t parties', async () => {
    const shares = await shareSecrets(cohort, threshold)
    const givers = giversOf(cohort, shares)
    const expected = SIGMA * Math.sqrt(threshold)

    for (const [number, active] of [sets[0]!, sets.at(-1)!].entries()) {
      const attempt = (step: string): Attempt => new Attempt(sharingOf(shares), { query: 'keys', step, number, active })
      const each = (protocol: Attempt, give: (giver: ThresholdShareGiver) => Uint8Array): [number, Uint8Array][] =>
        active.map(point => [protocol.activeSet.position(point), give(givers.get(point)!)])

      const forPublic = attempt('public-key')
      const publicKeys = new PublicKeyGeneration(context, forPublic.keySession)
      const publicShares = publicKeys.aggregation(threshold)
      for (const [i, bytes] of each(forPublic, giver => giver.publicKeyShare(forPublic))) publicShares.add(i, bytes)
      const publicKey = publicKeys.finalize(publicShares.take())
      const error = phaseCoefficients(cohort, publicKey.b, publicKey.a)
      expect(largest(error)).toBeLessThanOrEqual(threshold * 6 * SIGMA)
      expect(standardDeviation(error) / expected).toBeLessThan(1.35)

      const element = galoisElementOf(1, parameters.N)
      const forGalois = attempt(`${element}@2`)
      const galois = new GaloisKeyGeneration(context, forGalois.keySession, 2)
      const galoisShares = galois.aggregation(element, threshold)
      for (const [i, bytes] of each(forGalois, giver => giver.galoisShare(forGalois, element, 2))) galoisShares.add(i, bytes)
      const image = ring.automorphism(ring.allocate(parameters.keyIndices(), 'ntt'), cohort.ideal.polynomial, element)
      expect(keyError(cohort, galois.finalize(galoisShares.take(), element), image) / expected).toBeLessThan(1.35)

      const forSquare = attempt('relinearization')
      const square = new RelinearizationKeyGeneration(context, forSquare.keySession, 3)
      const ones = square.aggregationOne(threshold)
      for (const [i, bytes] of each(forSquare, giver => giver.relinearizationShareOne(forSquare, 3))) ones.add(i, bytes)
      const one = ones.take()
      const sum = square.serializeOne(one, 'aggregate')
      const twos = square.aggregationTwo(threshold)
      for (const [i, bytes] of each(forSquare, giver => giver.relinearizationShareTwo(forSquare, 3, sum))) twos.add(i, bytes)
      const squared = ring.multiply(ring.allocate(parameters.keyIndices(), 'ntt'), cohort.ideal.polynomial, cohort.ideal.polynomial)
      const key = square.finalize(one, twos.take())
      expect(Math.log2(keyError(cohort, key, squared))).toBeLessThan(context.noise.collectiveRelinearizationKey + 0.5)
    }
    for (const giver of givers.values()) giver.dispose()
  })

  it('a refresh by any active set has the error of t parties', async () => {
    const givers = giversOf(cohort, await shareSecrets(cohort, threshold))
    const { plaintext, values, ciphertext, encryptor } = encrypted(cohort, 'refresh')
    const before = ciphertextError(cohort, ciphertext, plaintext)
    const sharing = (await shareSecrets(cohort, threshold))[0]!.sharing
    for (const [number, active] of sets.entries()) {
      const attempt = new Attempt(sharing, { query: 'q', step: 's', number, active })
      const fresh = number === 0 ? ciphertext : rerandomize(context, encryptor, ciphertext, cohort.seed('again', number))
      const out = refreshed(cohort, givers, attempt, fresh)
      expect(largestDifference(decrypt(cohort, out).real, values.real)).toBeLessThan(2 ** -22)
      if (number > 0) continue
      const after = ciphertextError(cohort, out, plaintext)
      const added = standardDeviation(after.map((value, i) => value - before[i]!))
      expect(added / (SIGMA * Math.sqrt(2 * threshold))).toBeGreaterThan(0.75)
      expect(added / (SIGMA * Math.sqrt(2 * threshold))).toBeLessThan(1.25)
    }
    for (const giver of givers.values()) giver.dispose()
  })

  it('a switch by any active set decrypts under the target key with the flooding of t parties', async () => {
    const shares = await shareSecrets(cohort, threshold)
    const givers = giversOf(cohort, shares)
    const { plaintext, ciphertext, encryptor } = encrypted(cohort, 'switch')
    const receiver = SecretKey.fromSeed(context, cohort.seed('receiver'))
    const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(receiver, cohort.seed('receiver key')))
    const protocol = new PublicKeySwitch(context, sessionId)
    for (const [number, active] of sets.slice(0, 4).entries()) {
      const attempt = new Attempt(sharingOf(shares), { query: 'q', step: 'result', number, active })
      const fresh = number === 0 ? ciphertext : rerandomize(context, encryptor, ciphertext, cohort.seed('again', number))
      const { level, noise } = fresh
      const aggregation = protocol.aggregation(attempt.instance, level, threshold)
      const c1 = encodeComponent(context, fresh.components[1]!)
      for (const point of active) {
        aggregation.add(attempt.activeSet.position(point), givers.get(point)!.switchShare(attempt, { level, noise, c1, targetKey }))
      }
      const out = protocol.finalize(fresh, aggregation.take(), FLOODING, threshold)
      const measured = Math.log2(standardDeviation(ciphertextError(cohort, out, plaintext, receiver)))
      expect(measured).toBeLessThanOrEqual(out.noise)
      expect(measured).toBeGreaterThan(out.noise - 0.5)
    }
    for (const giver of givers.values()) giver.dispose()
  })

  it('renewal: the secret stays, every share is another, shares of two generations do not mix, the old ones are wiped', async () => {
    const old = await shareSecrets(cohort, threshold)
    const kept = old.map(share => ShamirShare.deserialize(context, share.serialize()))
    const renewed = await nextShares(cohort, 'zero', old, points.slice(0, threshold))
    for (const set of sets) expect(makesSecret(cohort, renewed, set)).toBe(true)
    for (const share of old) expect(share.polynomial.isDisposed).toBe(true)
    expect(renewed[0]!.sharing.generation).toBe(1)
    if (threshold === 1) return
    for (const [i, share] of renewed.entries())
      expect(ring.encodePacked(share.polynomial)).not.toEqual(ring.encodePacked(kept[i]!.polynomial))
    expect(makesSecret(cohort, [kept[0]!, ...renewed.slice(1)], points.slice(0, threshold))).toBe(false)
    const attempt = new Attempt(kept[0]!.sharing, { query: 'q', step: 's', number: 0, active: sets[0]! })
    expect(() => giversOf(cohort, renewed).get(sets[0]![0]!)!.publicKeyShare(attempt)).toThrow(SharingMismatchError)
  })

  it('resharing: one joins, one leaves, another threshold; keys made before serve the new holders', async () => {
    const old = await shareSecrets(cohort, threshold)
    const { values, ciphertext } = encrypted(cohort, 'before')
    const access = { threshold: Math.min(threshold + 1, holders), points: [...points.slice(1), 20].sort((a, b) => a - b) }
    const shares = await nextShares(cohort, 'reshare', old, sets.at(-1)!, access)
    for (const set of subsets(access.points, access.threshold, 6)) expect(makesSecret(cohort, shares, set)).toBe(true)
    const attempt = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 0, active: access.points.slice(0, access.threshold) })
    const out = refreshed(cohort, giversOf(cohort, shares), attempt, ciphertext)
    expect(largestDifference(decrypt(cohort, out).real, values.real)).toBeLessThan(2 ** -22)
  })
})

describe('what a holder keeps', () => {
  const cohort = makeCohort({ parties: 3, logN: 6, levels: 2, label: 'kept' })
  const { context } = cohort

  it('is read back the same, and in no other form', async () => {
    const [share] = await shareSecrets(cohort, 2)
    const bytes = share!.serialize()
    const back = ShamirShare.deserialize(context, bytes)
    expect(back.serialize()).toEqual(bytes)
    expect(back.sharing).toEqual(share!.sharing)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice()
        changed[at]! ^= flip
        try {
          // what is not refused is another share, never the same
          expect(ShamirShare.deserialize(context, changed).serialize()).toEqual(changed)
        } catch (error) {
          expect(error instanceof MalformedDealingError || error instanceof InvalidSharingError).toBe(true)
        }
      }),
      { numRuns: runs(200) }
    )
    for (const length of [0, 10, 76, bytes.length - 1]) {
      expect(() => ShamirShare.deserialize(context, bytes.slice(0, length))).toThrow(MalformedDealingError)
    }
    const overflowing = bytes.slice()
    overflowing.fill(0xff, overflowing.length - 6)
    expect(() => ShamirShare.deserialize(context, overflowing)).toThrow(MalformedDealingError)
  })

  it('shows nothing of itself', async () => {
    const [share] = await shareSecrets(cohort, 2)
    const { inspect } = await import('node:util')
    expect(inspect(share, { depth: 9, showHidden: true, getters: true })).toBe('ShamirShare { point: 1, generation: 0 }')
    expect(JSON.stringify(share)).toBe('{"point":1,"generation":0}')
  })
})

describe('active sets', () => {
  const cohort = makeCohort({ parties: 1, logN: 4, levels: 2, label: 'weights' })
  const { moduli } = cohort.ring

  it('weights are those of Lagrange, whatever the points: Σ λ_j·f(j) = f(0) for every f of degree below t', () => {
    const points = fc.uniqueArray(fc.integer({ min: 1, max: 128 }), { minLength: 1, maxLength: 12 }).map(all => all.sort((a, b) => a - b))
    fc.assert(
      fc.property(points, fc.array(fc.bigInt({ min: 0n, max: 2n ** 44n }), { minLength: 12, maxLength: 12 }), (active, all) => {
        const f = all.slice(0, active.length)
        const set = new ActiveSet({ threshold: active.length, points: active }, active)
        moduli.forEach(({ value: q }, row) => {
          const sum = active.reduce((total, j) => {
            const value = f.reduceRight((value, coefficient) => value * BigInt(j) + coefficient, 0n)
            return total + set.weight(moduli, j)[row]! * value
          }, 0n)
          expect((sum - f[0]!) % q).toBe(0n)
          const own = active.filter(k => k !== active[0]).reduce((l, k) => (l * BigInt(k) * inverse(BigInt(k - active[0]!), q)) % q, 1n)
          expect(set.weight(moduli, active[0]!)[row]).toBe(((own % q) + q) % q)
        })
      }),
      { numRuns: runs(60) }
    )
  })

  it.each([
    ['too few', [1]],
    ['too many', [1, 2, 3]],
    ['a stranger', [1, 7]],
    ['twice the same', [2, 2]],
    ['not ascending', [2, 1]],
    ['zero', [0, 1]],
    ['no integer', [1.5, 2]]
  ])('refuses %s', (_, active) => {
    expect(() => new ActiveSet(firstHolders(2, 4), active)).toThrow(InvalidSharingError)
  })

  it('refuses thresholds and numbers of holders that are none', () => {
    for (const [t, n] of [
      [0, 3],
      [4, 3],
      [1.5, 3],
      [1, 0],
      [1, 129]
    ] as const) {
      expect(() => firstHolders(t, n)).toThrow(InvalidSharingError)
    }
  })
})

describe('attempts', () => {
  const cohort = makeCohort({ parties: 3, logN: 6, levels: 6, label: 'attempts' })
  const { context, sessionId } = cohort

  it('every field is in the instance and in the key session', async () => {
    const [share] = await shareSecrets(cohort, 2)
    const { sharing } = share!
    const base = { query: 'q', step: 's', number: 0, active: [1, 2] }
    const attempts = [
      new Attempt(sharing, base),
      new Attempt(sharing, { ...base, query: 'r' }),
      new Attempt(sharing, { ...base, step: 't' }),
      new Attempt(sharing, { ...base, number: 1 }),
      new Attempt(sharing, { ...base, active: [1, 3] }),
      new Attempt({ ...sharing, generation: 1 }, base),
      new Attempt({ ...sharing, lineage: cohort.seed('another') }, base)
    ]
    expect(new Set(attempts.map(({ instance }) => instance)).size).toBe(attempts.length)
    expect(new Set(attempts.map(({ keySession }) => Buffer.from(keySession).toString('hex'))).size).toBe(attempts.length)
    for (const bad of ['', 'a/b', 'a b', 'é', 'x'.repeat(201)]) {
      expect(() => new Attempt(sharing, { ...base, query: bad })).toThrow(InvalidSharingError)
      expect(() => new Attempt(sharing, { ...base, step: bad })).toThrow(InvalidSharingError)
    }
    for (const number of [-1, 0.5, Number.NaN]) expect(() => new Attempt(sharing, { ...base, number })).toThrow(InvalidSharingError)
  })

  it('a share of one attempt does not enter the aggregation of another; a holder that is not active gives none', async () => {
    const shares = await shareSecrets(cohort, 2)
    const givers = giversOf(cohort, shares)
    const { ciphertext } = encrypted(cohort, 'mixed')
    const { level, scale, magnitude } = ciphertext
    const request = { level, scale, magnitude, c1: encodeComponent(context, ciphertext.components[1]!) }
    const attempt = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 0, active: [1, 3] })
    const other = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 1, active: [1, 3] })
    const aggregation = new Refresh(context, sessionId).aggregation(other.instance, level, 2)
    expect(() => aggregation.add(0, givers.get(1)!.refreshShare(attempt, request))).toThrow(MalformedShareError)
    expect(() => givers.get(2)!.refreshShare(attempt, request)).toThrow(NotActiveError)
  })

  it('where one share is the whole key, none is given of a refresh or switch', async () => {
    const shares = await shareSecrets(cohort, 1)
    const init = { shareKey: cohort.seed('share key'), ledger: new InMemoryShareLedger(), flooding: FLOODING }
    const giver = new ThresholdShareGiver({ ...init, share: shares[0]! })
    const attempt = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 0, active: [1] })
    const { ciphertext } = encrypted(cohort, 'sole')
    const { level, scale, magnitude, noise } = ciphertext
    const c1 = encodeComponent(context, ciphertext.components[1]!)
    const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(cohort.secrets[0]!, cohort.seed('target')))
    expect(() => giver.refreshShare(attempt, { level, scale, magnitude, c1 })).toThrow(SoleKeyShareError)
    expect(() => giver.switchShare(attempt, { level, noise, c1, targetKey })).toThrow(SoleKeyShareError)
  })

  it('a holder dies in the middle: another active set and the re-randomised ciphertext give the answer', async () => {
    const shares = await shareSecrets(cohort, 2)
    const givers = giversOf(cohort, shares)
    const { ciphertext, encryptor, values } = encrypted(cohort, 'churn')
    const first = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 0, active: [1, 2] })
    const { level, scale, magnitude } = ciphertext
    givers.get(1)!.refreshShare(first, { level, scale, magnitude, c1: encodeComponent(context, ciphertext.components[1]!) })
    const second = new Attempt(sharingOf(shares), { query: 'q', step: 's', number: 1, active: [1, 3] })
    const out = refreshed(cohort, givers, second, rerandomize(context, encryptor, ciphertext, cohort.seed('once more')))
    expect(largestDifference(decrypt(cohort, out).real, values.real)).toBeLessThan(2 ** -22)
  })
})

describe('rounds', () => {
  const cohort = makeCohort({ parties: 4, logN: 5, levels: 2, label: 'rounds' })

  it('a lost disk: the others deal to a new point or to the old one, and the secret stays', async () => {
    const old = (await shareSecrets(cohort, 2)).filter(({ point }) => point !== 3)
    const again = await nextShares(cohort, 'reshare', old, [1, 4], { threshold: 2, points: [1, 2, 3, 4] })
    for (const set of subsets([1, 2, 3, 4], 2)) expect(makesSecret(cohort, again, set)).toBe(true)
    expect(makesSecret(cohort, [old[0]!, again[2]!], [1, 3])).toBe(false)
  })

  it('more may deal than are needed; those accepted by all are summed', async () => {
    const old = await shareSecrets(cohort, 2)
    const kept = old.map(share => ShamirShare.deserialize(cohort.context, share.serialize()))
    const renewed = await nextShares(cohort, 'zero', old, [1, 2, 3, 4], undefined, [1, 3, 4])
    for (const set of subsets([1, 2, 3, 4], 2)) expect(makesSecret(cohort, renewed, set)).toBe(true)
    const reshared = await nextShares(cohort, 'reshare', kept, [1, 2, 4], { threshold: 3, points: [5, 6, 7] }, [2, 4])
    expect(makesSecret(cohort, reshared, [5, 6, 7])).toBe(true)
  })

  it('refuses to sum other dealings than the round needs', async () => {
    const old = await shareSecrets(cohort, 2)
    await expect(nextShares(cohort, 'zero', old, [1, 2, 3], undefined, [2])).rejects.toThrow(IncompleteRoundError)
    await expect(nextShares(cohort, 'reshare', old, [1, 2, 3], { threshold: 2, points: [1, 2] }, [1, 2, 3])).rejects.toThrow(
      IncompleteRoundError
    )
    await expect(nextShares(cohort, 'reshare', old, [1], { threshold: 2, points: [1, 2] })).rejects.toThrow(InvalidSharingError)
    await expect(nextShares(cohort, 'zero', old, [1, 2], { threshold: 3, points: [1, 2, 3, 4] })).rejects.toThrow(InvalidSharingError)
    await expect(nextShares(cohort, 'reshare', old, [1, 9], { threshold: 2, points: [1, 2] })).rejects.toThrow()
  })

  it('holders that accepted different dealings have shares of another lineage', async () => {
    const old = await shareSecrets(cohort, 2)
    const kept = old.map(share => ShamirShare.deserialize(cohort.context, share.serialize()))
    const one = await nextShares(cohort, 'zero', old, [1, 2, 3], undefined, [1, 2])
    const other = await nextShares(cohort, 'zero', kept, [1, 2, 3], undefined, [1, 3])
    expect(one[0]!.sharing.generation).toBe(other[0]!.sharing.generation)
    const attempt = new Attempt(sharingOf(one), { query: 'keys', step: 'public-key', number: 0, active: [1, 2] })
    expect(() => giversOf(cohort, other).get(1)!.publicKeyShare(attempt)).toThrow(SharingMismatchError)
  })
})
