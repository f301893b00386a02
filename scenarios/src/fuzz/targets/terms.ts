/** What a session is agreed on: descriptors, plans, architectures; and what is signed while it lives. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { CkksError } from '@slytherin/ckks/errors'
import { parseArchitecture } from '@slytherin/engine'
import { EngineError } from '@slytherin/engine/errors'
import { decodeDescriptor, encodeDescriptor, ProtocolError, parsePlan, type Statement, statementDigest } from '@slytherin/protocol'
import type { Target } from '../target.js'
import type { RecordedSession } from './messages.js'

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
/** What is no JSON is refused where all of these are read. */
class NoJsonError extends Error {}

function decode(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new NoJsonError(String(error))
  }
}

export function termsTargets({ plan, descriptor }: RecordedSession): Target[] {
  return [
    {
      name: 'descriptor',
      contract: 'one form',
      structure: 'json',
      weight: 8,
      corpus: [descriptor],
      refusals: [ProtocolError],
      parse: bytes => encodeDescriptor(decodeDescriptor(bytes, 'peer'))
    },
    {
      name: 'plan',
      contract: 'same value',
      structure: 'json',
      weight: 6,
      corpus: [encode(plan)],
      refusals: [NoJsonError, EngineError, CkksError],
      parse: bytes => encode(parsePlan(decode(bytes)))
    },
    {
      name: 'architecture',
      contract: 'same value',
      structure: 'json',
      weight: 6,
      corpus: [encode(plan.architecture)],
      refusals: [NoJsonError, EngineError],
      parse: bytes => encode(parseArchitecture(decode(bytes)))
    },
    statementTarget()
  ]
}

class BadSignatureError extends Error {}

/** Session, signer, statement and signature together, as evidence keeps them. */
function statementTarget(): Target {
  // PKCS #8 of Ed25519 with a key of our own: the same signatures in every run.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const known = createPublicKey(key)
  const hash = 'ab'.repeat(32)
  const computed = { query: 'q', querier: 'patient', inputs: hash, model: 'ef'.repeat(32) } as const
  const assisted = { ...computed, step: 3, instance: 'q/3/0', c1: hash } as const
  const statements: Statement[] = [
    { kind: 'query', query: 'q', querier: 'patient', samples: 4, inputs: hash },
    { kind: 'model', parts: 3, hash },
    { kind: 'key-share', protocol: 'galois', instance: '5', share: hash },
    { kind: 'request', assist: 'refresh', ...assisted },
    { kind: 'endorsement', assist: 'switch', ...assisted },
    { kind: 'shares', assist: 'refresh', ...assisted, shares: hash },
    { kind: 'result', ...computed, result: hash }
  ]
  const session = 'cd'.repeat(32)
  const corpus = statements.map(statement => {
    const signature = sign(null, statementDigest(Buffer.from(session, 'hex'), 'witness', statement), key).toString('hex')
    return encode({ session, signer: 'witness', statement, signature })
  })
  return {
    name: 'signed statement',
    contract: 'authenticated',
    structure: 'json',
    weight: 8,
    corpus,
    refusals: [NoJsonError, BadSignatureError],
    parse: bytes => {
      const read = decode(bytes) as { session?: unknown; signer?: unknown; statement?: unknown; signature?: unknown } | null
      const { session: id, signer, statement, signature } = read ?? {}
      for (const text of [id, signature]) {
        if (typeof text !== 'string' || !/^([0-9a-f]{2})+$/.test(text)) throw new BadSignatureError('not hexadecimal')
      }
      if (typeof signer !== 'string') throw new BadSignatureError('no signer')
      let digest: Uint8Array
      try {
        digest = statementDigest(Buffer.from(id as string, 'hex'), signer, statement as Statement)
      } catch (error) {
        throw new BadSignatureError(String(error))
      }
      if (signer !== 'witness' || !verify(null, digest, known, Buffer.from(signature as string, 'hex')))
        throw new BadSignatureError('not signed')
      return encode({ session: id, signer, statement, signature })
    }
  }
}
