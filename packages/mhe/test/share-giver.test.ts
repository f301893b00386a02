import { inspect } from 'node:util'
import { Encryptor, KeyGenerator, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  DecryptionQuotaError,
  encodeComponent,
  FloodingHeadroomError,
  FloodingSecurityError,
  GaloisKeyGeneration,
  InMemoryShareLedger,
  InvalidShareRequestError,
  MalformedShareError,
  PublicKeyGeneration,
  PublicKeySwitch,
  Refresh,
  RefreshLevelError,
  RefreshQuotaError,
  RelinearizationKeyGeneration,
  ShareAlreadyGivenError,
  ShareGiver,
  type ShareLedger,
  type ShareLedgerEntry
} from '@slytherin/mhe'
import { loadKernel } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  coefficients,
  cohortOf,
  collectivePublicKey,
  decrypt,
  largest,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots
} from './cohort.js'

const cohort = makeCohort({ parties: 2, label: 'givers' })
const { context, parameters, sessionId } = cohort
const flooding = { securityBits: 30, maximumDecryptions: 2 }

function giver(i: number, ledger: ShareLedger = new InMemoryShareLedger(), shareKey = cohort.seed('share key', i)): ShareGiver {
  return new ShareGiver(context, { secret: SecretKey.fromSeed(context, cohort.seed('secret', i)), shareKey, ledger, sessionId, flooding })
}

const level = Refresh.minimumLevel(parameters, 2, parameters.scale, 1)
const values = randomSlots(cohort, 'values')
const ciphertext = new Encryptor(context, collectivePublicKey(cohort)).encrypt(
  context.encoder.encode(values, { level, scale: parameters.scale }),
  cohort.seed('encryption')
)
const c1 = encodeComponent(context, ciphertext.components[1]!)
const refreshRequest = { instance: 'refresh 1', level, scale: ciphertext.scale, magnitude: ciphertext.magnitude, c1 }
const receiver = SecretKey.fromSeed(context, cohort.seed('receiver'))
const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(receiver, cohort.seed('receiver key')))
const switchRequest = { instance: 'result 1', level, noise: ciphertext.noise, c1, targetKey }

describe('shares given as bytes', () => {
  it('make a collective public key', () => {
    const protocol = new PublicKeyGeneration(context, sessionId)
    const aggregation = protocol.aggregation()
    for (const i of [1, 0]) aggregation.add(i, giver(i).publicKeyShare())
    const key = protocol.finalize(aggregation.take())
    expect(largest(phaseCoefficients(cohort, key.b, key.a))).toBeLessThanOrEqual(2 * 6 * 3.2)
  })

  it('make a relinearisation key in two rounds and a Galois key', () => {
    const protocol = new RelinearizationKeyGeneration(context, sessionId)
    const givers = [giver(0), giver(1)]
    const one = protocol.aggregationOne()
    givers.forEach((party, i) => {
      one.add(i, party.relinearizationShareOne(parameters.maxLevel))
    })
    const sum = one.take()
    const bytes = protocol.serializeOne(sum, 'aggregate')
    const two = protocol.aggregationTwo()
    givers.forEach((party, i) => {
      two.add(i, party.relinearizationShareTwo(parameters.maxLevel, bytes))
    })
    const key = protocol.finalize(sum, two.take())
    const { ring } = cohort
    const square = ring.multiply(cohort.ideal.polynomial.clone(), cohort.ideal.polynomial, cohort.ideal.polynomial)
    const special = parameters.specialPrimes[0]!.value
    const error = key.digits[0]!.b.clone()
    const first = error.indices.map(index => (index === 0 ? special : 0n))
    ring.subtract(error, error, ring.multiplyScalar(square, square, first))
    // the error is about σ·sqrt(2·N·(4/3)·2) = 118: a wrong ephemeral secret in round two would make it as large as the modulus
    expect(largest(phaseCoefficients(cohort, error, key.digits[0]!.a))).toBeLessThan(2000)

    const galois = new GaloisKeyGeneration(context, sessionId, 2)
    const aggregation = galois.aggregation(3)
    givers.forEach((party, i) => {
      aggregation.add(i, party.galoisShare(3, 2))
    })
    expect(galois.finalize(aggregation.take(), 3).digits.length).toBe(3)
    expect(() =>
      givers[0]!.relinearizationShareTwo(
        parameters.maxLevel,
        protocol.serializeOne(protocol.deserializeOne(givers[0]!.relinearizationShareOne(parameters.maxLevel)), 'aggregate')
      )
    ).toThrow(ShareAlreadyGivenError)
  })

  it('refresh and switch a ciphertext', () => {
    const refresh = new Refresh(context, sessionId)
    const refreshed = refresh.aggregation('refresh 1', level)
    const switching = new PublicKeySwitch(context, sessionId)
    const switched = switching.aggregation('result 1', level)
    for (const i of [0, 1]) {
      refreshed.add(i, giver(i).refreshShare(refreshRequest))
      switched.add(i, giver(i).switchShare(switchRequest))
    }
    const top = refresh.finalize(ciphertext, refreshed.take(), 'refresh 1')
    expect(largestDifference(decrypt(cohort, top).real, values.real)).toBeLessThan(2 ** -25)
    const out = switching.finalize(ciphertext, switched.take(), flooding)
    expect(largestDifference(decrypt(cohort, out, receiver).real, values.real)).toBeLessThan(2 ** -10)
  })
})

