/** How the parties of an attack reach each other: by memory, or over libp2p on loopback as they do when they ship. Attacks know parties by name. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity, KeyMaterial, Libp2pTransport, protocolFailures, signerOf } from '@slytherin/node'
import type { RequestOptions, Signer, Transport } from '@slytherin/protocol'
import { MemoryNetwork } from '@slytherin/protocol/testing'

/** A message on its way; what is returned takes its place. */
export type Hook = (from: string, to: string, bytes: Uint8Array) => Promise<Uint8Array | undefined>

export interface Wires {
  /** How a party is called in the roster and in messages. */
  peerOf(name: string): string
  transport(name: string): Transport
  signer(name: string): Signer
  watch(hook: Hook | undefined): void
  /** Everybody can be reached by the first party. */
  connected(): Promise<void>
  stop(): Promise<void>
}

class KeySigner implements Signer {
  readonly #key: KeyObject
  constructor(
    readonly self: string,
    key: KeyObject,
    private readonly publicKeys: ReadonlyMap<string, KeyObject>
  ) {
    this.#key = key
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return Uint8Array.from(sign(null, bytes, this.#key))
  }

  async verify(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const key = this.publicKeys.get(peer)
    return key !== undefined && verify(null, bytes, key, signature)
  }
}

/** Peers are called by their names. */
export function memoryWires(names: readonly string[]): Wires {
  const network = new MemoryNetwork()
  const pairs = new Map(names.map(name => [name, generateKeyPairSync('ed25519')]))
  const publicKeys = new Map([...pairs].map(([name, { publicKey }]) => [name, publicKey]))
  return {
    peerOf: name => name,
    transport: name => network.transport(name),
    signer: name => new KeySigner(name, pairs.get(name)!.privateKey, publicKeys),
    watch: hook => network.setFault(hook === undefined ? undefined : ({ from, to, bytes }) => hook(from, to, bytes)),
    connected: async () => {},
    stop: async () => {}
  }
}

/** How long parties of one process may take to find each other, in ms. */
const LONGEST_CONNECTING = 60_000

/** A party's transport, each message through the hook before it leaves. */
class HookedTransport implements Transport {
  constructor(
    private readonly inner: Libp2pTransport,
    private readonly through: (to: string, bytes: Uint8Array) => Promise<Uint8Array>
  ) {}

  get self(): string {
    return this.inner.self
  }

  get bytes(): Transport['bytes'] {
    return this.inner.bytes
  }

  async request(peer: string, request: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return await this.inner.request(peer, await this.through(peer, request), options)
  }

  serve(...[handler, limits]: Parameters<Transport['serve']>): void {
    this.inner.serve(async (peer, request, context) => await this.through(peer, await handler(peer, request, context)), limits)
  }

  onPeerChange(...[listener]: Parameters<Transport['onPeerChange']>): () => void {
    return this.inner.onPeerChange(listener)
  }
}

/** Every party a libp2p host on loopback, with its own identity; everybody dials the first. */
export async function socketWires(names: readonly string[]): Promise<Wires> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-attack-'))
  const material = new KeyMaterial('key', randomBytes(32))
  const identities = new Map(
    await Promise.all(names.map(async name => [name, await createIdentity(join(directory, name), material)] as const))
  )
  const peerOf = (name: string): string => identities.get(name)!.peer
  const nameOf = new Map(names.map(name => [peerOf(name), name]))
  const started = new Map<string, Libp2pTransport>()
  let watching: Hook | undefined
  for (const name of names) {
    const first = started.get(names[0]!)
    const { privateKey } = identities.get(name)!
    started.set(
      name,
      await Libp2pTransport.start({
        privateKey,
        listen: first === undefined ? ['/ip4/127.0.0.1/tcp/0'] : [],
        peers: names.map(other => ({ peer: peerOf(other), addresses: other === names[0] && first !== undefined ? first.addresses : [] })),
        name,
        software: 'attack',
        failures: protocolFailures
      })
    )
  }
  return {
    peerOf,
    transport: name =>
      new HookedTransport(started.get(name)!, async (to, bytes) => (await watching?.(name, nameOf.get(to) ?? to, bytes)) ?? bytes),
    signer: name => signerOf(identities.get(name)!),
    watch: hook => {
      watching = hook
    },
    connected: async () => {
      const deadline = performance.now() + LONGEST_CONNECTING
      while (started.get(names[0]!)!.connectedPeers.length < names.length - 1) {
        if (performance.now() > deadline) throw new Error(`not everybody is connected after ${LONGEST_CONNECTING / 1000} s`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    },
    stop: async () => {
      watching = undefined
      await Promise.all([...started.values()].map(transport => transport.stop()))
      material.dispose()
      await rm(directory, { recursive: true, force: true })
    }
  }
}
