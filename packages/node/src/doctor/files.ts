/** A party's files: is its configuration its own to change, does its identity belong to it, can nobody else read its secrets, does the key open them? */
import { stat } from 'node:fs/promises'
import type { PartyConfiguration } from '../configuration/load.js'
import { FileModeError, MissingFileError } from '../storage/errors.js'
import { openIdentity, peekPeer } from '../storage/identity.js'
import { type KeySource, keySourceOf, loadKeyMaterial } from '../storage/key-source.js'
import { openKeystore } from '../storage/keystore.js'
import { type StatePaths, statePaths } from '../storage/state-directory.js'
import { type Check, failed, failedBy, ok, skipped } from './check.js'

type Configured = PartyConfiguration['configuration']

/** Windows has no such modes. */
const MODES = process.platform !== 'win32'

/** The file says whom to trust: whoever may write to it decides that. */
export async function checkConfigurationFile(file: string): Promise<Check> {
  const { mode } = await stat(file)
  const text = (mode & 0o777).toString(8).padStart(4, '0')
  if (!MODES || (mode & 0o022) === 0) return ok('configuration', `${file} can be used, mode ${text}`)
  return failed('configuration', `${file} has mode ${text}: others may change whom this party trusts`, `Run: chmod go-w ${file}`)
}

export async function checkFiles(configuration: Configured): Promise<Check[]> {
  const paths = statePaths(configuration.state)
  const directory = await checkDirectory(paths)
  if (directory.state === 'failed') return [directory]
  const self = await peekPeer(paths.identity).catch((error: unknown) => error as Error)
  if (self instanceof Error) return [directory, failedBy('identity', self)]
  return [directory, identity(configuration, self), ...(await checkSecrets(configuration, paths))]
}

async function checkDirectory({ directory }: StatePaths): Promise<Check> {
  const info = await stat(directory).catch(() => undefined)
  if (info === undefined)
    return failedBy('state', new MissingFileError(directory, 'the state directory', 'Run "slytherin init", or correct "state".'))
  if (MODES && (info.mode & 0o077) !== 0) return failedBy('state', new FileModeError(directory, info.mode, 'directory'))
  const user = process.getuid?.()
  if (user !== undefined && info.uid !== user) {
    const message = `${directory} belongs to user ${info.uid}, and this is user ${user}`
    return failed('state', message, 'Run the party, and this command, as the user that the directory belongs to.')
  }
  return ok('state', `${directory} is this user's alone`)
}

function identity({ roster }: Configured, self: string): Check {
  const entry = roster.find(({ peerId }) => peerId === self)
  if (entry !== undefined) return ok('identity', `${self} is ${entry.name} (${entry.roles.join(', ')}) in the roster`)
  return failed('identity', `the roster has no ${self}, which is this party`, 'Add the line that "slytherin init" printed.')
}

/** Opens what only the key opens, and forgets it. */
async function checkSecrets(configuration: Configured, paths: StatePaths): Promise<Check[]> {
  const source = keySourceOf(configuration)
  if (source.kind === 'environment' && (process.env[source.name] ?? '') === '') {
    return [skipped('secrets', `${source.name} is not set here: whether it opens the secrets cannot be told`)]
  }
  try {
    using material = await loadKeyMaterial(source)
    await openIdentity(paths.identity, material)
    const keystore = await openKeystore(paths.keystore, material)
    keystore.dispose()
    return [ok('secrets', `${describe(source)} opens identity and keystore, and only this user reads them`)]
  } catch (error) {
    return [failedBy('secrets', error)]
  }
}

const describe = (source: KeySource): string => (source.kind === 'environment' ? source.name : source.path)
