/** `slytherin init`: makes a party's identity and keystore, prints its peer id and its line of the roster; for a service, writes its party.yaml. */
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { ROLES, type Role } from '@slytherin/protocol'
import { Command, InvalidArgumentError } from 'commander'
import { serviceTemplate } from '../configuration/templates.js'
import { exists } from '../data/read.js'
import { writeAtomically } from '../storage/atomic-file.js'
import { FileExistsError } from '../storage/errors.js'
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
  cohort?: string
  config?: string
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
    .option('--cohort <evaluator>', 'write a party.yaml for a standing service, whose evaluator has this name or peer id in the roster')
    .option('--config <path>', 'where to write it (default: DIRECTORY.yaml beside the directory)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  slytherin init --directory ./clinic --role querier --cohort carol\n  slytherin party --config clinic.yaml'
    )
    .action(async (options: Options) => {
      const directory = resolve(options.directory)
      const name = options.name ?? basename(directory)
      const source = keySource(options, directory)
      const config = configPath(options, directory)
      if (config !== undefined && (await exists(config))) throw new FileExistsError(config)
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
      const line = `- { name: ${name}, peerId: ${identity.peer}, roles: [${roles.join(', ')}], addresses: [${options.address.join(', ')}] }`
      if (config !== undefined) await writeAtomically(config, configuration(options, { config, directory, name, line, source }), 0o644)
      if (options.json === true) {
        streams.out(
          `${JSON.stringify({ ...entry, directory, ...(config === undefined ? {} : { config }), ...(source.kind === 'key-file' ? { keyFile: source.path } : {}) })}\n`
        )
        return
      }
      streams.out(`peer id      ${identity.peer}\nstate        ${directory}\n`)
      if (madeKey) streams.out(`key file     ${source.path} (whoever has it and the state directory has the secrets: keep them apart)\n`)
      if (config !== undefined) streams.out(`party.yaml   ${config}: add the others with "slytherin roster add LINE --config ${config}"\n`)
      streams.out(`roster line  ${line}\n`)
    })
}

function configPath({ cohort, config }: Options, directory: string): string | undefined {
  if (cohort !== undefined) return config === undefined ? join(dirname(directory), `${basename(directory)}.yaml`) : resolve(config)
  if (config === undefined) return undefined
  throw new InvalidArgumentError('--config goes with --cohort: give the name or peer id of the evaluator')
}

/** Paths in it are relative to it where they are near. */
function configuration(
  { cohort, address }: Options,
  made: { readonly config: string; readonly directory: string; readonly name: string; readonly line: string; readonly source: KeySource }
): string {
  const { config, directory, name, line, source } = made
  const near = (path: string): string => relative(dirname(config), path) || '.'
  const keystore =
    source.kind === 'environment'
      ? (['passphraseEnvironment', source.name] as const)
      : ([source.kind === 'key-file' ? 'keyFile' : 'passphraseFile', near(source.path)] as const)
  return serviceTemplate({ name, state: near(directory), keystore, listen: listenOn(address), rosterLine: line, evaluator: cohort! })
}

/** On every interface, at the ports that are told to others. */
function listenOn(addresses: readonly string[]): string[] {
  return [...new Set(addresses.flatMap(address => /\/tcp\/(\d+)/.exec(address)?.[1] ?? []))].map(port => `/ip4/0.0.0.0/tcp/${port}`)
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
