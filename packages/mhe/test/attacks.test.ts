/**
 * Known attacks, mounted: each succeeds against a variant that is flawed on purpose, built here, and fails against what ships.
 */
import { type Ciphertext, Encryptor, KeyGenerator, SecretKey } from '@slytherin/ckks'
import {
  encodeComponent,
  InMemoryShareLedger,
  PublicKeySwitch,
  Refresh,
  type RefreshShare,
  ShareAlreadyGivenError,
  ShareGiver
} from '@slytherin/mhe'
import { deriveSeed, type Polynomial } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  coefficients,
  collectivePublicKey,
  exactCoefficients,
  inverse,
  largest,
  largestDifference,
  makeCohort,
  randomSlots
} from './cohort.js'

const cohort = makeCohort({ parties: 3, label: 'attacked' })
const { context, ring, parameters } = cohort

function encrypt(label: string, level: number): { values: ReturnType<typeof randomSlots>; ciphertext: Ciphertext } {
  const values = randomSlots(cohort, label)
  const plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
  return { values, ciphertext: new Encryptor(context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encrypt', label)) }
}

describe('two refreshes under one reference polynomial', () => {
  /** The flaw: every refresh of the session uses the same reference polynomial. */
  class RefreshWithOneReference extends Refresh {
    private readonly only = encrypt('the only one', 0).ciphertext.components[1]!

    override referencePolynomial(): Polynomial {
      return super.referencePolynomial('the only one', this.only)
    }
  }

  interface Transcript {
    readonly ciphertext: Ciphertext
    readonly shares: readonly RefreshShare[]
  }

  function transcript(protocol: Refresh, ciphertext: Ciphertext, instance: string): Transcript {
    const request = {
      instance,
      level: ciphertext.level,
      scale: ciphertext.scale,
      magnitude: ciphertext.magnitude,
      c1: ciphertext.components[1]!
    }
    return { ciphertext, shares: cohort.secrets.map((secret, i) => protocol.share(secret, request, cohort.seed(instance, i))) }
  }

  /** What the evaluator computes from two transcripts: per party h1 - h1', which is M_i - M_i' + noise if `a` cancels. */
  function maskDifferences(one: Transcript, two: Transcript): bigint[][] {
    return one.shares.map((share, i) => {
      const difference = ring.subtract(share.h1[0]!.clone(), share.h1[0]!, two.shares[i]!.h1[0]!)
      return exactCoefficients(ring, difference)
    })
  }

  /** From the mask differences and what it sees anyway, (m - M) and (m' - M'), the evaluator gets m - m'. */
  function messageDifference(one: Transcript, two: Transcript): { real: Float64Array; imaginary: Float64Array } {
    const masked = (t: Transcript) => {
      const sum = t.shares.reduce((total, share) => ring.add(total, total, share.h0), t.ciphertext.components[0]!.clone())
      return exactCoefficients(ring, sum)
    }
    const [a, b] = [masked(one), masked(two)]
    const masks = maskDifferences(one, two)
    const total = a.map((value, k) => value - b[k]! + masks.reduce((sum, mask) => sum + mask[k]!, 0n))
    const modulus = parameters.primes.reduce((product, prime) => product * prime.value, 1n)
    const centred = total.map(value => {
      const residue = ((value % modulus) + modulus) % modulus
      return Number(residue > modulus / 2n ? residue - modulus : residue)
    })
    const polynomial = ring.allocate(parameters.ciphertextIndices(parameters.maxLevel), 'coefficient')
    ring.ntt(
      ring.fromIntegers(
        polynomial,
        Float64Array.from(centred, value => Math.max(-(2 ** 97), Math.min(2 ** 97, value)))
      )
    )
    const plaintext = context.encoder.encode(new Float64Array(1), { level: parameters.maxLevel, scale: parameters.scale })
    ring.copy(plaintext.polynomial, polynomial)
    return context.encoder.decode(plaintext)
  }

  function mount(protocol: Refresh): { largestMaskBits: number; error: number } {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
    const first = encrypt('first secret message', level)
    const second = encrypt('second secret message', level)
    const one = transcript(protocol, first.ciphertext, 'refresh 1')
    const two = transcript(protocol, second.ciphertext, 'refresh 2')
    const largestMask = maskDifferences(one, two)
      .flat()
      .reduce((worst, value) => ((value < 0n ? -value : value) > worst ? (value < 0n ? -value : value) : worst), 0n)
    const truth = first.values.real.map((value, k) => value - second.values.real[k]!)
    return { largestMaskBits: largestMask.toString(2).length, error: largestDifference(messageDifference(one, two).real, truth) }
  }

  const maskBits = new Refresh(context, cohort.sessionId).maskBits(
    Refresh.minimumLevel(parameters, 3, parameters.scale, 1),
    parameters.scale,
    1
  )

  it('reveal mask differences and the difference of the messages when the reference polynomial is reused', () => {
    const { largestMaskBits, error } = mount(new RefreshWithOneReference(context, cohort.sessionId))
    expect(largestMaskBits).toBeLessThanOrEqual(maskBits + 1)
    expect(error).toBeLessThan(2 ** -20)
  })

  it('reveal nothing of the kind with ours', () => {
    const { largestMaskBits, error } = mount(new Refresh(context, cohort.sessionId))
    const modulusBits = parameters.primes.reduce((bits, prime) => bits + prime.log2, 0)
    expect(largestMaskBits).toBeGreaterThan(modulusBits - 6)
    expect(error).toBeGreaterThan(2 ** 20)
  })

  it('reveal nothing with ours, even when a party whose ledger was lost is asked twice under one instance', () => {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
    const protocol = new Refresh(context, cohort.sessionId)
    const [one, two] = ['first', 'second'].map(label => encrypt(label, level).ciphertext)
    const differences = maskDifferences(transcript(protocol, one!, 'one name'), transcript(protocol, two!, 'one name')).flat()
    expect(differences.some(value => (value < 0n ? -value : value) > 1n << BigInt(maskBits + 60))).toBe(true)
  })

  it('with ours, refreshed ciphertexts do not share their second component', () => {
    const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
    const { ciphertext } = encrypt('same', level)
    const second = (protocol: Refresh, instance: string) => {
      const { shares } = transcript(protocol, ciphertext, instance)
      return Buffer.from(ring.encodePacked(protocol.finalize(ciphertext, protocol.aggregate(shares), instance).components[1]!)).toString(
        'base64'
      )
    }
    const flawed = new RefreshWithOneReference(context, cohort.sessionId)
    const ours = new Refresh(context, cohort.sessionId)
    expect(second(flawed, 'a')).toBe(second(flawed, 'b'))
    expect(second(ours, 'a')).not.toBe(second(ours, 'b'))
  })
})

/** Coefficients of (phase - c0) / c1 modulo the first prime: the secret, if the phase is exact. */
function solveForSecret(c0: Polynomial, c1: Polynomial, phase: Polynomial): Float64Array {
  const q = ring.moduli[0]!.value
  const words = (p: Polynomial) => {
    const first = ring.copy(ring.allocate([0], 'ntt'), p)
    return new BigUint64Array(ring.encodeWords(first).slice().buffer)
  }
  const [a, b, m] = [words(c0), words(c1), words(phase)]
  const solved = new BigUint64Array(ring.N)
  for (let i = 0; i < ring.N; i++) solved[i] = ((((m[i]! + q - a[i]!) % q) * inverse(b[i]!, q)) % q) as bigint
  return coefficients(ring, ring.decodeWords(new Uint8Array(solved.buffer), [0], 'ntt'))
}

const isSecret = (candidate: Float64Array, secret: SecretKey): boolean => {
  const truth = coefficients(ring, ring.copy(ring.allocate([0], 'ntt'), secret.polynomial))
  return largestDifference(candidate, truth) === 0
}

describe('decryption of an approximate result', () => {
  const flooding = { securityBits: 30, maximumDecryptions: 1 }
  const target = SecretKey.fromSeed(context, cohort.seed('receiver'))
  const targetKey = new KeyGenerator(context).publicKey(target, cohort.seed('receiver key'))

  /** What the receiver of a switch decrypts, exactly: the integer polynomial before decoding. */
  function receivedPhase(switched: Ciphertext): Polynomial {
    return ring.multiplyAdd(switched.components[0]!.clone(), switched.components[1]!, target.polynomial)
  }

  /** The flaw: a decryption share without flooding, which hands out Σ s_i·c1 exactly. */
  function exactPhase(ciphertext: Ciphertext): Polynomial {
    const phase = ciphertext.components[0]!.clone()
    for (const secret of cohort.secrets) ring.multiplyAdd(phase, ciphertext.components[1]!, secret.polynomial)
    return phase
  }

  function flooded(ciphertext: Ciphertext): Polynomial {
    const protocol = new PublicKeySwitch(context, cohort.sessionId)
    const request = { instance: 'result', level: ciphertext.level, noise: ciphertext.noise, c1: ciphertext.components[1]! }
    const shares = cohort.secrets.map((secret, i) => protocol.share(secret, request, targetKey, flooding, cohort.seed('switch', i)))
    return receivedPhase(protocol.finalize(ciphertext, protocol.aggregate(shares), flooding))
  }

  it('gives the collective secret away when the phase is exact', () => {
    const { ciphertext } = encrypt('result', 2)
    const candidate = solveForSecret(ciphertext.components[0]!, ciphertext.components[1]!, exactPhase(ciphertext))
    expect(isSecret(candidate, cohort.ideal)).toBe(true)
    expect(largest(candidate)).toBeLessThanOrEqual(3)
  })

  it('gives it away even after decoding to slots, when the decoded values are precise enough to be encoded again', () => {
    const { ciphertext } = encrypt('result', 2)
    const plaintext = context.encoder.encode(new Float64Array(1), { level: 2, scale: ciphertext.scale })
    ring.copy(plaintext.polynomial, exactPhase(ciphertext))
    const decoded = context.encoder.decode(plaintext)
    const again = context.encoder.encode(decoded, { level: 2, scale: ciphertext.scale })
    const candidate = solveForSecret(ciphertext.components[0]!, ciphertext.components[1]!, again.polynomial)
    expect(isSecret(candidate, cohort.ideal)).toBe(true)
  })

  it('does not with ours: what the receiver decrypts solves to noise', () => {
    const { ciphertext } = encrypt('result', 2)
    const candidate = solveForSecret(ciphertext.components[0]!, ciphertext.components[1]!, flooded(ciphertext))
    expect(isSecret(candidate, cohort.ideal)).toBe(false)
    expect(largest(candidate)).toBeGreaterThan(2 ** 40)
  })

  it('does not with ours, not even to a receiver in league with all parties but one, who subtract what is theirs', () => {
    const { ciphertext } = encrypt('result', 2)
    const phase = flooded(ciphertext)
    for (const secret of cohort.secrets.slice(1)) {
      const known = ring.multiply(phase.clone(), ciphertext.components[1]!, secret.polynomial)
      ring.subtract(phase, phase, known)
    }
    const candidate = solveForSecret(ciphertext.components[0]!, ciphertext.components[1]!, phase)
    expect(isSecret(candidate, cohort.secrets[0]!)).toBe(false)
    expect(largest(candidate)).toBeGreaterThan(2 ** 40)
  })
})

describe('two shares for one instance', () => {
  const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
  const one = encrypt('one', level).ciphertext
  const two = encrypt('two', level).ciphertext
  const secret = cohort.secrets[0]!
  const request = (ciphertext: Ciphertext) => ({
    instance: 'asked twice',
    level,
    scale: ciphertext.scale,
    magnitude: ciphertext.magnitude,
    c1: ciphertext.components[1]!
  })

  /** From two shares of h0 = s·c1 - M + e with the same M and e: s = (h0 - h0') / (c1 - c1'). */
  function attack(first: RefreshShare, second: RefreshShare): Float64Array {
    const difference = ring.subtract(one.components[1]!.clone(), one.components[1]!, two.components[1]!)
    const zero = ring.allocate(difference.indices, 'ntt')
    const shares = ring.subtract(first.h0.clone(), first.h0, second.h0)
    return solveForSecret(zero, difference, shares)
  }

  it('leak the secret when the randomness is derived from the instance alone', () => {
    const protocol = new Refresh(context, cohort.sessionId)
    const seed = deriveSeed(cohort.seed('share key'), 'refresh', 'asked twice')
    const candidate = attack(protocol.share(secret, request(one), seed), protocol.share(secret, request(two), seed))
    expect(isSecret(candidate, secret)).toBe(true)
  })

  function giver(ledger: InMemoryShareLedger): ShareGiver {
    return new ShareGiver(context, {
      secret: SecretKey.fromSeed(context, cohort.seed('secret', 0)),
      shareKey: cohort.seed('share key'),
      ledger,
      sessionId: cohort.sessionId,
      flooding: { securityBits: 30, maximumDecryptions: 10 }
    })
  }
  const wire = (ciphertext: Ciphertext) => ({ ...request(ciphertext), c1: encodeComponent(context, ciphertext.components[1]!) })

  it('are refused by the giver', () => {
    using party = giver(new InMemoryShareLedger())
    party.refreshShare(wire(one))
    expect(() => party.refreshShare(wire(two))).toThrow(ShareAlreadyGivenError)
  })

  it('do not leak it even from a giver whose ledger was lost, for the input enters the seed', () => {
    const protocol = new Refresh(context, cohort.sessionId)
    const shares = [one, two].map(ciphertext => {
      using party = giver(new InMemoryShareLedger())
      return protocol.deserialize(party.refreshShare(wire(ciphertext)), 'asked twice', level)
    })
    const candidate = attack(shares[0]!, shares[1]!)
    expect(isSecret(candidate, secret)).toBe(false)
    expect(largest(candidate)).toBeGreaterThan(2 ** 40)
  })
})
