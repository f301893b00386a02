/** Transform, encoder, encryption. */

/** @typedef {import('../main.js').Row} Row */

/** @returns {Row[]} */
export const schemeRows = () => [
  {
    operation: 'ntt',
    title: 'forward NTT, per residue row',
    prepare: bench => ({ kernel: transform(bench, 'ntt'), seal: sealTransform(bench, 'cipherTransformToNtt') })
  },
  {
    operation: 'inverse-ntt',
    title: 'inverse NTT, per residue row',
    prepare: bench => ({ kernel: transform(bench, 'inverseNtt'), seal: sealTransform(bench, 'cipherTransformFromNtt') })
  },
  {
    operation: 'encode',
    title: 'encode',
    prepare: bench => {
      const { context, parameters, slots } = bench.ours
      const options = { level: parameters.maxLevel, scale: parameters.scale }
      const seal = bench.sealObjects()
      return {
        kernel: { run: () => context.encoder.encode(slots, options), release: plaintext => plaintext.dispose() },
        seal: { run: () => seal.encoder.encode(seal.slots, seal.scale, seal.plaintext) }
      }
    }
  },
  {
    operation: 'encrypt',
    title: 'encrypt',
    prepare: bench => {
      const { encryptor, plaintext } = bench.ours
      const seal = bench.sealObjects()
      return {
        kernel: { run: () => encryptor.encrypt(plaintext), release: ciphertext => ciphertext.dispose() },
        seal: { run: () => seal.encryptor.encrypt(seal.plaintext, seal.ciphertext) }
      }
    }
  }
]

function transform(bench, operation) {
  const { ring } = bench.ours.context
  const { components } = bench.ours.ciphertext
  const rows = bench.stack.use(components[0].clone())
  const domain = operation === 'ntt' ? 'coefficient' : 'ntt'
  return {
    run: () => {
      rows.domain = domain
      ring[operation](rows)
    },
    per: rows.indices.length
  }
}

/** SEAL transforms ciphertexts of its BFV scheme, over the same primes. */
function sealTransform(bench, operation) {
  const { runtime, stack } = bench
  const { N, primes, specialPrimes } = bench.theirs.parameters
  const { module } = runtime
  const own = make => stack.use(runtime.create('benchmark', make)).object
  const parameters = own(() => new module.EncryptionParameters(module.SchemeType.bfv))
  const moduli = [...primes, ...specialPrimes].map(prime => own(() => new module.Modulus(prime.value)))
  const vector = own(() => new module.VectorModulus())
  for (const modulus of moduli) vector.push_back(modulus)
  const plainModulus = own(() => new module.Modulus(65537n))
  parameters.setPolyModulusDegree(N)
  parameters.setCoeffModulus(vector)
  parameters.setPlainModulus(plainModulus)
  const context = own(() => new module.SEALContext(parameters, true, module.SecLevelType.none))
  const generator = own(() => new module.KeyGenerator(context))
  const publicKey = own(() => generator.createPublicKey())
  const encryptor = own(() => new module.Encryptor(context, publicKey))
  const evaluator = own(() => new module.Evaluator(context))
  const input = own(() => new module.Ciphertext())
  const output = own(() => new module.Ciphertext())
  encryptor.encryptZero(input)
  if (operation === 'cipherTransformFromNtt') evaluator.cipherTransformToNttInplace(input)
  return { run: () => evaluator[operation](input, output), per: 2 * primes.length }
}
