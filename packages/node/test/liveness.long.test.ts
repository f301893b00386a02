import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { connected, type Identity, identity, Network, until } from './support/network.js'

const network = new Network()
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await network.stop()
})

const SCRIPT = join(inject('processes'), 'echo-process.js')

async function startChild(
  self: Identity,
  allowed: string,
  listen = '/ip4/127.0.0.1/tcp/0',
  block?: number
): Promise<{ child: ChildProcess; addresses: string[] }> {
  const child = spawn(process.execPath, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  child.stdin!.end(`${JSON.stringify({ key: Buffer.from(self.key.raw).toString('hex'), allowed, listen, block })}\n`)
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve)
    child.once('exit', code => reject(new Error(`child ended with ${code}`)))
  })
  return { child, addresses: (JSON.parse(line) as { addresses: string[] }).addresses }
}

describe('a peer process', () => {
  it('that is killed is down within 10 s, fails what was asked of it, and is up again after a restart', async () => {
    const [self, other] = [await identity(), await identity()]
    const { child, addresses } = await startChild(other, self.peer)
    const transport = await network.start(self, [{ peer: other.peer, addresses }])
    const changes: { state: string; at: number }[] = []
    transport.onPeerChange((_, state) => changes.push({ state, at: performance.now() }))
    await connected(transport, other.peer)
    expect(changes.map(change => change.state)).toEqual(['up'])
    const unanswered = transport.request(other.peer, new Uint8Array(1), { maximumResponseBytes: 1 }).catch((error: unknown) => error)
    await new Promise(resolve => setTimeout(resolve, 200))

    const killed = performance.now()
    child.kill('SIGKILL')
    expect(await unanswered).toMatchObject({ code: 'peer-unreachable', peer: other.peer })
    // At once, not when it is missed.
    expect(changes.map(change => change.state)).toEqual(['up'])
    await until(() => changes.length === 2, 12_000, 'down')
    expect(changes[1]!.state).toBe('down')
    expect(changes[1]!.at - killed).toBeLessThan(10_000)

    await startChild(other, self.peer, addresses[0]!.replace(/\/p2p\/.*/, ''))
    await until(() => changes.length === 3, 10_000, 'up again')
    expect(changes[2]!.state).toBe('up')
    expect(await transport.request(other.peer, new Uint8Array(5), { maximumResponseBytes: 5 })).toHaveLength(5)
  })

  it('that is killed and started again before it was missed is down, then up', async () => {
    const [self, other] = [await identity(), await identity()]
    const { child, addresses } = await startChild(other, self.peer)
    const transport = await network.start(self, [{ peer: other.peer, addresses }], { deadlines: { down: 20_000 } })
    const states: string[] = []
    transport.onPeerChange((_, state) => states.push(state))
    await connected(transport, other.peer)
    child.kill('SIGKILL')
    await new Promise(resolve => child.once('exit', resolve))
    await startChild(other, self.peer, addresses[0]!.replace(/\/p2p\/.*/, ''))
    await until(() => states.length === 3, 15_000, 'up again')
    expect(states).toEqual(['up', 'down', 'up'])
    expect(network.notices.find(notice => notice.kind === 'down')!.error).toMatchObject({ name: 'PeerRestartedError', peer: other.peer })
    expect(await transport.request(other.peer, new Uint8Array(5), { maximumResponseBytes: 5 })).toHaveLength(5)
  })

  it('that is stopped (alive, silent) is down after the missed beats', async () => {
    const [self, other] = [await identity(), await identity()]
    const { child, addresses } = await startChild(other, self.peer)
    const transport = await network.start(self, [{ peer: other.peer, addresses }], { deadlines: { beat: 300, down: 1500 } })
    const states: string[] = []
    transport.onPeerChange((_, state) => states.push(state))
    await connected(transport, other.peer)
    child.kill('SIGSTOP')
    const stopped = performance.now()
    await until(() => states.includes('down'), 5000, 'down')
    expect(performance.now() - stopped).toBeGreaterThan(1000)
    expect(network.notices.find(notice => notice.kind === 'down')!.error).toMatchObject({ name: 'HeartbeatMissedError', peer: other.peer })
    child.kill('SIGCONT')
    await until(() => states.at(-1) === 'up', 8000, 'up again')
  })

  it('that is busy for less than the deadline stays up', async () => {
    const [self, other] = [await identity(), await identity()]
    const { addresses } = await startChild(other, self.peer, undefined, 1500)
    const transport = await network.start(self, [{ peer: other.peer, addresses }], { deadlines: { beat: 300, down: 2500 } })
    const states: string[] = []
    transport.onPeerChange((_, state) => states.push(state))
    await connected(transport, other.peer)
    await new Promise(resolve => setTimeout(resolve, 3500))
    expect(states).toEqual(['up'])
  })
})

describe('this process', () => {
  it('does not take its own pause for the silence of others', async () => {
    const { server, client } = await network.pair({ deadlines: { beat: 100, down: 600 } })
    const states: string[] = []
    client.onPeerChange((_, state) => states.push(state))
    server.onPeerChange((_, state) => states.push(state))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
    await new Promise(resolve => setTimeout(resolve, 800))
    expect(states).toEqual([])
    expect(client.connectedPeers).toEqual([server.self])
  })

  it('reports a short loss of the connection only when it is over, as the same process come back', async () => {
    // However long a busy machine takes to connect again, that is no loss; and what is asked meanwhile waits for it, not for as long as for a peer that is down.
    const { server, client } = await network.pair({ deadlines: { connect: 1, down: 120_000, dial: 120_000, hello: 120_000 } })
    server.serve(async (_, request) => request, { maximumRequestBytes: 10 })
    const states: string[] = []
    client.onPeerChange((_, state) => states.push(state))
    for (const connection of client.host.getConnections()) connection.abort(new Error('cut'))
    expect(await client.request(server.self, new Uint8Array(3), { maximumResponseBytes: 3 })).toHaveLength(3)
    expect(states).toEqual(['back'])
  })

  it('is down for the others at once when it says goodbye', async () => {
    const { server, client } = await network.pair()
    const changes: string[] = []
    server.onPeerChange((peer, state) => changes.push(`${peer} ${state}`))
    await client.stop('maintenance\u001b[2J\nERROR forged')
    await until(() => changes.length > 0, 2000, 'goodbye')
    expect(changes).toEqual([`${client.self} down`])
    const { error } = network.notices.find(notice => notice.kind === 'down')!
    expect(error).toMatchObject({ name: 'PeerLeftError', peer: client.self, goodbye: 'maintenance [2J ERROR forged' })
    expect(error!.message).not.toMatch(/\p{Cc}/u)
    await expect(client.request(server.self, new Uint8Array(1), { maximumResponseBytes: 1 })).rejects.toMatchObject({
      name: 'TransportStoppedError'
    })
  })
})
