/** Switch to another collective key: what comes of it, that shares prove what they are, and what a share that is none would be good for. */
import {
  Ciphertext,
  Encryptor,
  encryptionIndices,
  type Flooding,
  KeyGenerator,
  SecretKey,
  secondComponent,
  serializePublicKey
} from '@slytherin/ckks'
import {
  EncryptionProofs,
  encodeComponent,
  InMemoryShareLedger,
  noiseAfterFlooding,
  type ProofStatement,
  ProvableSwitch,
  ShareAlreadyGivenError,
  ShareGiver,
  UnprovenEncryptionError
} from '@slytherin/mhe'
import { deriveSeed } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'
import {
  ciphertextError,
  coefficients,
  collectivePublicKey,
  decrypt,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots,
  standardDeviation
} from './cohort.js'

const FLOODING: Flooding = { securityBits: 30, maximumDecryptions: 16 }
const LEVEL = 3
const PROVEN = 4

const cohort = makeCohort({ parties: 2 })
const { context } = cohort
const { ring } = context
const secret = SecretKey.fromSeed(context, cohort.seed('next epoch'))
const target = new KeyGenerator(context).publicKey(secret, cohort.seed('next key'))
const protocol = new ProvableSwitch(context, cohort.sessionId, 2)

const proofs = new EncryptionProofs(context, cohort.seed('next session'))
const statement: ProofStatement = { sender: 'holder', purpose: 'model', first: 0, level: PROVEN, binding: new Uint8Array() }

/** As a share derives it from its seed. */
const encryptionSeed = (label: string, i: number): Uint8Array => deriveSeed(cohort.seed(label, i), 'switch encryption', 0)

function encrypted(label: string) {
  const values = randomSlots(cohort, label)
  const plaintext = context.encoder.encode(values, { level: LEVEL, scale: cohort.parameters.scale })
  const ciphertext = new Encryptor(context, collectivePublicKey(cohort)).encrypt(plaintext, cohort.seed('encryption', label))
  const request = { instance: label, level: LEVEL, provenLevel: PROVEN, noise: ciphertext.noise, c1: ciphertext.components[1]! }
  const shares = cohort.secrets.map((own, i) => protocol.share(own, request, target, FLOODING, cohort.seed(label, i)))
  return { values, plaintext, ciphertext, request, shares }
}

/** What is computed on in the next epoch. */
function switched(ciphertext: Ciphertext, shares: ReturnType<typeof encrypted>['shares']): Ciphertext {
  const { first, undivided } = protocol.finalize(ciphertext, shares, PROVEN)
  const { level, scale, magnitude, noise } = ciphertext
  return new Ciphertext([first, secondComponent(context, undivided, level)], { level, scale, magnitude, noise })
}

describe('switch to another collective key', () => {
  it('decrypts under the new key alone, with the flooding of every share and hardly more', () => {
    const { values, plaintext, ciphertext, shares } = encrypted('weight')
    const out = switched(ciphertext, shares)
    const measured = Math.log2(standardDeviation(ciphertextError(cohort, out, plaintext, secret)))
    const expected = noiseAfterFlooding(context, ciphertext.noise, FLOODING, 2)
    expect(measured).toBeLessThanOrEqual(expected)
    expect(measured).toBeGreaterThan(expected - 0.4)
    expect(largestDifference(decrypt(cohort, out).real, values.real)).toBeGreaterThan(1)
  })

  it('a holder gives one share of one ciphertext to one key, and proves it', () => {
    const { request } = encrypted('given')
    using giver = new ShareGiver(context, {
      // The giver takes it as its own.
      secret: SecretKey.fromPolynomial(cohort.secrets[0]!.polynomial.clone()),
      shareKey: cohort.seed('share key'),
      ledger: new InMemoryShareLedger(),
      sessionId: cohort.sessionId,
      flooding: FLOODING
    })
    const asked = { ...request, c1: encodeComponent(context, request.c1), targetKey: serializePublicKey(target) }
    const { bytes, undivided, seed } = giver.provableSwitchShare(asked)
    expect(giver.provableSwitchShare(asked).bytes).toEqual(bytes)
    const other = serializePublicKey(new KeyGenerator(context).publicKey(secret, cohort.seed('other key')))
    expect(() => giver.provableSwitchShare({ ...asked, targetKey: other })).toThrow(ShareAlreadyGivenError)
    expect(() => giver.switchShare(asked)).toThrow(ShareAlreadyGivenError)
    const proof = proofs.prove({ publicKey: target, statement, batch: [{ undivided, seed }] })
    expect(() => proofs.verify({ publicKey: target, statement, undivided: [undivided], proof })).not.toThrow()
  })

  it('a share with a polynomial of its maker in it opens the next secret, and has no proof', () => {
    const { ciphertext, shares } = encrypted('crafted')
    const [honest, share] = shares as [(typeof shares)[0], (typeof shares)[0]]
    const special = context.parameters.specialPrimes[0]!.value
    const one = ring.fromIntegers(
      ring.allocate(encryptionIndices(context.parameters, PROVEN), 'coefficient'),
      new Float64Array(ring.N).fill(1, 0, 1)
    )
    const added = ring.multiplyScalar(one, one, special * 2n ** 55n)
    const crafted = { first: share.first, undivided: ring.add(share.undivided.clone(), share.undivided, added) }
    const out = switched(ciphertext, [honest, crafted])
    const phase = phaseCoefficients(cohort, out.components[0]!, out.components[1]!, secret)
    const read = Float64Array.from(phase, value => Math.round(value / 2 ** 56) + 0)
    expect(largestDifference(read, coefficients(ring, secret.polynomial))).toBe(0)
    const seed = encryptionSeed('crafted', 1)
    const proof = proofs.prove({ publicKey: target, statement, batch: [{ seed, undivided: crafted.undivided }] })
    expect(() => proofs.verify({ publicKey: target, statement, undivided: [crafted.undivided], proof })).toThrow(UnprovenEncryptionError)
    // The same share as it should be.
    const good = proofs.prove({ publicKey: target, statement, batch: [{ seed, undivided: share.undivided }] })
    expect(() => proofs.verify({ publicKey: target, statement, undivided: [share.undivided], proof: good })).not.toThrow()
  })
})
