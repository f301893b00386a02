import {
  MalformedMessageError,
  NotPermittedError,
  OversizedMessageError,
  UnknownMemberError,
  PeerUnreachableError as Unreachable
} from '@slytherin/protocol'
import { type Caller, type CallOptions, decodeCall, defineCall, encodeCall, Responder, TransportCaller } from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { PeerUnreachableError } from '../../src/errors/errors.js'
import { callUntilThere } from '../../src/service/calls/persistent.js'

const ECHO = defineCall({
  kind: 'echo',
  request: z.strictObject({ text: z.string().max(100) }),
  reply: z.strictObject({ text: z.string() }),
  requestBlobs: { count: 2, bytes: 8 },
  replyBlobs: { count: 2, bytes: 8 }
})

function pair(): { caller: TransportCaller; refused: Error[] } {
  const network = new MemoryNetwork()
  const refused: Error[] = []
  const responder = new Responder({ known: peer => peer !== 'stranger', onRefused: error => refused.push(error) })
  responder.on(
    ECHO,
    peer => (peer === 'alice' ? undefined : 'alice'),
    async ({ head, blobs }) => ({ head: { text: head.text.toUpperCase() }, blobs })
  )
  responder.serve(network.transport('bob'))
  return { caller: new TransportCaller(network.transport('alice')), refused }
}

describe('calls', () => {
  test('carry head and blobs there and back', async () => {
    const { caller } = pair()
    const { head, blobs } = await caller.call('bob', ECHO, { text: 'hello' }, [Uint8Array.of(1, 2), new Uint8Array(0)])
    expect(head).toEqual({ text: 'HELLO' })
    expect(blobs.map(blob => [...blob])).toEqual([[1, 2], []])
  })

  test('are refused with what is wrong of them, and the sender hears it', async () => {
    const { caller, refused } = pair()
    await expect(caller.call('bob', ECHO, { text: 'x'.repeat(101) })).rejects.toMatchObject({ remote: { field: 'text' } })
    await expect(caller.call('bob', ECHO, { text: '' }, [new Uint8Array(9)])).rejects.toMatchObject({ remote: { field: 'blobs[0]' } })
    await expect(caller.call('bob', ECHO, { text: '' }, [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)])).rejects.toMatchObject({
      remote: { field: 'blobs' }
    })
    expect(refused.map(error => error.constructor)).toEqual([MalformedMessageError, OversizedMessageError, MalformedMessageError])
  })

  test('of strangers, and of members who may not, are refused', async () => {
    const network = new MemoryNetwork()
    const responder = new Responder({ known: peer => peer !== 'stranger' })
    responder.on(
      ECHO,
      peer => (peer === 'alice' ? undefined : 'alice'),
      async ({ head }) => ({ head })
    )
    responder.serve(network.transport('bob'))
    const from = (peer: string): TransportCaller => new TransportCaller(network.transport(peer))
    await expect(from('stranger').call('bob', ECHO, { text: '' })).rejects.toMatchObject({ remote: expect.any(UnknownMemberError) })
    await expect(from('carol').call('bob', ECHO, { text: '' })).rejects.toMatchObject({ remote: expect.any(NotPermittedError) })
  })

  test('have one form: what decodes encodes to the same bytes', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (kind, head, blobs) => {
        const value = JSON.parse(JSON.stringify(head)) as unknown
        const bytes = encodeCall(kind, value, blobs)
        const decoded = decodeCall(bytes, 'peer')
        expect(encodeCall(decoded.kind, decoded.head, decoded.blobs)).toEqual(bytes)
      }),
      { seed: 1, numRuns: 200 }
    )
  })

  test('no mutation of the bytes is taken for another message, and every fault is typed', () => {
    const bytes = encodeCall('echo', { text: 'hello' }, [Uint8Array.of(1, 2, 3)])
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const other = bytes.slice()
        other[at]! ^= change
        try {
          const decoded = decodeCall(other, 'peer')
          expect(encodeCall(decoded.kind, decoded.head, decoded.blobs)).toEqual(other)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError)
        }
      }),
      { seed: 2, numRuns: 500 }
    )
  })
})

test('whoever asks until somebody is there hears at once that nobody is, and waits no longer for a connection than it says', async () => {
  const { caller } = pair()
  const given: CallOptions[] = []
  const away: Caller = {
    self: 'alice',
    call: async (peer, kind, head, blobs, options = {}) => {
      given.push(options)
      if (given.length < 3) throw new PeerUnreachableError({ peer, reason: `not connected within ${options.absence} ms` })
      return await caller.call(peer, kind, head, blobs, options)
    }
  }
  const absent: string[] = []
  const { head } = await callUntilThere(away, {
    peer: 'bob',
    kind: ECHO,
    head: { text: 'hello' },
    signal: AbortSignal.timeout(10_000),
    pause: 1,
    absence: 7,
    onAbsent: error => absent.push(error.message)
  })
  expect(head).toEqual({ text: 'HELLO' })
  expect(given.map(({ absence }) => absence)).toEqual([7, 7, 7])
  expect(absent).toEqual([expect.stringContaining('within 7 ms'), expect.stringContaining('within 7 ms')])
})

test.each([
  ['bob', 'peer-unreachable'],
  ['carol', 'remote-failure']
])('a party that says that %s is not there: %s', async (away, code) => {
  const network = new MemoryNetwork()
  const responder = new Responder({ known: () => true })
  responder.on(
    ECHO,
    () => undefined,
    async () => {
      throw new Unreachable({ peer: away, reason: 'this party is starting: try again' })
    }
  )
  responder.serve(network.transport('bob'))
  await expect(new TransportCaller(network.transport('alice')).call('bob', ECHO, { text: '' })).rejects.toMatchObject({ code, peer: 'bob' })
})
