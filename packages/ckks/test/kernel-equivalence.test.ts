import {
  type Ciphertext,
  type ComplexVector,
  type Context,
  conjugationElement,
  Decryptor,
  Encryptor,
  type Evaluator,
  type EvaluatorCiphertext,
  galoisElementOf,
  KernelEvaluator,
  KeyGenerator,
  KeySwitchKey
} from '@slytherin/ckks'
import { SealCodec, SealEvaluator, SealParameters, SealRuntime } from '@slytherin/ckks/seal'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, conjugated, encrypt, measuredNoise, type Party, party, rotated, SMALL, seedOf, times } from './support.js'

/** Our kernel and stock SEAL on the same residues. */
describe('KernelEvaluator and Microsoft SEAL', () => {
  let owner: Party
  let context: Context
  let runtime: SealRuntime
  let kernel: KernelEvaluator
  let seal: SealEvaluator
  let x: ComplexVector
  let y: ComplexVector
  let X: Ciphertext
  let Y: Ciphertext
  const levels = SMALL.levels

  beforeAll(async () => {
    owner = await party(SMALL)
    context = owner.context
    runtime = await SealRuntime.load()
    kernel = new KernelEvaluator(context)
    seal = await SealEvaluator.create(context, { runtime })
    const { slots } = context.parameters
    x = complexSlots('equivalence x', slots)
    y = complexSlots('equivalence y', slots)
    X = encrypt(owner, x, 'equivalence x')
    Y = encrypt(owner, y, 'equivalence y')
  })

  afterAll(() => {
    kernel.dispose()
    seal.dispose()
    X.dispose()
    Y.dispose()
    context.dispose()
  })

  const words = (ciphertext: Ciphertext) => ciphertext.components.map(component => context.ring.encodeWords(component))

  /** Loads x and y into an evaluator, computes, and gives back the words and what is tracked. */
  const outcome = (
    evaluator: Evaluator,
    level: number,
    compute: (evaluator: Evaluator, a: EvaluatorCiphertext, b: EvaluatorCiphertext) => EvaluatorCiphertext
  ) => {
    using whole = evaluator.load(X)
    using other = evaluator.load(Y)
    using a = evaluator.dropLevel(whole, level)
    using b = evaluator.dropLevel(other, level)
    using result = compute(evaluator, a, b)
    using stored = evaluator.store(result)
    const { degree, scale, noise, magnitude } = stored
    return { words: words(stored), level: stored.level, degree, scale, noise, magnitude }
  }

  const EXACT: Record<string, (evaluator: Evaluator, a: EvaluatorCiphertext, b: EvaluatorCiphertext) => EvaluatorCiphertext> = {
    add: (evaluator, a, b) => evaluator.add(a, b),
    subtract: (evaluator, a, b) => evaluator.subtract(a, b),
    'add in place': (evaluator, a, b) => {
      const sum = evaluator.copy(a)
      evaluator.addInPlace(sum, b)
      return sum
    },
    'add a plaintext': (evaluator, a) => {
      using p = evaluator.plaintext(y, { level: a.level, scale: a.scale })
      return evaluator.addPlain(a, p)
    },
    'multiply without relinearisation': (evaluator, a, b) => evaluator.multiply(a, b),
    square: (evaluator, a) => evaluator.square(a),
    'multiply by a plaintext': (evaluator, a) => {
      using p = evaluator.plaintext(y, { level: a.level, scale: 2 ** 30 })
      return evaluator.multiplyPlain(a, p)
    },
    'accumulate products': (evaluator, a, b) =>
      evaluator.multiplyAccumulate([
        [a, b],
        [a, a],
        [b, a]
      ]),
    'accumulate plain products': (evaluator, a, b) => {
      using p = evaluator.plaintext(x, { level: a.level, scale: 2 ** 30 })
      using q = evaluator.plaintext(y, { level: a.level, scale: 2 ** 30 })
      return evaluator.multiplyAccumulate([
        [a, p],
        [b, q]
      ])
    },
    'add products onto a product': (evaluator, a, b) => {
      const sum = evaluator.multiply(a, b)
      evaluator.multiplyAddInPlace(sum, b, b)
      return sum
    },
    'add a product onto its own factor': (evaluator, a) => {
      using p = evaluator.plaintext(Float64Array.of(3, -2), { level: a.level, scale: 1 })
      const sum = evaluator.copy(a)
      evaluator.multiplyAddInPlace(sum, sum, p)
      return sum
    },
    'subtract a product from a sum of another degree': (evaluator, a, b) => {
      using p = evaluator.plaintext(x, { level: a.level, scale: a.scale })
      using plain = evaluator.multiplyPlain(a, p)
      using product = evaluator.multiply(a, b)
      return evaluator.subtract(plain, product)
    },
    rescale: (evaluator, a, b) => {
      using product = evaluator.multiply(a, b)
      return evaluator.rescale(product)
    }
  }

  for (const [name, compute] of Object.entries(EXACT)) {
    it(`agree residue for residue: ${name}`, () => {
      // a product needs two primes to hold its scale
      for (let level = levels; level >= 1; level--) expect(outcome(kernel, level, compute)).toEqual(outcome(seal, level, compute))
    })
  }

  it('agree residue for residue: automorphisms', () => {
    // under a key of zeros the switched part vanishes, and SEAL shows σ(c0)
    const { N, maxLevel } = context.parameters
    const indices = context.parameters.keyIndices()
    const zero = () => context.ring.allocate(indices, 'ntt')
    using key = new KeySwitchKey(
      Array.from({ length: context.parameters.digits(maxLevel) }, () => ({ b: zero(), a: zero() })),
      maxLevel,
      0
    )
    const steps = [1, 2, -3, 100]
    const elements = [...steps.map(step => galoisElementOf(step, N)), conjugationElement(N)]
    for (const evaluator of [kernel, seal]) evaluator.setKeys({ galoisKeys: new Map(elements.map(element => [element, key])) })
    for (const step of steps) {
      const expected = outcome(seal, 2, (evaluator, a) => evaluator.rotate(a, step)).words
      expect(outcome(kernel, 2, (evaluator, a) => evaluator.rotate(a, step)).words).toEqual(expected)
      expect(outcome(kernel, 2, (evaluator, a) => evaluator.rotateMany(a, [step])[0]!).words).toEqual(expected)
    }
    expect(outcome(kernel, 2, (evaluator, a) => evaluator.conjugate(a)).words).toEqual(
      outcome(seal, 2, (evaluator, a) => evaluator.conjugate(a)).words
    )
  })

  it("compute on each other's ciphertexts with the same keys, within the tracked noise", () => {
    const { N } = context.parameters
    const relinearizationKey = owner.generator.relinearizationKey(owner.secret, { seed: seedOf('crossing') })
    const element = galoisElementOf(5, N)
    const conjugation = conjugationElement(N)
    const galoisKeys = new Map(
      [element, conjugation].map(g => [g, owner.generator.galoisKey(owner.secret, g, { seed: seedOf('crossing', g) })])
    )
    for (const evaluator of [kernel, seal]) evaluator.setKeys({ relinearizationKey, galoisKeys })
    const step = (evaluator: Evaluator, input: Ciphertext) => {
      using a = evaluator.load(input)
      using square = evaluator.square(a)
      using linear = evaluator.relinearize(square)
      using rescaled = evaluator.rescale(linear)
      using rotation = evaluator.rotate(rescaled, 5)
      using result = evaluator.conjugate(rotation)
      return evaluator.store(result)
    }
    for (const [first, second] of [
      [kernel, seal],
      [seal, kernel]
    ] as const) {
      using middle = step(first, X)
      const once = conjugated(rotated(times(x, x), 5))
      expect(measuredNoise(owner, middle, once)).toBeLessThanOrEqual(middle.noise)
      using last = step(second, middle)
      const twice = conjugated(rotated(times(once, once), 5))
      expect(measuredNoise(owner, last, twice)).toBeLessThanOrEqual(last.noise)
    }
    relinearizationKey.dispose()
    for (const key of galoisKeys.values()) key.dispose()
  })

  it("the kernel computes with keys and ciphertexts that stock SEAL made, and SEAL with the kernel's results", () => {
    const { module } = runtime
    const parameters = new SealParameters(runtime, context.parameters)
    const codec = new SealCodec(context, parameters)
    const none = module.ComprModeType.none
    const generator = runtime.create('KeyGenerator', () => new module.KeyGenerator(parameters.context.object))
    const bytesOf = (make: () => { saveToArray(mode: typeof none): unknown; delete(): void }) =>
      runtime.use('key', make, key => key.saveToArray(none) as Uint8Array)
    using secret = codec.readSecretKey(bytesOf(() => generator.object.secretKey()))
    using publicKey = codec.readPublicKey(bytesOf(() => generator.object.createPublicKey()))
    using relinearizationKey = codec.readRelinearizationKey(bytesOf(() => generator.object.createRelinKeys()))
    const galoisKeys = codec.readGaloisKeys(bytesOf(() => generator.object.createGaloisKeysWithSteps(Int32Array.of(1, -4))))
    generator.dispose()
    kernel.setKeys({ relinearizationKey, galoisKeys })
    const theirs: Party = {
      context,
      secret,
      publicKey,
      generator: new KeyGenerator(context),
      encryptor: new Encryptor(context, publicKey),
      decryptor: new Decryptor(context, secret)
    }

    // encrypted by SEAL
    const publicKeyObject = runtime.create('PublicKey', () => new module.PublicKey())
    publicKeyObject.object.loadFromArray(parameters.context.object, codec.publicKeyBytes(publicKey))
    const encryptor = runtime.create('Encryptor', () => new module.Encryptor(parameters.context.object, publicKeyObject.object))
    const encoder = runtime.create('CKKSEncoder', () => new module.CKKSEncoder(parameters.context.object))
    const plaintext = runtime.create('Plaintext', () => new module.Plaintext())
    const ciphertext = runtime.create('Ciphertext', () => new module.Ciphertext())
    encoder.object.encode(x.real, context.parameters.scale, plaintext.object)
    encryptor.object.encrypt(plaintext.object, ciphertext.object)
    const values = { real: x.real, imaginary: new Float64Array(x.real.length) }
    using input = codec.readCiphertext(ciphertext.object.saveToArray(none), { noise: context.noise.fresh(), magnitude: 1 })

    using a = kernel.load(input)
    using square = kernel.square(a)
    using linear = kernel.relinearize(square)
    const [left, right] = kernel.rotateMany(linear, [1, -4])
    using sum = kernel.add(left!, right!)
    using rescaled = kernel.rescale(sum)
    using output = kernel.store(rescaled)
    left!.dispose()
    right!.dispose()
    const squared = times(values, values)
    const expected = rotated(squared, 1).real.map((value, k) => value + rotated(squared, -4).real[k]!)
    expect(measuredNoise(theirs, output, { real: expected, imaginary: values.imaginary })).toBeLessThanOrEqual(output.noise)

    // decrypted by SEAL
    const secretKey = runtime.create('SecretKey', () => new module.SecretKey())
    secretKey.object.loadFromArray(parameters.context.object, codec.secretKeyBytes(secret))
    const decryptor = runtime.create('Decryptor', () => new module.Decryptor(parameters.context.object, secretKey.object))
    ciphertext.object.loadFromArray(parameters.context.object, codec.ciphertextBytes(output))
    decryptor.object.decrypt(ciphertext.object, plaintext.object)
    const decoded = encoder.object.decodeFloat64(plaintext.object) as Float64Array
    expect(Math.max(...decoded.map((value, k) => Math.abs(value - expected[k]!)))).toBeLessThan(1e-5)

    for (const handle of [publicKeyObject, encryptor, encoder, plaintext, ciphertext, secretKey, decryptor]) handle.dispose()
    for (const key of galoisKeys.values()) key.dispose()
    parameters.dispose()
  })
})
