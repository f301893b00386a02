/** How worker processes reach queue and store: on this machine, or over the links of network namespaces. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { atExit } from './leaving.js'
import { Namespaces } from './namespaces.js'

const BUCKET = fileURLToPath(new URL('./bucket-process.js', import.meta.url))
/** Of a service that asks nobody who he is. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' }

export interface Transport {
  /** For reports. */
  readonly description: string
  /** That the queue listens on. */
  readonly address: string
  /** Of the workers' configuration. */
  readonly store: object
  readonly environment: Readonly<Record<string, string>>
  /** What runs the command of worker k. */
  through(worker: number): readonly string[]
  close(): Promise<void>
}

/** @param directory the store */
export function sameMachine(directory: string): Transport {
  return {
    description: 'a directory of the same machine as store',
    address: '127.0.0.1',
    store: { directory },
    environment: {},
    through: () => [],
    close: async () => undefined
  }
}

/** Workers in namespaces, the store over HTTP as an S3-compatible bucket. @param directory the store, for the coordinator @throws NamespacesUnavailableError */
export async function overLinks(directory: string, count: number, rate?: string): Promise<Transport> {
  const namespaces = await Namespaces.make(count, rate)
  const bucket = execa(process.execPath, [BUCKET, directory, namespaces.address], { reject: false, stdin: 'ignore', cleanup: true })
  const gone = atExit(() => bucket.kill('SIGKILL'))
  void bucket.then(gone)
  try {
    const [line] = (await once(bucket.stdout, 'data')) as [Buffer]
    const endpoint = `http://${namespaces.address}:${line.toString().trim()}`
    return {
      description: `${count} network namespaces${rate === undefined ? '' : ` of ${rate}`}, a bucket of an S3-compatible service as store`,
      address: namespaces.address,
      store: { s3: { bucket: 'fleet', endpoint, pathStyle: true } },
      environment: CREDENTIALS,
      through: worker => namespaces.through(worker),
      close: async () => {
        bucket.kill('SIGKILL')
        await bucket
        await namespaces.remove()
      }
    }
  } catch (error) {
    bucket.kill('SIGKILL')
    await namespaces.remove()
    throw error
  }
}