describe('a share is given once', () => {
  it('for one level of a key: a second one is refused, whichever key it is', () => {
    const party = giver(0)
    const share = party.galoisShare(3, 2)
    expect(party.galoisShare(3, 2)).toEqual(share)
    for (const level of [0, 1, 3, parameters.maxLevel]) expect(() => party.galoisShare(3, level)).toThrow(ShareAlreadyGivenError)
    expect(party.galoisShare(5, 1).length).toBeLessThan(share.length)
    const protocol = new RelinearizationKeyGeneration(context, sessionId, 1)
    const one = party.relinearizationShareOne(1)
    expect(() => party.relinearizationShareOne(2)).toThrow(ShareAlreadyGivenError)
    const sum = protocol.serializeOne(protocol.deserializeOne(one), 'aggregate')
    expect(() => party.relinearizationShareTwo(2, sum)).toThrow(MalformedShareError)
    expect(party.relinearizationShareTwo(1, sum).length).toBeLessThan(one.length)
    for (const level of [-1, parameters.maxLevel + 1]) {
      expect(() => party.galoisShare(7, level)).toThrow(InvalidShareRequestError)
      expect(() => party.relinearizationShareOne(level)).toThrow(InvalidShareRequestError)
    }
  })

  it('and should the ledger be lost, shares for two levels have neither reference polynomials nor errors in common', () => {
    const { ring } = cohort
    const difference = (levels: readonly [number, number]) => {
      const parts = levels.map(level => {
        const protocol = new GaloisKeyGeneration(context, sessionId, level)
        const share = protocol.deserialize(giver(0).galoisShare(3, level), 3)
        return ring.copy(ring.allocate(parameters.keyIndices(1), 'ntt'), share.h[0]!)
      })
      return largest(coefficients(ring, ring.subtract(parts[0]!, parts[0]!, parts[1]!)))
    }
    expect(difference([1, 1])).toBe(0)
    // with one reference polynomial it would be e - e', at most 2·6·3.2
    expect(difference([1, 2])).toBeGreaterThan(2 ** 100)
  })

  it('the same request gets the same bytes, from the same giver, after a restart, and on an empty ledger', () => {
    const ledger = new InMemoryShareLedger()
    const party = giver(0, ledger)
    const makers: ((party: ShareGiver) => Uint8Array)[] = [
      p => p.publicKeyShare(),
      p => p.galoisShare(5, 3),
      p => p.relinearizationShareOne(1),
      p => p.refreshShare(refreshRequest),
      p => p.switchShare(switchRequest)
    ]
    for (const make of makers) {
      const first = make(party)
      expect(make(party)).toEqual(first)
      expect(make(giver(0, ledger))).toEqual(first)
      expect(make(giver(0))).toEqual(first)
      expect(make(giver(0, new InMemoryShareLedger(), cohort.seed('another share key')))).not.toEqual(first)
    }
  })

  it('the same request gets the same bytes on every kernel', async () => {
    const reference = giver(0)
    const other = cohortOf(parameters, 2, 'givers', await loadKernel({ variant: 'fallback' }))
    using elsewhere = new ShareGiver(other.context, {
      secret: SecretKey.fromSeed(other.context, cohort.seed('secret', 0)),
      shareKey: cohort.seed('share key', 0),
      ledger: new InMemoryShareLedger(),
      sessionId,
      flooding
    })
    expect(elsewhere.galoisShare(7, 3)).toEqual(reference.galoisShare(7, 3))
    expect(elsewhere.refreshShare(refreshRequest)).toEqual(reference.refreshShare(refreshRequest))
    expect(elsewhere.switchShare(switchRequest)).toEqual(reference.switchShare(switchRequest))
  })

  it('refuses a changed input under one instance, whatever changed', () => {
    const party = giver(0)
    party.refreshShare(refreshRequest)
    const other = encodeComponent(context, ciphertext.components[0]!)
    const changes = [{ c1: other }, { magnitude: ciphertext.magnitude / 2 }, { scale: ciphertext.scale / 2 }]
    for (const change of changes) expect(() => party.refreshShare({ ...refreshRequest, ...change })).toThrow(ShareAlreadyGivenError)
    party.switchShare(switchRequest)
    const otherKey = serializePublicKey(new KeyGenerator(context).publicKey(receiver, cohort.seed('another key')))
    for (const change of [{ c1: other }, { noise: ciphertext.noise + 1 }, { targetKey: otherKey }]) {
      expect(() => party.switchShare({ ...switchRequest, ...change })).toThrow(ShareAlreadyGivenError)
    }
  })

  it('asks the ledger before it computes, with hashes only', () => {
    const entries: ShareLedgerEntry[] = []
    const refusing: ShareLedger = {
      claim(entry) {
        entries.push(entry)
        throw new RangeError('disk full')
      },
      count: () => 0,
      has: () => false
    }
    expect(() => giver(0, refusing).refreshShare(refreshRequest)).toThrow('disk full')
    expect(entries).toEqual([
      {
        session: Buffer.from(sessionId).toString('hex'),
        protocol: 'refresh',
        instance: 'refresh 1',
        inputHash: expect.stringMatching(/^[0-9a-f]{64}$/)
      }
    ])
  })

  it('a request that is refused for its contents uses up no instance', () => {
    const party = giver(0)
    expect(() =>
      party.refreshShare({
        ...refreshRequest,
        level: 0,
        c1: encodeComponent(context, cohort.ring.copy(cohort.ring.allocate([0], 'ntt'), ciphertext.components[1]!))
      })
    ).toThrow(RefreshLevelError)
    expect(() => party.refreshShare({ ...refreshRequest, c1: c1.subarray(1) })).toThrow(MalformedShareError)
    expect(() => party.refreshShare({ ...refreshRequest, level: 77 })).toThrow(InvalidShareRequestError)
    expect(() => party.switchShare({ ...switchRequest, noise: 185 })).toThrow(FloodingHeadroomError)
    const oversized = c1.slice().fill(255, 0, 8)
    expect(() => party.switchShare({ ...switchRequest, c1: oversized })).toThrow(MalformedShareError)
    expect(() => party.switchShare({ ...switchRequest, targetKey: targetKey.subarray(3) })).toThrow()
    expect(party.refreshShare(refreshRequest).length).toBeGreaterThan(0)
    expect(party.switchShare(switchRequest).length).toBeGreaterThan(0)
  })

  it('the ledger keeps sessions, protocols and instances apart', () => {
    const ledger = new InMemoryShareLedger()
    const entry = { session: 's', protocol: 'p', instance: 'i', inputHash: 'h' }
    expect(ledger.claim(entry)).toBe('first')
    expect(ledger.claim(entry)).toBe('again')
    expect(ledger.claim({ ...entry, session: 't', inputHash: 'x' })).toBe('first')
    expect(ledger.claim({ ...entry, protocol: 'q', inputHash: 'x' })).toBe('first')
    expect(ledger.claim({ ...entry, instance: 'j', inputHash: 'x' })).toBe('first')
    expect(() => ledger.claim({ ...entry, inputHash: 'x' })).toThrow(ShareAlreadyGivenError)
    expect(ledger.instances('s', 'p')).toEqual(['i', 'j'])
  })
})

