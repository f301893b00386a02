/**
 * Proofs of well-formed encryption: complete, bound to all they are about, and refused where anything in them or beside them is another.
 */
import { Context, Encryptor, encryptionIndices, PublicKey, secondComponent } from '@slytherin/ckks'
import {
  decodeUndivided,
  EncryptionProofs,
  encodeUndivided,
  InvalidProofRequestError,
  LARGEST_PROOF_BATCH,
  MalformedProofError,
  type ProofCheck,
  type ProofStatement,
  proofSize,
  provedErrorBits,
  UnprovenEncryptionError,
  undividedLength
} from '@slytherin/mhe'
import { loadKernel, type Polynomial } from '@slytherin/ring'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import { type Cohort, cohortOf, collectivePublicKey, makeCohort } from './cohort.js'

const HEADER = 48

interface Prover {
  readonly cohort: Cohort
  readonly publicKey: PublicKey
  readonly proofs: EncryptionProofs
}

function proverOf(cohort: Cohort): Prover {
  return { cohort, publicKey: collectivePublicKey(cohort), proofs: new EncryptionProofs(cohort.context, cohort.sessionId) }
}

const prover = proverOf(makeCohort({ parties: 2, levels: 3, label: 'proofs' }))
const { ring, parameters } = prover.cohort

const statementAt = (level: number): ProofStatement => ({
  sender: 'clinic',
  purpose: 'query',
  first: 7,
  level,
  binding: Uint8Array.of(1, 2, 3)
})

/** Encryptions of zeros with their proof, as who checks gets them. */
function proved(
  { cohort, publicKey, proofs }: Prover,
  level: number,
  count: number,
  label = 'batch'
): ProofCheck & { seeds: Uint8Array[] } {
  const encryptor = new Encryptor(cohort.context, publicKey)
  using plaintext = cohort.context.encoder.encode(new Float64Array(1), { level, scale: cohort.parameters.scale })
  const seeds = Array.from({ length: count }, (_, i) => cohort.seed(label, level, i))
  const undivided = seeds.map(seed => {
    const made = encryptor.encryptProvably(plaintext, seed)
    made.ciphertext.dispose()
    return made.undivided
  })
  const statement = statementAt(level)
  const batch = seeds.map((seed, i) => ({ seed, undivided: undivided[i]! }))
  return { publicKey, statement, undivided, proof: proofs.prove({ publicKey, statement, batch }), seeds }
}

const changed = (bytes: Uint8Array, at: number, bit = 0): Uint8Array => {
  const copy = bytes.slice()
  copy[at]! ^= 1 << bit
  return copy
}

