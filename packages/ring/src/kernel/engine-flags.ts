/**
 * V8 flags under Node, on while a kernel's functions are called for the first time and off again. V8 compiles a WebAssembly function at its first call and keeps the code, so
 * only functions called in between are affected. Elsewhere nothing happens.
 */

import { platform } from '#platform'

export interface Flag {
  readonly on: string
  readonly off: string
}

/** Optimised code from the first call, instead of after the baseline compiler's has run for a while. */
export const OPTIMISED: Flag = { on: '--no-liftoff', off: '--liftoff' }
/** Joins pairs of 128-bit operations into 256-bit ones where the machine has them. Experimental. */
export const REVECTORISED: Flag = { on: '--experimental-wasm-revectorize', off: '--no-experimental-wasm-revectorize' }

export class EngineFlags {
  private readonly set = platform.setFlag

  /** Whether flags can be set here. */
  get available(): boolean {
    return this.set !== undefined
  }

  /** Runs `body`, which must not wait for anything, under these flags. Flags given to the process stay on. */
  during<T>(flags: readonly Flag[], body: () => T): T {
    const { set } = this
    if (set === undefined) return body()
    const changed = flags.filter(flag => !isGiven(flag))
    try {
      for (const flag of changed) set(flag.on)
      return body()
    } finally {
      for (const flag of changed) set(flag.off)
    }
  }
}

function isGiven({ on }: Flag): boolean {
  return process.execArgv.includes(on) || (process.env['NODE_OPTIONS'] ?? '').split(/\s+/).includes(on)
}
