/** The life of a thread: wait for work, a little while actively, then in the operating system; do it; until told to stop. */

import { CALLER_SLEEPS, COMPLETED, type ControlArea, controlAreaOf, SEQUENCE, SLEEPING, STOP } from './control.js'
import { executeItems, functionsOf } from './execute.js'

/** What a thread is given at its start. */
export interface ThreadData {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly control: SharedArrayBuffer
  /** From 1 on; the caller is 0. */
  readonly thread: number
}

/**
 * Milliseconds of active waiting. Between the operations of an evaluation the caller runs some ten microseconds of its own code, and at times does an operation alone; waking a thread
 * that waits in the operating system takes twenty, and in a virtual machine hundreds.
 */
const ACTIVE_MILLISECONDS = 0.5
const LOADS_PER_LOOK = 200

function waitForChange({ words }: ControlArea, seen: number): number {
  const start = performance.now()
  for (;;) {
    for (let i = 0; i < LOADS_PER_LOOK; i++) {
      const sequence = Atomics.load(words, SEQUENCE)
      if (sequence !== seen) return sequence
    }
    if (performance.now() - start > ACTIVE_MILLISECONDS) {
      Atomics.add(words, SLEEPING, 1)
      Atomics.wait(words, SEQUENCE, seen)
      Atomics.sub(words, SLEEPING, 1)
    }
  }
}

/** Returns when told to stop. @param ready called once the thread can take work */
export function runThread({ module, memory, control, thread }: ThreadData, ready: () => void): void {
  const area = controlAreaOf(control)
  const { words } = area
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      abort: () => {
        throw new Error('the kernel stopped')
      }
    }
  })
  const { functions } = functionsOf(module, instance.exports)
  let seen = Atomics.load(words, SEQUENCE)
  ready()
  while (Atomics.load(words, STOP) === 0) {
    const done = executeItems(area, functions, thread)
    if (done > 0) {
      Atomics.add(words, COMPLETED, done)
      if (Atomics.load(words, CALLER_SLEEPS) !== 0) Atomics.notify(words, COMPLETED)
    }
    seen = waitForChange(area, seen)
  }
}