describe('a proof of encryption', () => {
  it.each([
    [0, 1],
    [0, 33],
    [2, 2],
    [3, 1],
    [3, 33]
  ])('at level %i of %i ciphertexts holds, and is as long as it says', (level, count) => {
    const check = proved(prover, level, count)
    expect(() => prover.proofs.verify(check)).not.toThrow()
    expect(check.proof.length).toBe(proofSize(ring.N, count).bytes)
  })

  it('holds with two special primes, and for other degrees', () => {
    for (const options of [{ specialPrimes: 2 }, { logN: 5 }, { logN: 11 }]) {
      const other = proverOf(makeCohort({ parties: 1, levels: 2, label: 'others', ...options }))
      for (const level of [0, 2]) expect(() => other.proofs.verify(proved(other, level, 3))).not.toThrow()
    }
  })

  it('holds for any level, batch and binding', () => {
    fc.assert(
      fc.property(
        fc.nat(3),
        fc.integer({ min: 1, max: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.string({ minLength: 1 }),
        (level, count, binding, sender) => {
          const { undivided, seeds, publicKey } = proved(prover, level, count)
          const statement: ProofStatement = { sender, purpose: 'model', first: count, level, binding }
          const batch = seeds.map((seed, i) => ({ seed, undivided: undivided[i]! }))
          prover.proofs.verify({ publicKey, statement, undivided, proof: prover.proofs.prove({ publicKey, statement, batch }) })
          for (const polynomial of undivided) polynomial.dispose()
        }
      ),
      { numRuns: runs(8) }
    )
  })

  it('is another each time, and the same from the same randomness', () => {
    const { publicKey, statement, undivided, seeds } = proved(prover, 1, 2)
    const request = { publicKey, statement, batch: seeds.map((seed, i) => ({ seed, undivided: undivided[i]! })) }
    const seed = prover.cohort.seed('randomness')
    expect(prover.proofs.prove(request, seed)).toEqual(prover.proofs.prove(request, seed))
    expect(prover.proofs.prove(request)).not.toEqual(prover.proofs.prove(request))
  })

  it('is made with other masks for another statement, even from the same randomness', () => {
    const { publicKey, statement, undivided, seeds } = proved(prover, 1, 1)
    const batch = seeds.map((seed, i) => ({ seed, undivided: undivided[i]! }))
    const { ephemeral } = proofSize(ring.N, 1)
    const randomness = prover.cohort.seed('randomness')
    const responses = [statement, { ...statement, first: 8 }].map(each => {
      const proof = prover.proofs.prove({ publicKey, statement: each, batch }, randomness)
      return ring.decodeIntegers(proof.subarray(HEADER, HEADER + (ring.N * ephemeral.bits) / 8), ring.N, ephemeral.bits)
    })
    // With one mask the difference would be that of two monomials times u: at most 2.
    const near = responses[0]!.filter((value, i) => Math.abs(value - responses[1]![i]!) <= 2)
    expect(near.length).toBeLessThan(ring.N / 16)
  })

  it.each([
    { variant: 'simd', threads: 1 },
    { variant: 'fallback', threads: 1 },
    { variant: 'simd', threads: 2, parallelThreshold: 0 }
  ] as const)('is the same bytes on every kernel, and holds there ($variant, $threads threads)', async options => {
    await using kernel = await loadKernel(options)
    const other = proverOf(cohortOf(parameters, 2, 'proofs', kernel))
    const make = (each: Prover) => {
      const check = proved(each, 2, 9, 'kernels')
      const batch = check.seeds.map((seed, i) => ({ seed, undivided: check.undivided[i]! }))
      return { ...check, proof: each.proofs.prove({ ...check, batch }, prover.cohort.seed('kernels')) }
    }
    const [here, there] = [make(prover), make(other)]
    expect(there.proof).toEqual(here.proof)
    expect(() => other.proofs.verify({ ...there, proof: here.proof })).not.toThrow()
    expect(() => other.proofs.verify({ ...there, proof: changed(here.proof, 16) })).toThrow(UnprovenEncryptionError)
  })

  it('leaves no memory behind, whether it holds or not', () => {
    const check = proved(prover, 2, 3)
    const { kernel } = ring
    const before = kernel.bytesInUse
    prover.proofs.verify(check)
    expect(() => prover.proofs.verify({ ...check, proof: changed(check.proof, 20) })).toThrow(UnprovenEncryptionError)
    expect(() => prover.proofs.verify({ ...check, proof: changed(check.proof, 0) })).toThrow(MalformedProofError)
    prover.proofs.prove({ ...check, batch: check.seeds.map((seed, i) => ({ seed, undivided: check.undivided[i]! })) })
    expect(kernel.bytesInUse).toBe(before)
  })

  it('lets who checked divide: the ciphertext that was encrypted', () => {
    const { cohort, publicKey } = prover
    const values = new Float64Array(parameters.slots).fill(0.5)
    using plaintext = cohort.context.encoder.encode(values, { level: 2, scale: parameters.scale })
    const { ciphertext, undivided } = new Encryptor(cohort.context, publicKey).encryptProvably(plaintext, cohort.seed('sent'))
    const arrived = decodeUndivided(cohort.context, encodeUndivided(cohort.context, undivided), 2)
    const c1 = secondComponent(cohort.context, arrived, 2)
    expect(ring.encodePacked(c1)).toEqual(ring.encodePacked(ciphertext.components[1]!))
  })
})

describe('a proof is refused', () => {
  const LEVEL = 2
  const check = proved(prover, LEVEL, 3)
  const refuse = (other: Partial<ProofCheck>, proofs = prover.proofs) => expect(() => proofs.verify({ ...check, ...other }))
  const unproven = (other: Partial<ProofCheck>, proofs = prover.proofs) => refuse(other, proofs).toThrow(UnprovenEncryptionError)

  it('for another session, sender, purpose, index or binding', () => {
    const { statement } = check
    unproven({}, new EncryptionProofs(prover.cohort.context, prover.cohort.seed('another session')))
    unproven({ statement: { ...statement, sender: 'clinic2' } })
    unproven({ statement: { ...statement, purpose: 'model' } })
    unproven({ statement: { ...statement, first: 8 } })
    unproven({ statement: { ...statement, binding: Uint8Array.of(1, 2, 4) } })
    unproven({ statement: { ...statement, binding: Uint8Array.of(1, 2) } })
  })

  it('with an error that names the sender and the ciphertexts', () => {
    try {
      prover.proofs.verify({ ...check, statement: { ...check.statement, first: 9 } })
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ sender: 'clinic', purpose: 'query', first: 9, count: 3, field: 'challenge' })
    }
  })

  it('for ciphertexts in another order, one in the place of another, or one more or less', () => {
    const [x, y, z] = check.undivided as [Polynomial, Polynomial, Polynomial]
    unproven({ undivided: [y, x, z] })
    unproven({ undivided: [x, x, z] })
    refuse({ undivided: [x, y] }).toThrow(MalformedProofError)
    refuse({ undivided: [x, y, z, z] }).toThrow(MalformedProofError)
  })

  it.each(encryptionIndices(parameters, LEVEL))('when one coefficient of one C1 is another modulo prime %i alone', index => {
    for (const [which, coefficient] of [
      [0, 0],
      [1, ring.N - 1],
      [2, 100]
    ] as const) {
      const undivided = check.undivided.map(polynomial => polynomial.clone())
      const row = undivided[which]!.row(undivided[which]!.indices.indexOf(index))
      row[coefficient] = row[coefficient]! > 0 ? row[coefficient]! - 1 : row[coefficient]! + 1
      unproven({ undivided })
      for (const polynomial of undivided) polynomial.dispose()
    }
  })

  it.each(encryptionIndices(parameters, LEVEL))('under an a that is another modulo prime %i alone', index => {
    const a = prover.publicKey.a.clone()
    const row = a.row(a.indices.indexOf(index))
    row[5] = row[5]! > 0 ? row[5]! - 1 : row[5]! + 1
    unproven({ publicKey: new PublicKey(prover.publicKey.b, a) })
    a.dispose()
  })

  it('under the other half of the key', () => {
    const { a, b } = prover.publicKey
    unproven({ publicKey: new PublicKey(a, b) })
  })

  it('at another level', () => {
    refuse({ statement: statementAt(1) }).toThrow(MalformedProofError)
    const lower = proved(prover, 1, 3)
    expect(() => prover.proofs.verify({ ...lower, proof: check.proof })).toThrow(MalformedProofError)
  })

  it('when any bit of its header is another', () => {
    const fields = new Set<string>()
    for (let at = 0; at < HEADER; at++) {
      for (const bit of [0, 7]) {
        try {
          prover.proofs.verify({ ...check, proof: changed(check.proof, at, bit) })
          expect.unreachable(`byte ${at}`)
        } catch (error) {
          if (error instanceof MalformedProofError || error instanceof UnprovenEncryptionError) fields.add(error.field)
          else throw error
        }
      }
    }
    expect([...fields]).toEqual(['magic', 'version', 'logN', 'reserved', 'level', 'rows', 'count', 'challenge'])
  })

  it('when any bit of a response is another', () => {
    const size = proofSize(ring.N, 3)
    const place = fc.record({ at: fc.integer({ min: HEADER, max: size.bytes - 1 }), bit: fc.nat(7) })
    fc.assert(
      fc.property(place, ({ at, bit }) => {
        try {
          prover.proofs.verify({ ...check, proof: changed(check.proof, at, bit) })
          return false
        } catch (error) {
          return error instanceof UnprovenEncryptionError || (error instanceof MalformedProofError && error.field.startsWith('responses'))
        }
      }),
      { numRuns: runs(60) }
    )
  })

  it('when one response of any row is another by one', () => {
    const size = proofSize(ring.N, 3)
    let offset = HEADER
    for (const { bits } of [size.ephemeral, size.error]) {
      for (let row = 0; row < size.rows; row++, offset += (ring.N * bits) / 8) {
        const end = offset + (ring.N * bits) / 8
        const values = ring.decodeIntegers(check.proof.subarray(offset, end), ring.N, bits)
        values[row] = values[row]! + (values[row]! > 0 ? -1 : 1)
        const proof = check.proof.slice()
        proof.set(ring.encodeIntegers(values, bits), offset)
        unproven({ proof })
      }
    }
  })

  it.each(['ephemeral', 'error'] as const)('when a response is beyond its bound, by one (%s)', kind => {
    const size = proofSize(ring.N, 3)
    const { bits, shift } = size[kind]
    const offset = HEADER + (kind === 'error' ? (size.rows * ring.N * size.ephemeral.bits) / 8 : 0)
    const values = ring.decodeIntegers(check.proof.subarray(offset, offset + (ring.N * bits) / 8), ring.N, bits)
    const refused = (value: number) => {
      const proof = check.proof.slice()
      proof.set(
        ring.encodeIntegers(
          values.map((old, i) => (i === 9 ? value : old)),
          bits
        ),
        offset
      )
      return refuse({ proof })
    }
    const highest = 2 ** (bits - 1) - 1 - shift
    const lowest = -(2 ** (bits - 1)) + shift
    const field = kind === 'ephemeral' ? 'responses for u' : 'responses for e1'
    for (const beyond of [highest + 1, lowest - 1]) refused(beyond).toThrow(expect.objectContaining({ name: 'MalformedProofError', field }))
    for (const within of [highest, lowest]) refused(within).toThrow(UnprovenEncryptionError)
  })

  it('when it is cut, longer, empty, or no bytes', () => {
    const { proof } = check
    for (const other of [
      proof.subarray(1),
      proof.subarray(0, proof.length - 1),
      new Uint8Array([...proof, 0]),
      new Uint8Array(),
      proof.subarray(0, HEADER)
    ]) {
      refuse({ proof: other }).toThrow(MalformedProofError)
    }
    for (const other of [undefined, null, 'proof', {}, [...proof.subarray(0, 50)]])
      refuse({ proof: other as never }).toThrow(MalformedProofError)
  })

  it('whatever bytes it is, of the right length too', () => {
    const { length } = check.proof
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.infiniteStream(fc.nat(255)).map(stream => Uint8Array.from({ length }, () => stream.next().value)),
      fc.uint8Array({ minLength: 32, maxLength: 32 }).map(challenge => {
        const proof = new Uint8Array(length).fill(0x55)
        proof.set(check.proof.subarray(0, 16))
        proof.set(challenge, 16)
        return proof
      })
    )
    fc.assert(
      fc.property(bytes, proof => {
        try {
          prover.proofs.verify({ ...check, proof })
          return false
        } catch (error) {
          return error instanceof MalformedProofError || error instanceof UnprovenEncryptionError
        }
      }),
      { numRuns: runs(40) }
    )
  })
})

