/** How much memory a party holds: it is asked with a signal, and says what is left when its garbage is collected (memory-probe.ts). */
import { readFile } from 'node:fs/promises'
import { until } from '../service/until.js'
import type { ProbedMemory } from './memory-probe.js'

/** Milliseconds in which a thread that computes may answer. */
const PATIENCE = 10_000

export class MemoryProbe {
  readonly #file: string

  /** @param file that threads write what they find into */
  constructor(file: string) {
    this.#file = file
  }

  /** Of the process that is asked. */
  get flags(): readonly string[] {
    const module = new URL('../../dist/fleet/memory-probe.js', import.meta.url)
    module.searchParams.set('into', this.#file)
    return ['--expose-gc', '--import', module.href]
  }

  /** Bytes that its two threads hold, the network's and that of cryptography, and that its process takes. @throws Error when it does not answer; the signal's reason */
  async look(process: number, signal: AbortSignal): Promise<{ held: number; resident: number }> {
    const before = (await this.#lines()).length
    globalThis.process.kill(process, 'SIGUSR2')
    const late = performance.now() + PATIENCE
    let found: ProbedMemory[] = []
    await until(
      async () => {
        if (performance.now() > late) throw new Error(`process ${process} does not say how much memory it holds`)
        found = (await this.#lines()).slice(before).map(line => JSON.parse(line) as ProbedMemory)
        return found.some(({ main }) => main) && found.some(({ main }) => !main)
      },
      signal,
      20
    )
    return {
      held: found.reduce((sum, { heap, buffers }) => sum + heap + buffers, 0),
      resident: Math.min(...found.map(({ resident }) => resident))
    }
  }

  /** Those that are whole. */
  async #lines(): Promise<string[]> {
    return (await readFile(this.#file, 'utf8').catch(() => '')).split('\n').slice(0, -1)
  }
}
