import { findNttPrimes, loadKernel, Ring } from '@slytherin/ring'
import initialize from 'node-seal'
import { describe, expect, it } from 'vitest'

/**
 * Microsoft SEAL (through node-seal) transforms the same polynomials: a BFV ciphertext saved before and after its transform.
 * The words are the tail of its serialisation: size × moduli × N of them.
 */
describe('Microsoft SEAL', () => {
  it('has the same root, order and words', async () => {
    const seal = await initialize()
    const logN = 12
    const N = 2 ** logN
    const moduli = findNttPrimes(logN, 36, 3)
    const parameters = new seal.EncryptionParameters(seal.SchemeType.bfv)
    parameters.setPolyModulusDegree(N)
    parameters.setCoeffModulus(seal.vecFromArrayModulus(moduli.map(q => new seal.Modulus(q))))
    parameters.setPlainModulus(new seal.Modulus(65537n))
    const context = new seal.SEALContext(parameters, true, seal.SecLevelType.none)
    const generator = new seal.KeyGenerator(context)
    const encryptor = new seal.Encryptor(context, generator.createPublicKey())
    const evaluator = new seal.Evaluator(context)
    const plain = new seal.Plaintext()
    new seal.BatchEncoder(context).encode(
      BigInt64Array.from({ length: N }, (_, i) => BigInt(i)),
      plain
    )
    const cipher = new seal.Ciphertext()
    encryptor.encrypt(plain, cipher)
    const rows = moduli.length - 1
    const wordsOf = (): Uint8Array => {
      const bytes: Uint8Array = cipher.saveToArray(seal.ComprModeType.none)
      return bytes.slice(bytes.length - 2 * rows * N * 8)
    }
    const before = wordsOf()
    evaluator.cipherTransformToNttInplace(cipher)
    const after = wordsOf()

    const ring = new Ring(await loadKernel(), { logN, moduli })
    for (const component of [0, 1]) {
      const from = component * rows * N * 8
      const a = ring.decodeWords(before.subarray(from, from + rows * N * 8), [0, 1], 'coefficient')
      expect(ring.encodeWords(ring.ntt(a))).toEqual(after.slice(from, from + rows * N * 8))
    }
  })
})