describe('what makes no sense', () => {
  const check = proved(prover, 1, 1)
  const batch = [{ seed: check.seeds[0]!, undivided: check.undivided[0]! }]

  it.each([
    ['sender', { sender: '' }],
    ['purpose', { purpose: 'other' as never }],
    ['first', { first: -1 }],
    ['first', { first: 0.5 }],
    ['level', { level: 4 }],
    ['level', { level: -1 }],
    ['binding', { binding: 'bytes' as never }]
  ])('is refused by who proves and who checks: %s', (field, other) => {
    const statement = { ...check.statement, ...other }
    const named = expect.objectContaining({ name: 'InvalidProofRequestError', field })
    expect(() => prover.proofs.verify({ ...check, statement })).toThrow(named)
    expect(() => prover.proofs.prove({ ...check, statement, batch })).toThrow(named)
  })

  it('is refused: no ciphertext, too many, in the wrong domain, over other primes, of another ring, a session of another length', () => {
    const { undivided } = check
    const refuse = (other: readonly Polynomial[]) =>
      expect(() => prover.proofs.prove({ ...check, batch: other.map(polynomial => ({ seed: batch[0]!.seed, undivided: polynomial })) }))
    refuse([]).toThrow(InvalidProofRequestError)
    refuse(new Array(LARGEST_PROOF_BATCH + 1).fill(undivided[0])).toThrow(InvalidProofRequestError)
    refuse([ring.ntt(undivided[0]!.clone())]).toThrow(InvalidProofRequestError)
    refuse([ring.allocate(parameters.keyIndices(), 'coefficient')]).toThrow(InvalidProofRequestError)
    using other = Context.create(parameters, ring.kernel)
    refuse([other.ring.allocate(encryptionIndices(parameters, 1), 'coefficient')]).toThrow(InvalidProofRequestError)
    expect(() => new EncryptionProofs(prover.cohort.context, new Uint8Array(31)).verify(check)).toThrow(InvalidProofRequestError)
  })

  it('is refused: bytes that are not a C1', () => {
    const { context } = prover.cohort
    const bytes = encodeUndivided(context, check.undivided[0]!)
    expect(bytes.length).toBe(undividedLength(context, 1))
    expect(() => decodeUndivided(context, bytes.subarray(1), 1)).toThrow(MalformedProofError)
    expect(() => decodeUndivided(context, bytes, 2)).toThrow(MalformedProofError)
    expect(() => decodeUndivided(context, new Uint8Array(bytes.length).fill(255), 1)).toThrow(MalformedProofError)
  })
})