describe('quota of decryptions', () => {
  it('keeps a number in memory, not what was given', () => {
    const given = new Map()
    const secret = SecretKey.fromSeed(context, cohort.seed('secret', 0))
    const ledger = new InMemoryShareLedger()
    const party = new ShareGiver(context, { secret, shareKey: cohort.seed('share key', 0), ledger, sessionId, flooding, given })
    party.refreshShare(refreshRequest)
    for (const instance of ['result 1', 'result 2', 'result 1']) party.switchShare({ ...switchRequest, instance })
    expect([...given]).toEqual([
      ['refresh', 1],
      ['switch', 2]
    ])
  })

  it('counts instances, lets repetitions through, and outlives a restart', () => {
    const ledger = new InMemoryShareLedger()
    const party = giver(0, ledger)
    const first = party.switchShare(switchRequest)
    party.switchShare({ ...switchRequest, instance: 'result 2' })
    for (const p of [party, giver(0, ledger)]) {
      expect(() => p.switchShare({ ...switchRequest, instance: 'result 3' })).toThrow(DecryptionQuotaError)
      expect(p.switchShare(switchRequest)).toEqual(first)
    }
  })
})

describe('quota of refreshes', () => {
  it('counts instances, lets repetitions through, and outlives a restart', () => {
    const ledger = new InMemoryShareLedger()
    const bounded = (): ShareGiver =>
      new ShareGiver(context, {
        secret: SecretKey.fromSeed(context, cohort.seed('secret', 0)),
        shareKey: cohort.seed('share key', 0),
        ledger,
        sessionId,
        flooding,
        maximumRefreshes: 2
      })
    const party = bounded()
    const first = party.refreshShare(refreshRequest)
    party.refreshShare({ ...refreshRequest, instance: 'refresh 2' })
    for (const p of [party, bounded()]) {
      expect(() => p.refreshShare({ ...refreshRequest, instance: 'refresh 3' })).toThrow(RefreshQuotaError)
      expect(p.refreshShare(refreshRequest)).toEqual(first)
    }
  })
})

