/** The loop that keeps a peer connected: what it hears of a dial, and that it does not dial without pause. */
import type { Connection } from '@libp2p/interface'
import { expect, it } from 'vitest'
import type { NetworkNotice, TransportHost } from '../src/network/carrier.js'
import { keepConnected } from '../src/network/dialer.js'
import { protocolFailures } from '../src/network/failures.js'
import { PeerTransport } from '../src/network/peer-transport.js'

const PEER = '12D3KooWQbgAUBDFViH98xkDoRS3MobiFg2wjr7T5cxYsNcP9fpP'

it('a connection that is lost as soon as it is there is dialled again with pauses that grow', async () => {
  const stop = new AbortController()
  let dials = 0
  const kept = keepConnected(
    {
      peer: PEER,
      connected: () => false,
      dial: async () => void dials++,
      disconnected: async () => undefined,
      failed: () => undefined
    },
    stop.signal
  )
  await new Promise(resolve => setTimeout(resolve, 1_500))
  stop.abort()
  await kept
  expect(dials).toBeGreaterThan(1)
  expect(dials).toBeLessThan(8)
})

it('a hello that failed before the dial was over fails the dial with its reason, at once', async () => {
  let opened: ((connection: Connection) => void) | undefined
  const host: TransportHost = {
    self: '12D3KooWDFMQhxtRynMubHxspWHLccfRduUW6gKATJr3wfHVe9bb',
    addresses: [],
    handle: async () => undefined,
    onOpened: listener => {
      opened = listener
    },
    know: async () => undefined,
    dial: async () => {
      const connection = {
        remotePeer: { toString: () => PEER },
        newStream: async () => {
          throw new Error('the connection was cut')
        },
        abort: () => undefined
      }
      opened!(connection as unknown as Connection)
      await new Promise(resolve => setTimeout(resolve, 50))
    },
    stop: async () => undefined
  }
  const begun = performance.now()
  const failed = await new Promise<NetworkNotice>((resolve, reject) => {
    PeerTransport.over(host, {
      peers: [{ peer: PEER, addresses: ['somewhere'] }],
      name: 'test',
      software: 'test',
      failures: protocolFailures,
      deadlines: { hello: 30_000 },
      onNotice: notice => notice.kind === 'dial-failed' && resolve(notice)
    }).catch(reject)
  })
  expect(failed).toMatchObject({ error: { message: expect.stringMatching(/the connection was cut/) } })
  expect(performance.now() - begun).toBeLessThan(20_000)
})