describe('the size of a proof', () => {
  it('has a soundness error of at most 2^-130, rejects at most one in ten, and stays below 1.5 MB for batches of 32 and more at N = 2^14', () => {
    for (let logN = 4; logN <= 16; logN++) {
      for (const count of [1, 2, 32, 100, 512]) {
        const size = proofSize(2 ** logN, count)
        expect(size.soundnessBits).toBeGreaterThanOrEqual(130)
        expect((size.rows - 1) * Math.log2(2 ** (logN + 1) + 1)).toBeLessThan(130)
        expect(size.rejection).toBeLessThanOrEqual(0.1)
        expect(size.ephemeral.shift).toBe(count)
        expect(size.error.shift).toBe(19 * count)
        if (logN === 14) expect(size.bytes).toBeLessThan(1.5e6)
      }
    }
  })

  it('is what the table says', () => {
    const rowOf = (logN: number, count: number) => {
      const size = proofSize(2 ** logN, count)
      const rounded = [
        size.soundnessBits,
        size.ephemeralSlackBits,
        size.errorSlackBits,
        100 * size.rejection,
        provedErrorBits(2 ** logN, count, 3, 48)
      ]
      return [size.rows, ...rounded.map(x => x.toFixed(1)), size.bytes]
    }
    expect(rowOf(13, 1)).toEqual([10, '140.0', '34.0', '33.8', '8.2', '13.6', 491_568])
    expect(rowOf(13, 32)).toEqual([10, '140.0', '39.0', '38.8', '8.2', '13.9', 593_968])
    expect(rowOf(14, 1)).toEqual([9, '135.0', '36.0', '35.8', '7.4', '14.6', 921_648])
    expect(rowOf(14, 32)).toEqual([9, '135.0', '41.0', '40.8', '7.4', '15.7', 1_105_968])
    expect(rowOf(14, 128)).toEqual([9, '135.0', '43.0', '42.8', '7.4', '17.0', 1_179_696])
    expect(rowOf(15, 32)).toEqual([9, '144.0', '43.0', '42.8', '7.4', '18.0', 2_285_616])
  })
})
