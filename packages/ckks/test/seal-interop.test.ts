import {
  type Context,
  Decryptor,
  Encryptor,
  galoisElementOf,
  KeyGenerator,
  KeyMismatchError,
  KeySwitchKey,
  MalformedSealObjectError,
  Parameters,
  SealError,
  UnsupportedParametersError
} from '@slytherin/ckks'
import { SealCodec, SealEvaluator, SealParameters, SealRuntime } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import {
  complexSlots,
  encrypt,
  largestDifference,
  measuredNoise,
  type Party,
  party,
  realSlots,
  rotated,
  SMALL,
  seedOf,
  sharedKernel,
  times
} from './support.js'

/**
 * Stock SEAL on one side, our ring code on the other: each side's keys and ciphertexts used by the other.
 */
describe('interoperability with Microsoft SEAL', () => {
  let owner: Party
  let context: Context
  let runtime: SealRuntime
  let seal: SealParameters
  let codec: SealCodec
  let none: SealRuntime['module']['ComprModeType']['none']

  beforeAll(async () => {
    owner = await party(SMALL)
    context = owner.context
    runtime = await SealRuntime.load()
    seal = new SealParameters(runtime, context.parameters)
    codec = new SealCodec(context, seal)
    none = runtime.module.ComprModeType.none
  })

  afterAll(() => seal.dispose())

  const real = (label: string) => ({
    real: realSlots(label, context.parameters.slots),
    imaginary: new Float64Array(context.parameters.slots)
  })

  it('SEAL encrypts under our public key and decrypts with our secret key', () => {
    const { module } = runtime
    const publicKey = runtime.create('PublicKey', () => new module.PublicKey())
    publicKey.object.loadFromArray(seal.context.object, codec.publicKeyBytes(owner.publicKey))
    const secretKey = runtime.create('SecretKey', () => new module.SecretKey())
    secretKey.object.loadFromArray(seal.context.object, codec.secretKeyBytes(owner.secret))
    const encoder = runtime.create('CKKSEncoder', () => new module.CKKSEncoder(seal.context.object))
    const encryptor = runtime.create('Encryptor', () => new module.Encryptor(seal.context.object, publicKey.object))
    const decryptor = runtime.create('Decryptor', () => new module.Decryptor(seal.context.object, secretKey.object))
    const plaintext = runtime.create('Plaintext', () => new module.Plaintext())
    const ciphertext = runtime.create('Ciphertext', () => new module.Ciphertext())

    // SEAL encrypts, we decrypt: its noise is the one we track for our own encryption
    const x = real('from SEAL')
    encoder.object.encode(x.real, context.parameters.scale, plaintext.object)
    encryptor.object.encrypt(plaintext.object, ciphertext.object)
    using theirs = codec.readCiphertext(ciphertext.object.saveToArray(none), { noise: context.noise.fresh(), magnitude: 1 })
    expect(theirs.level).toBe(3)
    const noise = measuredNoise(owner, theirs, x)
    expect(noise).toBeLessThanOrEqual(context.noise.fresh() + 0.01)
    expect(context.noise.fresh() - noise).toBeLessThan(0.5)

    // we encrypt, SEAL decrypts, at every level
    for (let level = 3; level >= 0; level--) {
      const y = real(`to SEAL ${level}`)
      using ours = encrypt(owner, y, `to SEAL ${level}`, level)
      ciphertext.object.loadFromArray(seal.context.object, codec.ciphertextBytes(ours))
      decryptor.object.decrypt(ciphertext.object, plaintext.object)
      const decoded = encoder.object.decodeFloat64(plaintext.object) as Float64Array
      expect(Math.max(...decoded.map((v, k) => Math.abs(v - y.real[k]!)))).toBeLessThan(1e-8)
    }
    for (const handle of [publicKey, secretKey, encoder, encryptor, decryptor, plaintext, ciphertext]) handle.dispose()
  })

  it('SEAL computes with our relinearisation and Galois keys', () => {
    const { module } = runtime
    const { N } = context.parameters
    const relinearization = owner.generator.relinearizationKey(owner.secret, { seed: seedOf('interop relinearization') })
    const element = galoisElementOf(3, N)
    const galois = owner.generator.galoisKey(owner.secret, element, { seed: seedOf('interop galois') })
    const relinKeys = runtime.create('RelinKeys', () => new module.RelinKeys())
    relinKeys.object.loadFromArray(seal.context.object, codec.relinearizationKeyBytes(relinearization))
    const galoisKeys = runtime.create('GaloisKeys', () => new module.GaloisKeys())
    galoisKeys.object.loadFromArray(seal.context.object, codec.galoisKeyBytes(galois, element))
    expect(relinKeys.object.hasKey(2)).toBe(true)
    expect(galoisKeys.object.hasKey(element)).toBe(true)
    expect(galoisKeys.object.hasKey(1)).toBe(false)

    const evaluator = runtime.create('Evaluator', () => new module.Evaluator(seal.context.object))
    const ciphertext = runtime.create('Ciphertext', () => new module.Ciphertext())
    const x = complexSlots('interop', context.parameters.slots)
    using fresh = encrypt(owner, x, 'interop')
    ciphertext.object.loadFromArray(seal.context.object, codec.ciphertextBytes(fresh))
    evaluator.object.squareInplace(ciphertext.object)
    evaluator.object.relinearizeInplace(ciphertext.object, relinKeys.object)
    evaluator.object.rescaleToNextInplace(ciphertext.object)
    evaluator.object.rotateVectorInplace(ciphertext.object, 3, galoisKeys.object)
    using result = codec.readCiphertext(ciphertext.object.saveToArray(none), { noise: 10, magnitude: 2 })
    expect(result.level).toBe(2)
    expect(largestDifference(owner.decryptor.decrypt(result), rotated(times(x, x), 3))).toBeLessThan(1e-5)

    // and the keys come back from SEAL as they went in
    using relinearizationBack = codec.readRelinearizationKey(relinKeys.object.saveToArray(none))
    const galoisBack = codec.readGaloisKeys(galoisKeys.object.saveToArray(none), 2)
    expect([...galoisBack.keys()]).toEqual([element])
    expect(galoisBack.get(element)!.noise).toBe(2)
    for (const [before, after] of [
      [relinearization, relinearizationBack],
      [galois, galoisBack.get(element)!]
    ] as const) {
      before.digits.forEach(({ b, a }, j) => {
        expect(context.ring.encodeWords(after.digits[j]!.b)).toEqual(context.ring.encodeWords(b))
        expect(context.ring.encodeWords(after.digits[j]!.a)).toEqual(context.ring.encodeWords(a))
      })
    }
    for (const handle of [relinKeys, galoisKeys, evaluator, ciphertext]) handle.dispose()
  })

  it("our code computes with SEAL's keys", async () => {
    const { module } = runtime
    const generator = runtime.create('KeyGenerator', () => new module.KeyGenerator(seal.context.object))
    const bytesOf = (make: () => { saveToArray(mode: typeof none): unknown; delete(): void }) =>
      runtime.use('key', make, key => key.saveToArray(none) as Uint8Array)
    const secret = codec.readSecretKey(bytesOf(() => generator.object.secretKey()))
    const publicKey = codec.readPublicKey(bytesOf(() => generator.object.createPublicKey()))
    const relinearizationKey = codec.readRelinearizationKey(bytesOf(() => generator.object.createRelinKeys()))
    const galoisKeys = codec.readGaloisKeys(bytesOf(() => generator.object.createGaloisKeysWithSteps(Int32Array.of(1, 4))))
    generator.dispose()
    expect(new Set(galoisKeys.keys())).toEqual(new Set([1, 4].map(step => galoisElementOf(step, context.parameters.N))))

    const theirs: Party = {
      context,
      secret,
      publicKey,
      generator: new KeyGenerator(context),
      encryptor: new Encryptor(context, publicKey),
      decryptor: new Decryptor(context, secret)
    }
    const x = complexSlots('their keys', context.parameters.slots)
    using ciphertext = encrypt(theirs, x, 'their keys')
    const noise = measuredNoise(theirs, ciphertext, x)
    expect(noise).toBeLessThanOrEqual(ciphertext.noise)
    const evaluator = await SealEvaluator.create(context, { runtime })
    evaluator.setKeys({ relinearizationKey, galoisKeys })
    using a = evaluator.load(ciphertext)
    using square = evaluator.square(a)
    using linear = evaluator.relinearize(square)
    using rotatedSquare = evaluator.rotate(linear, 4)
    using back = evaluator.store(rotatedSquare)
    expect(measuredNoise(theirs, back, rotated(times(x, x), 4))).toBeLessThanOrEqual(back.noise)
    evaluator.dispose()
  })

  it('refuses parameters and keys SEAL has no place for', async () => {
    const kernel = await sharedKernel()
    const { Context: ContextClass } = await import('@slytherin/ckks')
    const before = runtime.liveHandles
    const two = ContextClass.create(Parameters.generate({ ...SMALL, specialPrimes: 2 }), kernel)
    await expect(SealEvaluator.create(two, { runtime })).rejects.toThrow(UnsupportedParametersError)
    expect(runtime.liveHandles).toBe(before)
    two.dispose()

    const evaluator = await SealEvaluator.create(context, { runtime })
    const held = runtime.liveHandles
    using low = owner.generator.galoisKey(owner.secret, 3, { level: 1, seed: seedOf('low') })
    const relabelled = new KeySwitchKey(low.digits, 2)
    expect(() => evaluator.setKeys({ galoisKeys: new Map([[3, relabelled]]) })).toThrow(KeyMismatchError)
    expect(() => evaluator.setKeys({ relinearizationKey: relabelled, galoisKeys: new Map() })).toThrow(KeyMismatchError)
    expect(runtime.liveHandles).toBe(held)
    evaluator.dispose()
    expect(runtime.liveHandles).toBe(before)
  })

  it("turns SEAL's exceptions into typed errors", () => {
    using ours = encrypt(owner, real('exception'), 'exception')
    const bytes = codec.ciphertextBytes(ours)
    const before = runtime.liveHandles
    const load = (changed: Uint8Array) =>
      runtime.use(
        'load',
        module => new module.Ciphertext(),
        object => object.loadFromArray(seal.context.object, changed)
      )
    expect(() => load(bytes)).not.toThrow()
    const broken = bytes.slice()
    broken.fill(255, 200, 208)
    try {
      load(broken)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(SealError)
      expect(error).toMatchObject({ operation: 'load', exception: 'std::logic_error', reason: 'ciphertext data is invalid' })
    }
    expect(() => load(bytes.slice(0, 100))).toThrow(SealError)
    expect(() => runtime.call('nonsense', module => new module.Modulus(1n))).toThrow(SealError)
    expect(runtime.liveHandles).toBe(before)
  })

  describe('bytes said to come from SEAL', () => {
    let bytes: Uint8Array
    const state = { noise: 4, magnitude: 1 }
    const fieldOf = (changed: Uint8Array) => {
      const before = context.ring.kernel.bytesInUse
      try {
        codec.readCiphertext(changed, state).dispose()
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedSealObjectError)
        expect(context.ring.kernel.bytesInUse).toBe(before)
        return (error as MalformedSealObjectError).field
      }
      return 'accepted'
    }
    const patch = (change: (view: DataView, copy: Uint8Array) => void) => {
      const copy = bytes.slice()
      change(new DataView(copy.buffer), copy)
      return copy
    }

    beforeAll(() => {
      using ciphertext = encrypt(owner, real('frame'), 'frame')
      bytes = codec.ciphertextBytes(ciphertext)
    })

    it('are refused field by field', () => {
      expect(fieldOf(bytes)).toBe('accepted')
      expect(fieldOf(patch(view => view.setUint16(0, 1)))).toBe('ciphertext.magic')
      expect(fieldOf(patch(view => view.setUint8(2, 17)))).toBe('ciphertext.headerSize')
      expect(fieldOf(patch(view => view.setUint8(3, 3)))).toBe('ciphertext.versionMajor')
      expect(fieldOf(patch(view => view.setUint8(4, 0)))).toBe('ciphertext.versionMinor')
      expect(fieldOf(patch(view => view.setUint8(5, 1)))).toBe('ciphertext.compressionMode')
      expect(fieldOf(patch(view => view.setUint8(6, 1)))).toBe('ciphertext.reserved')
      expect(fieldOf(patch(view => view.setUint32(8, 1 << 30, true)))).toBe('ciphertext.size')
      expect(fieldOf(patch(view => view.setUint32(8, bytes.length - 8, true)))).toBe('ciphertext.size')
      expect(fieldOf(patch(view => view.setUint32(97, 24, true)))).toBe('data.size')
      expect(fieldOf(patch(view => view.setUint8(16, view.getUint8(16) ^ 1)))).toBe('parmsId')
      expect(fieldOf(patch(view => view.setUint8(48, 0)))).toBe('isNtt')
      expect(fieldOf(patch(view => view.setBigUint64(49, 4n, true)))).toBe('size')
      expect(fieldOf(patch(view => view.setBigUint64(49, 3n, true)))).toBe('data.count')
      expect(fieldOf(patch(view => view.setBigUint64(57, 4096n, true)))).toBe('data.count')
      expect(fieldOf(patch(view => view.setBigUint64(57, 2n ** 60n, true)))).toBe('N')
      expect(fieldOf(patch(view => view.setBigUint64(65, 3n, true)))).toBe('data.count')
      expect(fieldOf(patch(view => view.setFloat64(73, Number.NaN, true)))).toBe('scale')
      expect(fieldOf(patch(view => view.setFloat64(73, -1, true)))).toBe('scale')
      expect(fieldOf(patch(view => view.setFloat64(73, 2 ** 170, true)))).toBe('scale')
      expect(fieldOf(patch(view => view.setBigUint64(81, 2n, true)))).toBe('correctionFactor')
      expect(fieldOf(patch(view => view.setUint16(89, 1)))).toBe('data.magic')
      expect(fieldOf(patch(view => view.setBigUint64(105, 5n, true)))).toBe('data.count')
      expect(fieldOf(patch((_view, copy) => copy.fill(255, copy.length - 8)))).toBe('data')
      expect(fieldOf(bytes.slice(0, bytes.length - 8))).toBe('ciphertext.size')
      expect(fieldOf(new Uint8Array([...bytes, 0]))).toBe('length')
    })

    it('never throw anything but a typed error', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 120 }), fc.integer({ min: 0, max: 130 }), (noise, at) => {
          const changed = patch((_view, copy) => copy.set(noise, at))
          const field = fieldOf(changed)
          expect(typeof field).toBe('string')
        }),
        { numRuns: runs(300) }
      )
    })

    it('are refused as keys when they are not', () => {
      expect(() => codec.readPublicKey(bytes)).toThrow(MalformedSealObjectError)
      expect(() => codec.readSecretKey(codec.publicKeyBytes(owner.publicKey))).toThrow(MalformedSealObjectError)
      expect(() => codec.readRelinearizationKey(codec.publicKeyBytes(owner.publicKey))).toThrow(MalformedSealObjectError)
      using key = owner.generator.galoisKey(owner.secret, 3, { seed: seedOf('refused') })
      const galois = codec.galoisKeyBytes(key, 3)
      expect(() => codec.readRelinearizationKey(galois)).toThrow(MalformedSealObjectError)
      expect(() => codec.readGaloisKeys(galois.slice(0, galois.length - 8))).toThrow(MalformedSealObjectError)
      const before = context.ring.kernel.bytesInUse
      galois.fill(255, galois.length - 8)
      expect(() => codec.readGaloisKeys(galois)).toThrow(MalformedSealObjectError)
      expect(context.ring.kernel.bytesInUse).toBe(before)
    })
  })
})
