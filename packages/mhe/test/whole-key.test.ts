/** Refreshes and results where one party holds the whole key, against that key; and the request that takes it from a party that gives shares. */
import { Ciphertext, Encryptor, KeyGenerator, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  DecryptionQuotaError,
  encodeComponent,
  FloodingHeadroomError,
  floodingNoise,
  floodResult,
  InMemoryShareLedger,
  InvalidShareRequestError,
  MalformedShareError,
  Refresh,
  RefreshLevelError,
  RefreshQuotaError,
  type RefreshWholeRequest,
  rerandomize,
  ShareAlreadyGivenError,
  ShareGiver,
  ShareMismatchError,
  SoleKeyShareError,
  WholeKeyHolder,
  WholeKeyRefresh,
  WholeKeySwitch
} from '@slytherin/mhe'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ciphertextError,
  coefficients,
  collectivePublicKey,
  decrypt,
  exactCoefficients,
  largest,
  largestDifference,
  makeCohort,
  phaseCoefficients,
  randomSlots,
  standardDeviation
} from './cohort.js'

const cohort = makeCohort({ parties: 1, label: 'whole key' })
const { context, ring, parameters, sessionId } = cohort
const [secret] = cohort.secrets as [SecretKey]
const encryptor = new Encryptor(context, collectivePublicKey(cohort))
const flooding = { securityBits: 30, maximumDecryptions: 4 }
const lowest = WholeKeyRefresh.minimumLevel(parameters, parameters.scale, 1)
const protocol = new WholeKeyRefresh(context, sessionId)

const init = (ledger = new InMemoryShareLedger()) => ({
  secret: SecretKey.fromSeed(context, cohort.seed('secret', 0)),
  shareKey: cohort.seed('share key'),
  ledger,
  sessionId,
  flooding,
  maximumRefreshes: 3
})

/** A ciphertext as the evaluator sends it. */
function made(label: string, level: number, scale = parameters.scale) {
  const values = randomSlots(cohort, label)
  const plaintext = context.encoder.encode(values, { level, scale })
  const ciphertext = rerandomize(context, encryptor, encryptor.encrypt(plaintext, cohort.seed(label)), cohort.seed(label, 'again'))
  return { values, plaintext, ciphertext }
}

function asked(instance: string, ciphertext: Ciphertext) {
  const { level, scale, magnitude } = ciphertext
  const { masked, mask } = protocol.mask(ciphertext, cohort.seed('mask', instance))
  const c1 = encodeComponent(context, ciphertext.components[1]!)
  const request: RefreshWholeRequest = { instance, level, scale, magnitude, masked: encodeComponent(context, masked), c1 }
  return { request, mask, masked }
}

/** c0 + c1·s to the last bit. */
const exactPhase = (ciphertext: Ciphertext): bigint[] => {
  const phase = ciphertext.components[0]!.clone()
  return exactCoefficients(ring, ring.multiplyAdd(phase, ciphertext.components[1]!, secret.polynomial))
}

