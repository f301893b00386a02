/**
 * Root tables of every modulus, in kernel memory, built by the kernel itself (assembly/tables.ts), and the self-test that guards them.
 *
 * The root is the smallest primitive 2N-th root of unity, as in Microsoft SEAL, so residues in transform order are interchangeable with it.
 */

import { InvalidModulusError, KernelSelfTestError } from '../errors.js'
import type { Kernel } from '../kernel/kernel.js'
import { balance, type Modulus, powerModulo } from '../numbers/modulus.js'
import { exchangeIndex, reverseBits } from '../numbers/order.js'

const BLOCK_BYTES = 128
const FIRST_BYTES = 64

export class TransformTables {
  /** Address of each modulus's constants (assembly/modulus.ts). */
  readonly blocks: readonly number[]
  /** The primitive 2N-th root chosen for each modulus. */
  readonly roots: readonly bigint[]

  constructor(
    private readonly kernel: Kernel,
    private readonly logN: number,
    moduli: readonly Modulus[]
  ) {
    const blocks: number[] = []
    const roots: bigint[] = []
    this.blocks = blocks
    this.roots = roots
    try {
      for (const modulus of moduli) {
        const { block, root } = this.#build(modulus, address => blocks.push(address))
        roots.push(root)
        this.#selfTest(modulus, block, root)
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  dispose(): void {
    for (const block of this.blocks) this.kernel.arena.release(block)
  }

  #build(modulus: Modulus, allocated: (address: number) => void): { block: number; root: bigint } {
    const { kernel, logN } = this
    const { exports } = kernel
    const N = 2 ** logN
    // Per direction: middle N/4, ratios N/4, last 24·N/16 doubles.
    const middleBytes = (N / 4) * 8
    const lastBytes = (N / 16) * 24 * 8
    const directionBytes = FIRST_BYTES + 2 * middleBytes + lastBytes
    const block = kernel.arena.allocate(BLOCK_BYTES + 2 * directionBytes)
    allocated(block)
    exports.initialiseModulus(block, modulus.number, logN)
    const pointers = new Uint32Array(kernel.memory.buffer, block + 40, 8)
    for (const direction of [0, 1]) {
      const start = block + BLOCK_BYTES + direction * directionBytes
      pointers.set([start, start + FIRST_BYTES, start + FIRST_BYTES + middleBytes, start + FIRST_BYTES + 2 * middleBytes], 4 * direction)
    }
    const root = kernel.withScratch(N * 8, powers => {
      exports.buildPowers(powers, logN, balance(primitiveRoot(modulus.value, N), modulus.value), block)
      const minimal = exports.minimalRoot(powers, logN)
      exports.buildPowers(powers, logN, minimal, block)
      exports.buildTables(powers, logN, block, 0)
      // ψ^-1 = -ψ^(N-1), and N-1 is its own bit reversal.
      const last = kernel.doubles(powers + 8 * (N - 1), 1)[0]!
      exports.buildPowers(powers, logN, -last, block)
      exports.buildTables(powers, logN, block, 1)
      return BigInt(minimal)
    })
    return { block, root }
  }

  /** One monomial against powers of the root, and one vector of extreme residues there and back. */
  #selfTest(modulus: Modulus, block: number, root: bigint): void {
    const { kernel, logN } = this
    const N = 2 ** logN
    const q = modulus.value
    kernel.withScratch(2 * N * 8, address => {
      const input = kernel.doubles(address, N)
      const output = kernel.doubles(address + N * 8, N)
      const extreme = (modulus.number - 1) / 2
      input.fill(0)
      input[1] = extreme
      kernel.exports.forward(address + N * 8, address, block)
      for (const i of [0, 1, N / 2 + 1, N - 1]) {
        const expected = balance(BigInt(extreme) * powerModulo(root, BigInt(2 * reverseBits(i, logN) + 1), q), q)
        if (output[exchangeIndex(i, N)] !== expected) throw new KernelSelfTestError(kernel.variant, q, 'monomial')
      }
      // A cheap aperiodic sign pattern.
      let state = 1
      for (let i = 0; i < N; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0
        input[i] = state & 0x10000 ? extreme : -extreme
      }
      kernel.exports.forward(address + N * 8, address, block)
      kernel.exports.backward(address + N * 8, address + N * 8, block)
      for (let i = 0; i < N; i++) if (output[i] !== input[i]) throw new KernelSelfTestError(kernel.variant, q, 'extremes')
    })
  }
}

/** Some primitive 2N-th root of unity modulo a prime q ≡ 1 mod 2N. */
function primitiveRoot(q: bigint, N: number): bigint {
  const order = BigInt(2 * N)
  for (let base = 2n; base < 1000n; base++) {
    const root = powerModulo(base, (q - 1n) / order, q)
    if (powerModulo(root, BigInt(N), q) === q - 1n) return root
  }
  throw new InvalidModulusError(q, `no primitive ${order}-th root of unity found`)
}
