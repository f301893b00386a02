/** What the fetching thread of a fleet's worker hosts (service/contents-thread.ts): store, caches and hashing. */
import { DiskCache, FleetContents, openStore } from '@slytherin/fleet'
import type { SharedContents } from '@slytherin/protocol/service'
import type { WorkerConfiguration } from '../configuration/worker-schema.js'

/** Plain data: it crosses to the thread. */
export interface HostedContentsOptions {
  readonly fleet: Pick<WorkerConfiguration['fleet'], 'store'>
  readonly cache: WorkerConfiguration['cache']
}

/** Whoever runs the worker. */
export interface ContentsListener {
  /** The store gave something else than was asked for; it is asked again. */
  mismatch(store: string, space: string, hash: string): void
}

export interface HostedContents extends Required<Omit<SharedContents, 'borrow'>> {
  /** What is read once; handed over. @throws as `get` */
  take(space: string, hash: string): Promise<Uint8Array>
  /** Tells what the store gives until it is disposed of. */
  follow(listener: ContentsListener): Promise<void>
  dispose(): Promise<void>
}

/** As a thread of this package is asked for what it hosts. @throws what opening the store or the cache throws */
export async function createCryptography({ fleet, cache }: HostedContentsOptions): Promise<HostedContents> {
  const { directory, diskBytes, memoryBytes } = cache
  const closed = Promise.withResolvers<void>()
  let following: ContentsListener | undefined
  const contents = new FleetContents({
    backend: await openStore(fleet),
    memoryBytes,
    ...(directory === undefined ? {} : { disk: await DiskCache.open(directory, diskBytes) }),
    onMismatch: (store, space, hash) => following?.mismatch(store, space, hash)
  })
  return {
    put: async (space, bytes) => await contents.put(space, bytes),
    get: async (space, hash) => await contents.load(space, hash),
    take: async (space, hash) => await contents.take(space, hash),
    stage: async names => await contents.stage(names),
    has: async (space, hash) => await contents.has(space, hash),
    clear: async space => await contents.clear(space),
    follow: async listener => {
      following = listener
      await closed.promise
      following = undefined
    },
    dispose: async () => {
      closed.resolve()
      contents.close()
    }
  }
}