describe('a refresh by who holds the whole key', () => {
  it('keeps the message to the last bit, but for one error of an encryption, whatever the level', () => {
    using holder = new WholeKeyHolder(context, { ...init(), maximumRefreshes: 100 })
    fc.assert(
      fc.property(fc.integer({ min: lowest, max: parameters.maxLevel }), fc.integer(), (level, seed) => {
        const instance = `${level} ${seed}`
        const { values, plaintext, ciphertext } = made(instance, level)
        const { request, mask } = asked(instance, ciphertext)
        const fresh = protocol.finalize(ciphertext, mask, protocol.deserialize(holder.refresh(request), instance, level))
        expect(fresh).toMatchObject({ level: parameters.maxLevel, scale: ciphertext.scale, magnitude: ciphertext.magnitude })
        const before = exactPhase(ciphertext)
        const errors = Float64Array.from(exactPhase(fresh).map((value, i) => Number(value - before[i]!)))
        expect(largest(errors)).toBeLessThanOrEqual(Math.floor(6 * 3.2))
        expect(standardDeviation(errors)).toBeGreaterThan(2)
        expect(largestDifference(decrypt(cohort, fresh).real, values.real)).toBeLessThan(2 ** -25)
        // The same values, encoded for the level that it has now.
        const top = context.encoder.encode(values, { level: parameters.maxLevel, scale: fresh.scale })
        expect(Math.log2(standardDeviation(ciphertextError(cohort, fresh, top)))).toBeLessThanOrEqual(fresh.noise)
        expect(fresh.noise).toBeLessThan(ciphertext.noise + 0.5)
        plaintext.dispose()
      }),
      { seed: 7, numRuns: 12 }
    )
  })

  it('is no longer than a share of one', () => {
    const share = new Refresh(context, sessionId).format.serializedLength(lowest)
    expect(protocol.serializedLength(lowest)).toBeLessThan(share)
  })

  it('shows the holder residues that are uniform, whatever the message is', () => {
    const modulus = 2 ** parameters.logModulus(lowest)
    for (const [label, bits] of [
      ['usual', 0],
      ['beyond its bound', Math.floor(parameters.logModulus(lowest)) - 2 - 45]
    ] as const) {
      const { ciphertext } = made(`seen ${label}`, lowest)
      const components = ciphertext.components.map(component => ring.multiplyScalar(component.clone(), component, 2n ** BigInt(bits)))
      const { masked } = asked(`seen ${label}`, new Ciphertext(components, ciphertext))
      const seen = phaseCoefficients(cohort, masked, components[1]!)
      // of 256 coefficients: mean square 1/12 ± 5·0.075/16, and about as many in every quarter
      const meanSquare = seen.reduce((sum, value) => sum + (value / modulus) ** 2, 0) / seen.length
      expect(Math.abs(meanSquare - 1 / 12)).toBeLessThan((5 * 0.0745) / 16)
      const quarters = [0, 0, 0, 0]
      for (const value of seen) quarters[Math.min(3, Math.floor(4 * (value / modulus + 0.5)))]!++
      for (const count of quarters) expect(Math.abs(count - seen.length / 4)).toBeLessThan(5 * Math.sqrt((seen.length * 3) / 16))
    }
  })

  it('goes wrong by a multiple of the modulus, as often as messages are large beside it', () => {
    using holder = new WholeKeyHolder(context, { ...init(), maximumRefreshes: 100 })
    const modulus = parameters.primes.slice(0, lowest + 1).reduce((product, { value }) => product * value, 1n)
    let wrapped = 0
    let expected = 0
    for (let k = 0; k < 8; k++) {
      const { ciphertext } = made(`wrapping ${k}`, lowest)
      const factor = 2n ** BigInt(Math.floor(parameters.logModulus(lowest)) - 1 - 45)
      const components = ciphertext.components.map(component => ring.multiplyScalar(component.clone(), component, factor))
      const huge = new Ciphertext(components, ciphertext)
      const { request, mask } = asked(`wrapping ${k}`, huge)
      const fresh = protocol.finalize(huge, mask, protocol.deserialize(holder.refresh(request), `wrapping ${k}`, lowest))
      const before = exactPhase(huge)
      exactPhase(fresh).forEach((value, i) => {
        const difference = value - before[i]!
        const times = Math.round(Number(difference) / Number(modulus))
        expect(Math.abs(times)).toBeLessThanOrEqual(1)
        expect(Math.abs(Number(difference - BigInt(times) * modulus))).toBeLessThanOrEqual(Math.floor(6 * 3.2))
        wrapped += Math.abs(times)
        expected += Math.abs(Number(before[i]!)) / Number(modulus)
      })
    }
    expect(expected).toBeGreaterThan(5)
    expect(Math.abs(wrapped - expected)).toBeLessThan(5 * Math.sqrt(expected))
  })

  it('is refused where level, lengths or residues are not right, and nothing of it is written down', () => {
    const ledger = new InMemoryShareLedger()
    using holder = new WholeKeyHolder(context, init(ledger))
    const { ciphertext } = made('bad', lowest)
    const { request } = asked('bad', ciphertext)
    const { masked, c1 } = request
    for (const field of ['masked', 'c1'] as const) {
      const bytes = request[field]
      const beyond = bytes.slice().fill(0xff)
      for (const wrong of [bytes.subarray(1), new Uint8Array([...bytes, 0]), new Uint8Array(0), beyond]) {
        expect(() => holder.refresh({ ...request, [field]: wrong })).toThrow(MalformedShareError)
      }
    }
    for (const level of [-1, 0.5, parameters.maxLevel + 1])
      expect(() => holder.refresh({ ...request, level })).toThrow(InvalidShareRequestError)
    expect(() => holder.refresh({ ...request, level: lowest + 1 })).toThrow(MalformedShareError)
    expect(() => holder.refresh({ ...request, scale: request.scale * 2 ** 90 })).toThrow(RefreshLevelError)
    for (const wrong of [{ scale: 0 }, { scale: Number.NaN }, { magnitude: -1 }, { magnitude: Number.POSITIVE_INFINITY }]) {
      expect(() => holder.refresh({ ...request, ...wrong })).toThrow(InvalidShareRequestError)
    }
    const low = made('low', lowest - 1).ciphertext
    expect(() => protocol.mask(low, cohort.seed('low'))).toThrow(RefreshLevelError)
    const short = encodeComponent(context, low.components[0]!)
    expect(() => holder.refresh({ ...request, level: lowest - 1, masked: short, c1: short })).toThrow(RefreshLevelError)
    const product = new Ciphertext([...ciphertext.components, ciphertext.components[0]!], ciphertext)
    expect(() => protocol.mask(product, cohort.seed('product'))).toThrow(ShareMismatchError)
    expect(ledger.instances(Buffer.from(sessionId).toString('hex'), 'refresh-whole')).toEqual([])
    expect(holder.refresh({ ...request, masked, c1 }).length).toBe(protocol.serializedLength(lowest))
  })

  it('is answered once: the same again, no other input, and as often as the session allows', () => {
    const ledger = new InMemoryShareLedger()
    using holder = new WholeKeyHolder(context, init(ledger))
    const requests = [0, 1, 2, 3].map(i => asked(`once ${i}`, made(`once ${i}`, lowest).ciphertext).request)
    const first = holder.refresh(requests[0]!)
    expect(holder.refresh(requests[0]!)).toEqual(first)
    for (const field of ['masked', 'c1'] as const) {
      expect(() => holder.refresh({ ...requests[0]!, [field]: requests[1]![field] })).toThrow(ShareAlreadyGivenError)
    }
    for (const request of requests.slice(1, 3)) holder.refresh(request)
    // Another process on the same ledger counts on.
    using again = new WholeKeyHolder(context, init(ledger))
    expect(() => again.refresh(requests[3]!)).toThrow(RefreshQuotaError)
    expect(again.refresh(requests[0]!)).toEqual(first)
  })

  it('has randomness of its own for every input, even where the ledger was lost', () => {
    using holder = new WholeKeyHolder(context, init())
    using forgetful = new WholeKeyHolder(context, init())
    const { request } = asked('one', made('one', lowest).ciphertext)
    const { request: other } = asked('two', made('two', lowest).ciphertext)
    const seed = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 32)).toString('hex')
    expect(seed(forgetful.refresh({ ...other, instance: 'one' }))).not.toBe(seed(holder.refresh(request)))
  })

  it('is read strictly', () => {
    using holder = new WholeKeyHolder(context, init())
    const { request } = asked('strict', made('strict', lowest).ciphertext)
    const bytes = holder.refresh(request)
    const changed = (at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
    for (let at = 32; at < 56; at++) expect(() => protocol.deserialize(changed(at), 'strict', lowest), `${at}`).toThrow(MalformedShareError)
    for (const wrong of [bytes.subarray(1), new Uint8Array([...bytes, 0]), bytes.slice().fill(0xff, 56)]) {
      expect(() => protocol.deserialize(wrong, 'strict', lowest)).toThrow(MalformedShareError)
    }
    expect(() => protocol.deserialize(bytes, 'another', lowest)).toThrow(MalformedShareError)
    expect(() => protocol.deserialize(bytes, 'strict', lowest + 1)).toThrow(MalformedShareError)
    expect(() => new WholeKeyRefresh(context, cohort.seed('another session')).deserialize(bytes, 'strict', lowest)).toThrow(
      MalformedShareError
    )
  })
})

