/** `slytherin roster`: edits (roster-edit.ts), and `check`: is the configuration usable, is this party in its roster, do the others answer? */
import { Command } from 'commander'
import { ConfigurationError } from '../configuration/errors.js'
import { loadPartyConfiguration, type PartyConfiguration } from '../configuration/load.js'
import { protocolFailures } from '../network/failures.js'
import { Libp2pTransport } from '../network/transport.js'
import { openIdentity, peekPeer } from '../storage/identity.js'
import { forgetPassphrase, keySourceOf, loadKeyMaterial } from '../storage/key-source.js'
import { StateLock, statePaths } from '../storage/state-directory.js'
import { VERSION } from '../version.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE } from './exit-codes.js'
import { rosterEditCommands } from './roster-edit.js'

interface Options {
  config: string
  connect?: boolean
  seconds: number
}

export function rosterCommand(streams: Streams): Command {
  const check = new Command('check')
    .description('Check a configuration and its roster; with --connect, whether the others can be reached.')
    .requiredOption('-c, --config <path>', 'party.yaml')
    .option('--connect', 'say hello to every party that has an address')
    .option('--seconds <number>', 'how long to try', Number, 10)
    .action(async (options: Options) => {
      const { configuration } = await loadPartyConfiguration(options.config)
      const self = await peekPeer(statePaths(configuration.state).identity)
      if (!configuration.roster.some(entry => entry.peerId === self)) {
        const remedy = 'Add the line that "slytherin init" printed.'
        throw new ConfigurationError(options.config, [
          { key: 'roster', expected: `this party's own peer id ${self}`, got: 'a roster without it', remedy }
        ])
      }
      const reached = options.connect === true ? await meet(configuration, options.seconds) : undefined
      for (const { name, peerId, roles } of configuration.roster) {
        const state = peerId === self ? 'this party' : reached === undefined ? '' : reached.has(peerId) ? 'answers' : 'DOES NOT ANSWER'
        streams.out(`${name.padEnd(20)} ${peerId}  ${roles.join(', ')}${state === '' ? '' : `  ${state}`}\n`)
      }
      const missing = reached === undefined ? [] : configuration.roster.filter(entry => entry.peerId !== self && !reached.has(entry.peerId))
      if (missing.length > 0) throw new ExitError(EXIT_FAILURE)
    })
  const command = new Command('roster').description('The list of parties.')
  for (const inner of [...rosterEditCommands(streams), check]) command.addCommand(inner)
  return command
}

/** @returns the peers that said hello */
async function meet(configuration: PartyConfiguration['configuration'], seconds: number): Promise<Set<string>> {
  const paths = statePaths(configuration.state)
  using _lock = await StateLock.acquire(paths)
  const keySource = keySourceOf(configuration)
  using material = await loadKeyMaterial(keySource)
  forgetPassphrase(keySource)
  const identity = await openIdentity(paths.identity, material)
  const transport = await Libp2pTransport.start({
    privateKey: identity.privateKey,
    name: configuration.name,
    software: VERSION,
    listen: configuration.network.listen,
    announce: configuration.network.announce,
    peers: configuration.roster.map(entry => ({ peer: entry.peerId, addresses: entry.addresses })),
    failures: protocolFailures
  })
  // Who answers and leaves at once, having reached everybody itself, has answered.
  const reached = new Set(transport.connectedPeers)
  transport.onPeerChange((peer, state) => {
    if (state === 'up') reached.add(peer)
  })
  try {
    const deadline = performance.now() + seconds * 1000
    while (reached.size < configuration.roster.length - 1 && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return reached
  } finally {
    await transport.stop('roster check')
  }
}
