/** Queue and store of a configuration, opened. What they need is loaded here: nobody else pays for it. */
import { readFile } from 'node:fs/promises'
import type { WorkerFleetConfiguration } from './configuration.js'
import { FleetError } from './errors.js'
import { BullMailbox } from './mailbox/bull-mailbox.js'
import type { StoreBackend } from './store/backend.js'
import { DirectoryStore } from './store/directory-store.js'
import { S3Store } from './store/s3-store.js'

/** The directory or bucket that a configuration names; nothing is read yet. */
export async function openStore({ store: { directory, s3 } }: Pick<WorkerFleetConfiguration, 'store'>): Promise<StoreBackend> {
  if (directory !== undefined) return new DirectoryStore(directory)
  const { bucket, prefix, region, endpoint, pathStyle } = s3!
  return await S3Store.open({
    bucket,
    pathStyle,
    ...(prefix === undefined ? {} : { prefix }),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint })
  })
}

/** @throws FleetError for a password that is not where it should be */
export async function openMailbox(
  configuration: Omit<WorkerFleetConfiguration, 'store'>,
  onError?: (error: Error) => void
): Promise<BullMailbox> {
  const { redis: url, name: fleet } = configuration
  const password = await passwordOf(configuration)
  return await BullMailbox.open({
    url,
    fleet,
    ...(password === undefined ? {} : { password }),
    ...(onError === undefined ? {} : { onError })
  })
}

async function passwordOf({
  redisPasswordFile: file,
  redisPasswordEnvironment: variable
}: Omit<WorkerFleetConfiguration, 'store'>): Promise<string | undefined> {
  if (variable !== undefined) {
    const value = process.env[variable]
    if (value === undefined)
      throw new FleetError(
        `the variable ${variable} is not set`,
        'Set it to the password of Redis, or leave "redisPasswordEnvironment" out.'
      )
    return value
  }
  if (file === undefined) return undefined
  try {
    return (await readFile(file, 'utf8')).trimEnd()
  } catch (cause) {
    throw new FleetError(`the password of Redis cannot be read from ${file}`, 'Check "redisPasswordFile".', { cause })
  }
}