describe('c1 = ⌊Q/3⌋ in one request', () => {
  const level = parameters.maxLevel
  const modulus = parameters.primes.reduce((product, prime) => product * prime.value, 1n)
  const third = ring.allocate(parameters.ciphertextIndices(level), 'coefficient')
  ring.fromIntegers(
    third,
    Float64Array.from({ length: ring.N }, (_, i) => (i === 0 ? 1 : 0))
  )
  ring.multiplyScalar(third, ring.ntt(third), modulus / 3n)
  const c1 = encodeComponent(context, third)
  const truth = coefficients(ring, secret.polynomial)
  const request = { instance: 'crafted', level, scale: parameters.scale, magnitude: 1, c1 }
  /** What is nearest to a multiple of a third of the modulus. */
  const guess = (polynomial: Parameters<typeof coefficients>[1]): Float64Array =>
    coefficients(ring, polynomial).map(value => Math.round((3 * value) / Number(modulus)))
  const right = (guessed: Float64Array): number => guessed.filter((value, i) => value === truth[i]).length

  it('takes the whole secret from a party that gives shares', () => {
    using giver = new ShareGiver(context, { ...init(), allowSoleShares: true })
    const { h0 } = new Refresh(context, sessionId).deserialize(giver.refreshShare(request), 'crafted', level)
    expect(right(guess(h0))).toBe(ring.N)
  })

  it('gives a fresh encryption and no more of one that re-encrypts', () => {
    using holder = new WholeKeyHolder(context, init())
    const zero = encodeComponent(context, ring.allocate(parameters.ciphertextIndices(level), 'ntt'))
    const { c0 } = protocol.deserialize(holder.refresh({ ...request, masked: zero }), 'crafted', level)
    // Three values, each for a third of the coefficients: no better than chance (five standard deviations at N = 256).
    expect(right(guess(c0))).toBeLessThan(ring.N / 3 + 5 * Math.sqrt((ring.N * 2) / 9))
  })

  it('is refused by a party that holds the whole key, whatever else is right', () => {
    using giver = new ShareGiver(context, init())
    expect(() => giver.refreshShare(request)).toThrow(SoleKeyShareError)
    const key = new KeyGenerator(context).publicKey(SecretKey.generate(context))
    expect(() => giver.switchShare({ ...request, noise: 20, targetKey: serializePublicKey(key) })).toThrow(SoleKeyShareError)
  })

  it('a party of several is no holder of the whole key', () => {
    const several = makeCohort({ parties: 2, label: 'several' })
    expect(() => new WholeKeyHolder(several.context, init())).toThrow(InvalidShareRequestError)
  })
})

