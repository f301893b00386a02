/** A thread that does what a worker does, on operands that no cache holds: rotations with keys and products with stored weights. Says when it is ready; told seconds, says how many operations it did in them. */
import { parentPort } from 'node:worker_threads'
import { findNttPrimes, loadKernel, type Polynomial, Ring, warmUp } from '@slytherin/ring'

export interface BusyCount {
  readonly operations: number
  readonly seconds: number
}

const LOG_N = 14
const PRIMES = 6
/** Ciphertexts of a layer: 76 MB. */
const OPERANDS = 48

const kernel = await loadKernel({ threads: 1 })
await warmUp(kernel)
const moduli = findNttPrimes(LOG_N, 49, PRIMES + 1)
const ring = new Ring(kernel, { logN: LOG_N, moduli })
const all = moduli.map((_, index) => index)
const [chain, special] = [all.slice(0, PRIMES), all.slice(PRIMES)]
const digits = chain.map(index => [index])
const seed = new Uint8Array(32)
const uniform = (indices: readonly number[]): Polynomial => ring.uniform(ring.allocate(indices, 'ntt'), seed)
const key = digits.map(() => ({ b: uniform(all), a: uniform(all) }))
const operands = Array.from({ length: OPERANDS }, () => [uniform(chain), uniform(chain)] as const)
const weights = operands.map(() => uniform(chain))
const sum = [ring.allocate(chain, 'ntt'), ring.allocate(chain, 'ntt')] as const
const rotated = [ring.allocate(chain, 'ntt'), ring.allocate(chain, 'ntt')] as const
const galoisElements = [5]

function operate(index: number): void {
  const [c0, c1] = operands[index % OPERANDS]!
  ring.switchKeys([rotated], c1, digits, [key], special, { addends: [c0], galoisElements })
  ring.multiplyAccumulate(
    sum,
    operands.map((a, k) => ({ a, b: [weights[(k + index) % OPERANDS]!] }))
  )
}

for (let index = 0; index < 5; index++) operate(index)
parentPort!.on('message', (seconds: number) => {
  const began = performance.now()
  let operations = 0
  while (performance.now() - began < 1000 * seconds) operate(operations++)
  parentPort!.postMessage({ operations, seconds: (performance.now() - began) / 1000 } satisfies BusyCount)
})
parentPort!.postMessage('ready')
