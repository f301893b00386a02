/** `slytherin init`: makes a party's identity and keystore, prints its peer id and its line of the roster. */
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ROLES, type Role } from '@slytherin/protocol'
import { Command, InvalidArgumentError } from 'commander'
import { exists } from '../data/read.js'
import { createIdentity } from '../storage/identity.js'
import { createKeyFile, forgetPassphrase, type KeySource, loadKeyMaterial } from '../storage/key-source.js'
import { createKeystore } from '../storage/keystore.js'
import { StateLock, statePaths } from '../storage/state-directory.js'
import type { Streams } from './console.js'

interface Options {
  directory: string
  name?: string
  passphraseEnvironment?: string
  passphraseFile?: string
  keyFile?: string
  role: Role[]
  address: string[]
  json?: boolean
}

export function initCommand(streams: Streams): Command {
  return new Command('init')
    .description('Make the identity and the keystore of a party, sealed with a passphrase or a key file.')
    .requiredOption('-d, --directory <path>', 'state directory of the party')
    .option('-n, --name <name>', 'what the party calls itself (default: name of the directory)')
    .option('--passphrase-environment <name>', 'environment variable that holds the passphrase')
    .option('--passphrase-file <path>', 'file that holds the passphrase, mode 0600')
    .option('--key-file <path>', 'file with a random key, made when missing (default: DIRECTORY.key beside the directory)')
    .option('-r, --role <role>', `role for the roster line, repeatable: ${ROLES.join(', ')}`, collectRole, [])
    .option('-a, --address <multiaddr>', 'address for the roster line, repeatable', (value: string, all: string[]) => [...all, value], [])
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => {
      const directory = resolve(options.directory)
      const name = options.name ?? basename(directory)
      const source = keySource(options, directory)
      const madeKey = source.kind === 'key-file' && !(await exists(source.path))
      if (source.kind === 'key-file' && madeKey) {
        await mkdir(dirname(source.path), { recursive: true })
        await createKeyFile(source.path)
      }
      using material = await loadKeyMaterial(source)
      forgetPassphrase(source)
      const paths = statePaths(directory)
      using _lock = await StateLock.acquire(paths)
      const identity = await createIdentity(paths.identity, material)
      await createKeystore(paths.keystore, material)
      const roles = options.role.length > 0 ? options.role : ['key-holder' as const]
      const entry = { name, peerId: identity.peer, roles, addresses: options.address }
      if (options.json === true) {
        streams.out(`${JSON.stringify({ ...entry, directory, ...(source.kind === 'key-file' ? { keyFile: source.path } : {}) })}\n`)
        return
      }
      streams.out(`peer id      ${identity.peer}\nstate        ${directory}\n`)
      if (madeKey) streams.out(`key file     ${source.path} (whoever has it and the state directory has the secrets: keep them apart)\n`)
      streams.out(
        `roster line  - { name: ${name}, peerId: ${identity.peer}, roles: [${roles.join(', ')}], addresses: [${options.address.join(', ')}] }\n`
      )
    })
}

function keySource({ passphraseEnvironment, passphraseFile, keyFile }: Options, directory: string): KeySource {
  const given = [passphraseEnvironment, passphraseFile, keyFile].filter(value => value !== undefined)
  if (given.length > 1) throw new InvalidArgumentError('give only one of --passphrase-environment, --passphrase-file and --key-file')
  if (passphraseEnvironment !== undefined) return { kind: 'environment', name: passphraseEnvironment }
  if (passphraseFile !== undefined) return { kind: 'passphrase-file', path: resolve(passphraseFile) }
  return { kind: 'key-file', path: keyFile === undefined ? join(dirname(directory), `${basename(directory)}.key`) : resolve(keyFile) }
}

function collectRole(value: string, all: Role[]): Role[] {
  const role = ROLES.find(known => known === value)
  if (role === undefined) throw new InvalidArgumentError(`Roles are ${ROLES.join(', ')}.`)
  return [...all, role]
}
