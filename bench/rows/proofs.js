/** Proofs of well-formed encryption: what they cost beside the encryptions they are about. SEAL has no counterpart. */

import { secondComponent } from '@slytherin/ckks'
import { EncryptionProofs, proofSize, provedErrorBits } from '@slytherin/mhe'
import { PARTIES, seedOf } from '../shapes.js'

/** @typedef {import('../main.js').Row} Row */

/** Ciphertexts of a proof. */
const BATCH = 32
const SESSION = seedOf('session')

/** @returns {Row[]} */
export const proofRows = () => [
  {
    operation: 'proof-reference',
    title: 'encrypt (to compare proofs with)',
    prepare: ({ ours: { encryptor, plaintext } }) => ({
      kernel: { run: () => encryptor.encrypt(plaintext), release: ciphertext => ciphertext.dispose() },
      seal: null
    })
  },
  {
    operation: 'proof-encrypt',
    title: 'encrypt provably',
    prepare: ({ ours: { encryptor, plaintext } }) => ({
      kernel: {
        run: () => encryptor.encryptProvably(plaintext, seedOf('provable')),
        release: ({ ciphertext, undivided }) => {
          ciphertext.dispose()
          undivided.dispose()
        }
      },
      seal: null
    })
  },
  {
    operation: 'proof-divide',
    title: 'second component from what was proved',
    prepare: ({ ours: { context, encryptor, plaintext }, stack }) => {
      const undivided = encrypted(encryptor, plaintext, stack, 0)
      return { kernel: { run: () => secondComponent(context, undivided, plaintext.level), release: c1 => c1.dispose() }, seal: null }
    }
  },
  {
    operation: 'proof-make',
    title: `proof of ${BATCH} encryptions: make`,
    prepare: bench => {
      const { proofs, request } = batchOf(bench)
      return { kernel: { run: () => proofs.prove(request) }, seal: null }
    }
  },
  {
    operation: 'proof-check',
    title: `proof of ${BATCH} encryptions: check`,
    prepare: bench => {
      const { proofs, request } = batchOf(bench)
      const check = { ...request, undivided: request.batch.map(({ undivided }) => undivided), proof: proofs.prove(request) }
      return { kernel: { run: () => proofs.verify(check) }, seal: null }
    }
  }
]

/**
 * Lines about the proofs of each shape: size, soundness, slack, and the cost in encryptions of the same run.
 *
 * @param {import('../main.js').Result[]} results
 */
export function describeProofs(results) {
  const lines = []
  for (const made of results.filter(({ operation }) => operation === 'proof-make')) {
    const { logN, primes, specialPrimes } = made
    const same = operation =>
      results.find(row => row.operation === operation && row.logN === logN && row.primes === primes && row.specialPrimes === specialPrimes)
    const N = 2 ** logN
    const size = proofSize(N, BATCH)
    lines.push(
      `N = 2^${logN}, ${primes}+${specialPrimes} primes, ${BATCH} ciphertexts: ${size.bytes.toLocaleString('en')} bytes, ${size.rows} rows, soundness error 2^-${size.soundnessBits.toFixed(0)}, ` +
        `slack 2^${size.ephemeralSlackBits.toFixed(1)} of u and 2^${size.errorSlackBits.toFixed(1)} of e1, ${(100 * size.rejection).toFixed(1)} % of attempts rejected, ` +
        `at most 2^${provedErrorBits(N, BATCH, PARTIES, 48).toFixed(1)} of error with ${PARTIES} parties`
    )
    const [encryption, checked] = [same('proof-reference'), same('proof-check')]
    if (encryption === undefined || checked === undefined) continue
    const [make, check] = [made, checked].map(row => (row.kernelMs / encryption.kernelMs).toFixed(1))
    lines.push(`  making it costs ${make} encryptions, checking it ${check}; the aim is ${0.5 * BATCH + 10} for each`)
  }
  return lines
}

function batchOf({ ours: { context, encryptor, plaintext, publicKey }, stack }) {
  const proofs = new EncryptionProofs(context, SESSION)
  const batch = Array.from({ length: BATCH }, (_, i) => ({
    seed: seedOf('provable', i),
    undivided: encrypted(encryptor, plaintext, stack, i)
  }))
  const statement = { sender: 'benchmark', purpose: 'query', first: 0, level: plaintext.level, binding: SESSION }
  return { proofs, request: { publicKey, statement, batch } }
}

function encrypted(encryptor, plaintext, stack, i) {
  const { ciphertext, undivided } = encryptor.encryptProvably(plaintext, seedOf('provable', i))
  ciphertext.dispose()
  return stack.use(undivided)
}
