/**
 * A party in a process of its own that echoes requests; run as `node echo-process.ts`, told what to do in one JSON line on standard input.
 * Prints its addresses as JSON, then waits to be killed.
 */
import { createInterface } from 'node:readline'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { Libp2pTransport } from '@slytherin/node'
import { jsonFailures } from './network.ts'

interface Instructions {
  /** Raw private key, hexadecimal. */
  readonly key: string
  readonly allowed: string
  readonly listen: string
  /** Block the event loop for so many ms, one second after a peer came up. */
  readonly block?: number
}

const [line] = (await Array.fromAsync({
  async *[Symbol.asyncIterator]() {
    for await (const text of createInterface({ input: process.stdin })) {
      yield text
      return
    }
  }
})) as string[]
const { key, allowed, listen, block } = JSON.parse(line!) as Instructions
const transport = await Libp2pTransport.start({
  privateKey: privateKeyFromRaw(Buffer.from(key, 'hex')),
  listen: [listen],
  peers: [{ peer: allowed, addresses: [] }],
  name: 'echo',
  software: 'test',
  failures: jsonFailures
})
transport.serve(async (_, request) => (request.length === 1 ? await new Promise<Uint8Array>(() => {}) : request), {
  maximumRequestBytes: 1 << 20
})
if (block !== undefined) {
  transport.onPeerChange((_, state) => {
    if (state === 'up') setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block), 1000)
  })
}
process.stdout.write(`${JSON.stringify({ addresses: transport.addresses })}\n`)
