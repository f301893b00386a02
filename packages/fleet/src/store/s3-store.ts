/** A bucket of an S3-compatible service. Credentials are found as the AWS SDK finds them: environment, profile, role of the machine. */
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { StoreUnreachableError } from '../errors.js'
import { checkName, type StoreBackend } from './backend.js'

/** Which bucket, and where. */
export interface S3StoreOptions {
  /** Its name; it exists. */
  readonly bucket: string
  /** Before every key, without a slash at its end; none when empty. */
  readonly prefix?: string
  /** us-east-1 when not given. */
  readonly region?: string
  /** Of a service that is not Amazon's. */
  readonly endpoint?: string
  /** Whether the bucket stands in the path of the address, not in its host. */
  readonly pathStyle?: boolean
}

type Sdk = typeof import('@aws-sdk/client-s3')

/** Requests at the same time: enough for a link, and few enough that what was asked for first comes first. */
const SOCKETS = 8
/** Of a request that waits for its turn; longer than any does. */
const NO_WARNING = 2 ** 31 - 1
/** Objects that one request deletes, as S3 allows. */
const AT_ONCE = 1000

/** A store in a bucket of an S3-compatible service. */
export class S3Store implements StoreBackend {
  readonly name: string
  readonly #sdk: Sdk
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string

  private constructor(sdk: Sdk, { bucket, prefix = '', region = 'us-east-1', endpoint, pathStyle = false }: S3StoreOptions) {
    this.#sdk = sdk
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.name = `the store s3://${bucket}/${prefix}`
    this.#client = new sdk.S3Client({
      region,
      forcePathStyle: pathStyle,
      requestHandler: {
        httpAgent: { maxSockets: SOCKETS },
        httpsAgent: { maxSockets: SOCKETS },
        socketAcquisitionWarningTimeout: NO_WARNING
      },
      // Whoever reads checks the SHA-256 of all of it: the checksums of the SDK, which are computed in JavaScript, would find nothing more.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      ...(endpoint === undefined ? {} : { endpoint })
    })
  }

  /** The SDK is loaded here, and nowhere else. */
  static async open(options: S3StoreOptions): Promise<S3Store> {
    return new S3Store(await import('@aws-sdk/client-s3'), options)
  }

  async write(space: string, hash: string, bytes: Uint8Array): Promise<void> {
    const { PutObjectCommand } = this.#sdk
    const object = { ...this.#at(space, hash), Body: bytes, ContentLength: bytes.length, ContentType: 'application/octet-stream' }
    await this.#ask(async () => await this.#client.send(new PutObjectCommand(object)))
  }

  async read(space: string, hash: string, allocate?: (length: number) => Uint8Array): Promise<Uint8Array | undefined> {
    const { GetObjectCommand } = this.#sdk
    const at = this.#at(space, hash)
    return await this.#ask(async () => {
      const { Body, ContentLength } = await this.#client.send(new GetObjectCommand(at))
      if (allocate === undefined || ContentLength === undefined || Body === undefined) return await Body?.transformToByteArray()
      return await readInto(allocate(ContentLength), Body as Readable)
    })
  }

  async has(space: string, hash: string): Promise<boolean> {
    const { HeadObjectCommand } = this.#sdk
    const at = this.#at(space, hash)
    return (await this.#ask(async () => await this.#client.send(new HeadObjectCommand(at)))) !== undefined
  }

  async clear(space: string): Promise<void> {
    checkName(space)
    const { DeleteObjectsCommand, paginateListObjectsV2 } = this.#sdk
    await this.#ask(async () => {
      const pages = paginateListObjectsV2(
        { client: this.#client, pageSize: AT_ONCE },
        { Bucket: this.#bucket, Prefix: `${this.#prefix}${space}/` }
      )
      for await (const { Contents = [] } of pages) {
        const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]))
        if (Objects.length === 0) continue
        const { Errors = [] } = await this.#client.send(
          new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })
        )
        // The request as a whole succeeds whatever becomes of each.
        const [first] = Errors
        if (first !== undefined) throw new Error(`${Errors.length} objects are not deleted, ${first.Key}: ${first.Code} ${first.Message}`)
      }
    })
  }

  async spaces(): Promise<string[]> {
    const { paginateListObjectsV2 } = this.#sdk
    const names: string[] = []
    await this.#ask(async () => {
      const where = { Bucket: this.#bucket, Prefix: this.#prefix, Delimiter: '/' }
      for await (const { CommonPrefixes = [] } of paginateListObjectsV2({ client: this.#client }, where)) {
        for (const { Prefix = '' } of CommonPrefixes) names.push(Prefix.slice(this.#prefix.length, -1))
      }
    })
    return names.sort()
  }

  close(): void {
    this.#client.destroy()
  }

  #at(space: string, hash: string): { Bucket: string; Key: string } {
    checkName(space, hash)
    return { Bucket: this.#bucket, Key: `${this.#prefix}${space}/${hash}` }
  }

  /** @returns undefined for what is not there @throws StoreUnreachableError */
  async #ask<T>(request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await request()
    } catch (cause) {
      const { name } = cause as Error
      if (name === 'NoSuchKey' || name === 'NotFound') return undefined
      throw new StoreUnreachableError(this.name, { cause })
    }
  }
}

/** @returns as much as came @throws RangeError for more than there is room for */
async function readInto(bytes: Uint8Array, body: Readable): Promise<Uint8Array> {
  let at = 0
  body.on('data', (chunk: Uint8Array) => {
    if (at + chunk.length > bytes.length) body.destroy(new RangeError(`more than the ${bytes.length} bytes that were announced`))
    else bytes.set(chunk, at)
    at += chunk.length
  })
  await finished(body)
  return at === bytes.length ? bytes : bytes.subarray(0, at)
}
