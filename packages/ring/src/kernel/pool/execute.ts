/** What caller and threads do alike: claim items and make their calls. */

import { CALL_LENGTH, COUNTDOWN, type ControlArea, noteFailure, OWN_SCRATCH, TOTAL } from './control.js'

export type KernelFunction = (...values: number[]) => unknown

/** The functions of an instance in the order of the module's exports, by which calls name them. */
export function functionsOf(module: WebAssembly.Module, exports: WebAssembly.Exports): { names: string[]; functions: KernelFunction[] } {
  const names = WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name)
  return { names, functions: names.map(name => exports[name] as KernelFunction) }
}

/** Makes the calls of every item it can claim. @returns how many items it claimed */
export function executeItems(area: ControlArea, functions: readonly KernelFunction[], thread: number): number {
  const { words, items, calls, scratch } = area
  for (let done = 0; ; done++) {
    const left = Atomics.sub(words, COUNTDOWN, 1)
    if (left <= 0) return done
    const item = words[TOTAL]! - left
    const own = scratch[0]! + thread * scratch[1]! - OWN_SCRATCH
    const value = (at: number): number => {
      const x = calls[at]!
      return x >= OWN_SCRATCH ? x + own : x
    }
    try {
      const end = items[item + 1]! * CALL_LENGTH
      for (let at = items[item]! * CALL_LENGTH; at < end; at += CALL_LENGTH) {
        functions[calls[at]!]!(
          value(at + 1),
          value(at + 2),
          value(at + 3),
          value(at + 4),
          value(at + 5),
          value(at + 6),
          value(at + 7),
          value(at + 8),
          value(at + 9)
        )
      }
    } catch (error) {
      noteFailure(area, thread, error)
    }
  }
}