describe('noise of a switch', () => {
  it('must not be claimed below what the plan says', () => {
    const secret = SecretKey.fromSeed(context, cohort.seed('secret', 0))
    const init = { secret, shareKey: cohort.seed('share key', 0), ledger: new InMemoryShareLedger(), sessionId, flooding }
    using party = new ShareGiver(context, { ...init, minimumSwitchNoise: ciphertext.noise })
    for (const noise of [ciphertext.noise - 0.01, Number.NaN]) {
      expect(() => party.switchShare({ ...switchRequest, noise })).toThrow(InvalidShareRequestError)
    }
    expect(party.switchShare(switchRequest).length).toBeGreaterThan(0)
  })
})

describe('memory', () => {
  it('is given back whatever happens', () => {
    const { kernel } = cohort.ring
    const party = giver(0)
    const protocol = new Refresh(context, sessionId)
    const round = (k: number) => {
      const share = party.refreshShare({ ...refreshRequest, instance: `memory ${k}` })
      using aggregation = protocol.aggregation(`memory ${k}`, level)
      aggregation.add(0, share)
      expect(() => aggregation.add(1, share.subarray(1))).toThrow(MalformedShareError)
      expect(() => party.refreshShare({ ...refreshRequest, instance: `memory ${k}`, magnitude: 0.25 })).toThrow(ShareAlreadyGivenError)
      expect(() => party.switchShare({ ...switchRequest, targetKey: targetKey.subarray(1) })).toThrow()
      const corrupted = share.slice().fill(255, share.length - 40)
      expect(() => aggregation.add(1, corrupted)).toThrow(MalformedShareError)
      party.galoisShare(3, 2)
      party.relinearizationShareOne(parameters.maxLevel)
      party.publicKeyShare()
    }
    round(0)
    const before = kernel.bytesInUse
    round(1)
    round(2)
    expect(kernel.bytesInUse).toBe(before)
  })
})

describe('secrets', () => {
  const secretBytes = Buffer.from(cohort.seed('share key', 0))

  it('are in no inspection, JSON, property or error of a giver', () => {
    const party = giver(0)
    const texts = [inspect(party, { showHidden: true, depth: 3 }), JSON.stringify({ ...party, context: undefined })]
    for (const text of texts) {
      expect(text).not.toContain(secretBytes.toString('hex'))
      expect(text).not.toContain(`${[...secretBytes.subarray(0, 6)].join(',')}`)
      expect(text).not.toContain(`${[...secretBytes.subarray(0, 6)].join(', ')}`)
    }
    expect(Object.keys(party).sort()).toEqual(['context', 'flooding', 'minimumSwitchNoise', 'sessionId'])
  })

  it('are wiped on dispose, after which nothing is given', () => {
    const secret = SecretKey.fromSeed(context, cohort.seed('secret', 0))
    const row = secret.polynomial.row(0)
    expect(row.some(value => value !== 0)).toBe(true)
    const party = new ShareGiver(context, {
      secret,
      shareKey: cohort.seed('share key', 0),
      ledger: new InMemoryShareLedger(),
      sessionId,
      flooding
    })
    party.dispose()
    party.dispose()
    expect(row.every(value => value === 0)).toBe(true)
    for (const give of [() => party.publicKeyShare(), () => party.galoisShare(3, 2), () => party.refreshShare(refreshRequest)]) {
      expect(give).toThrow(InvalidShareRequestError)
    }
  })

  it('a giver is not made with a short share key or too little flooding', () => {
    expect(() => giver(0, new InMemoryShareLedger(), new Uint8Array(16))).toThrow(InvalidShareRequestError)
    const secret = SecretKey.fromSeed(context, cohort.seed('secret', 0))
    const weak = { securityBits: 20, maximumDecryptions: 1 }
    expect(
      () => new ShareGiver(context, { secret, shareKey: new Uint8Array(32), ledger: new InMemoryShareLedger(), sessionId, flooding: weak })
    ).toThrow(FloodingSecurityError)
  })
})
