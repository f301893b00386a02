import { componentsHash, type Statement, statementDigest } from '@slytherin/protocol'
import { describe, expect, test } from 'vitest'
import { digest, toHex } from '../src/base/digest.js'

const sessionId = new Uint8Array(32).fill(1)
const computed = { query: 'q', querier: 'someone', inputs: '02'.repeat(32), model: '03'.repeat(32) }
const assisted = { ...computed, step: 3, instance: 'q/3/0', c1: '00'.repeat(32) }
const request: Statement = { kind: 'request', assist: 'refresh', ...assisted }

describe('what is signed', () => {
  test('is another for every session, signer, kind and field', () => {
    const digests = [
      statementDigest(sessionId, 'a', request),
      statementDigest(new Uint8Array(32).fill(2), 'a', request),
      statementDigest(sessionId, 'b', request),
      statementDigest(sessionId, 'a', { kind: 'endorsement', assist: 'refresh', ...assisted }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'switch', ...assisted }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, query: 'p' }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, querier: 'another' }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, step: 4 }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, instance: 'q/3/1' }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, c1: '01'.repeat(32) }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, inputs: '01'.repeat(32) }),
      statementDigest(sessionId, 'a', { kind: 'request', assist: 'refresh', ...assisted, model: '01'.repeat(32) }),
      statementDigest(sessionId, 'a', { kind: 'result', ...computed, result: '01'.repeat(32) }),
      statementDigest(sessionId, 'a', { kind: 'result', ...computed, result: '04'.repeat(32) })
    ]
    expect(new Set(digests.map(toHex)).size).toBe(digests.length)
  })

  test('does not depend on the order of fields', () => {
    const reordered = Object.fromEntries(Object.entries(request).reverse()) as unknown as Statement
    expect(statementDigest(sessionId, 'a', reordered)).toEqual(statementDigest(sessionId, 'a', request))
  })

  test('of several byte strings tells their order and number', () => {
    const [a, b] = [digest('a'), digest('b')]
    const hashes = [componentsHash([a, b]), componentsHash([b, a]), componentsHash([a]), componentsHash([])]
    expect(new Set(hashes.map(toHex)).size).toBe(4)
  })
})
