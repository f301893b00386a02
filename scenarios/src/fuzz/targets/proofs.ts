/** Proofs of encryption: a mutated proof, a mutated ciphertext and a mutated statement all fail. */
import { Encryptor } from '@slytherin/ckks'
import { decodeUndivided, EncryptionProofs, encodeUndivided, type ProofStatement, proofSize } from '@slytherin/mhe'
import { MultipartyError } from '@slytherin/mhe/errors'
import type { Target } from '../target.js'
import type { SmallCohort } from './cohort.js'

const LEVEL = 1
const BATCH = 2

class NoStatementError extends Error {}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

export function proofTargets({ context, sessionId, publicKey, seed }: SmallCohort): Target[] {
  const proofs = new EncryptionProofs(context, sessionId)
  const encryptor = new Encryptor(context, publicKey)
  const batch = Array.from({ length: BATCH }, (_, i) => {
    using plaintext = context.encoder.encode(Float64Array.of(i), { level: LEVEL, scale: context.parameters.scale })
    const { ciphertext, undivided } = encryptor.encryptProvably(plaintext, seed('proved', i))
    ciphertext.dispose()
    return { seed: seed('proved', i), undivided }
  })
  const statement: ProofStatement = { sender: 'patient', purpose: 'query', first: 0, level: LEVEL, binding: seed('binding') }
  const undivided = batch.map(each => each.undivided)
  const proof = proofs.prove({ publicKey, statement, batch }, seed('masks'))
  const length = encodeUndivided(context, undivided[0]!).length
  const size = proofSize(context.parameters.N, BATCH)
  const responses = size.bytes - 48
  return [
    {
      name: 'proof',
      contract: 'authenticated',
      structure: 'bytes',
      weight: 4,
      corpus: [proof, proofs.prove({ publicKey, statement, batch }, seed('other masks'))],
      refusals: [MultipartyError],
      parse: bytes => {
        proofs.verify({ publicKey, statement, undivided, proof: bytes })
        return bytes
      },
      // One more or one less in a response passes every bound, and reaches the challenge.
      mutate: (bytes, random) => {
        const out = bytes.slice()
        const at = 48 + random.below(responses)
        if (at < out.length) out[at]! ^= 1 << random.below(8)
        return out
      }
    },
    {
      name: 'proved ciphertexts',
      contract: 'authenticated',
      structure: 'bytes',
      weight: 4,
      corpus: [new Uint8Array(Buffer.concat(undivided.map(each => encodeUndivided(context, each))))],
      refusals: [MultipartyError],
      parse: bytes => {
        const read = [bytes.subarray(0, length), bytes.subarray(length)].map(part => {
          try {
            return decodeUndivided(context, part, LEVEL)
          } catch (error) {
            return error as Error
          }
        })
        try {
          for (const each of read) if (each instanceof Error) throw each
          proofs.verify({ publicKey, statement, undivided: read as typeof undivided, proof })
          return bytes
        } finally {
          for (const each of read) if (!(each instanceof Error)) each.dispose()
        }
      }
    },
    {
      name: 'proof statement',
      contract: 'authenticated',
      structure: 'json',
      weight: 3,
      corpus: [
        encode({ ...statement, binding: Buffer.from(statement.binding).toString('hex'), session: Buffer.from(sessionId).toString('hex') })
      ],
      refusals: [MultipartyError, NoStatementError],
      parse: bytes => {
        let read: Record<string, unknown>
        try {
          read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>
        } catch (error) {
          throw new NoStatementError(String(error))
        }
        const { session, binding, ...rest } = read ?? {}
        // Whose messages these are, what for and for whom, is the receiver's knowledge; texts that are no hexadecimal never come to be a statement.
        for (const text of [session, binding]) {
          if (typeof text !== 'string' || !/^([0-9a-f]{2})*$/.test(text)) throw new NoStatementError('not hexadecimal')
        }
        const other = new EncryptionProofs(context, Buffer.from(session as string, 'hex'))
        const claimed = { ...rest, binding: Buffer.from(binding as string, 'hex') } as unknown as ProofStatement
        other.verify({ publicKey, statement: claimed, undivided, proof })
        const { sender, purpose, first, level } = claimed
        return encode({ sender, purpose, first, level, binding, session })
      }
    }
  ]
}