describe('a result', () => {
  const level = 3
  const { values, plaintext, ciphertext } = made('result', level)
  const noise = ciphertext.noise + 1

  it('of the holder’s own is flooded by the evaluator, as much as a switch would be', () => {
    using holder = new WholeKeyHolder(context, init())
    const flooded = floodResult(context, ciphertext, noise, flooding, cohort.seed('flood'))
    expect(largestDifference(holder.decrypt(flooded).real, values.real)).toBeLessThan(2 ** -12)
    const measured = Math.log2(standardDeviation(ciphertextError(cohort, flooded, plaintext)))
    expect(measured).toBeCloseTo(floodingNoise(context, noise, flooding), 0)
    expect(measured).toBeLessThanOrEqual(flooded.noise)
    expect(flooded).toMatchObject({ level, scale: ciphertext.scale, magnitude: ciphertext.magnitude })
    expect(() => floodResult(context, ciphertext, ciphertext.noise - 1, flooding, cohort.seed('less'))).toThrow(InvalidShareRequestError)
    expect(() =>
      floodResult(context, made('low result', 0).ciphertext, noise, { ...flooding, securityBits: 100 }, cohort.seed('low'))
    ).toThrow(FloodingHeadroomError)
  })

  it('of somebody else is re-encrypted for them; the evaluator keeps the first component', () => {
    const receiver = SecretKey.fromSeed(context, cohort.seed('receiver'))
    const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(receiver, cohort.seed('receiver key')))
    const ledger = new InMemoryShareLedger()
    using holder = new WholeKeyHolder(context, { ...init(ledger), minimumSwitchNoise: noise })
    const whole = new WholeKeySwitch(context, sessionId)
    const { scale, magnitude } = ciphertext
    const c1 = encodeComponent(context, ciphertext.components[1]!)
    const request = { instance: 'result', level, noise, scale, magnitude, c1, targetKey }
    const bytes = holder.switch(request)
    expect(holder.switch(request)).toEqual(bytes)
    const switched = whole.finalize(ciphertext, whole.deserialize(bytes, 'result', level), flooding)
    expect(largestDifference(decrypt(cohort, switched, receiver).real, values.real)).toBeLessThan(2 ** -12)
    expect(Math.log2(standardDeviation(ciphertextError(cohort, switched, plaintext, receiver)))).toBeLessThanOrEqual(switched.noise + 1)
    expect(() => holder.switch({ ...request, noise: noise - 0.1 })).toThrow(InvalidShareRequestError)
    expect(() => holder.switch({ ...request, c1: c1.subarray(1) })).toThrow(MalformedShareError)
    expect(() => holder.switch({ ...request, noise: noise + 1 })).toThrow(ShareAlreadyGivenError)
    for (let i = 1; i < flooding.maximumDecryptions; i++) holder.switch({ ...request, instance: `result ${i}` })
    expect(() => holder.switch({ ...request, instance: 'one too many' })).toThrow(DecryptionQuotaError)
    expect(() => whole.deserialize(bytes, 'another', level)).toThrow(MalformedShareError)
  })
})
