/** What the kernel asks of where it runs: `node.ts` under Node, `web.ts` everywhere else. package.json says which is `#platform`. */
import type { KernelThreadError } from '../../errors.js'
import type { ThreadData } from '../pool/thread.js'
import type { KernelVariant } from '../variant.js'

export interface Thread {
  /** Ends it wherever it is. */
  terminate(): Promise<void>
}

export interface Platform {
  /** Sets a flag of V8. Undefined where that cannot be done. */
  readonly setFlag: ((flag: string) => void) | undefined
  /** Whether memory can be shared here: always in Node, with cross-origin isolation in browsers. */
  sharesMemory(): boolean
  /** Processors for this process, at least 1. */
  processors(): number
  /** A compiled kernel, for ordinary or for shared memory. @throws whatever is thrown where it is not found or cannot be read */
  kernelBytes(variant: KernelVariant, shared: boolean): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Starts a worker and resolves when it can take work. It does not keep the process alive.
   *
   * @param lost called when it ends without having been terminated
   * @param create makes a browser's worker; Node ignores it
   * @throws KernelThreadError
   */
  startThread(data: ThreadData, lost: (error: KernelThreadError) => void, create?: () => Worker): Promise<Thread>
}
