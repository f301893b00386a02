/** Says hello to a roster in place of a party that does not run, and goes. */
import type { PartyConfiguration } from '../configuration/load.js'
import { protocolFailures } from '../network/failures.js'
import { Libp2pTransport } from '../network/transport.js'
import { openIdentity } from '../storage/identity.js'
import { forgetPassphrase, keySourceOf, loadKeyMaterial } from '../storage/key-source.js'
import { StateLock, statePaths } from '../storage/state-directory.js'
import { VERSION } from '../version.js'

export interface Met {
  readonly software?: string
  readonly clockOffsetSeconds?: number
}

export interface Meeting {
  /** By peer id: those that said hello. */
  readonly met: ReadonlyMap<string, Met>
  /** By peer id: why the last try at one of the others failed. */
  readonly failures: ReadonlyMap<string, string>
}

/**
 * @param seconds how long to try
 * @param wanted  peers that are waited for: everybody, unless it is said
 * @throws StateInUseError when the party runs; what opening its identity or listening throws
 */
export async function meet(
  configuration: PartyConfiguration['configuration'],
  seconds: number,
  wanted = configuration.roster.map(({ peerId }) => peerId)
): Promise<Meeting> {
  const paths = statePaths(configuration.state)
  using _lock = await StateLock.acquire(paths)
  const keySource = keySourceOf(configuration)
  using material = await loadKeyMaterial(keySource)
  forgetPassphrase(keySource)
  const identity = await openIdentity(paths.identity, material)
  const failures = new Map<string, string>()
  const transport = await Libp2pTransport.start({
    privateKey: identity.privateKey,
    name: configuration.name,
    software: VERSION,
    listen: configuration.network.listen,
    announce: configuration.network.announce,
    peers: configuration.roster.map(entry => ({ peer: entry.peerId, addresses: entry.addresses })),
    failures: protocolFailures,
    onNotice: notice => {
      if ('error' in notice && notice.error !== undefined) failures.set(notice.peer, notice.error.message)
    }
  })
  // Who answers and leaves at once, having reached everybody itself, has answered.
  const met = new Map<string, Met>()
  const note = (peer: string): void => {
    const [software, clockOffsetSeconds] = [transport.softwareOf(peer), transport.clockOffset(peer)]
    met.set(peer, {
      ...(software === undefined ? {} : { software }),
      ...(clockOffsetSeconds === undefined ? {} : { clockOffsetSeconds })
    })
  }
  for (const peer of transport.connectedPeers) note(peer)
  transport.onPeerChange((peer, state) => {
    if (state === 'up') note(peer)
  })
  try {
    const deadline = performance.now() + seconds * 1000
    const others = wanted.filter(peer => peer !== identity.peer)
    while (others.some(peer => !met.has(peer)) && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return { met, failures }
  } finally {
    await transport.stop('roster check')
  }
}
