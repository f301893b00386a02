/**
 * A querier encrypts no sample but X^j·⌊Q_l/r⌉, with the second component of an honest encryption. Multiplied with an encrypted weight it gives X^j·⌊Q_l/r⌉·x, x the weight's
 * phase c0 + c1·s, its error and all: the result shows x modulo r, whatever it was flooded with. A few r give x itself, and whoever computes has c0 and c1: s = (x - c0) / c1.
 * It does nothing else to help. No c1 is steered, so that nothing that makes second components unforeseeable stands in the way.
 *
 * This network's product is summed over rotations, a trace, which keeps every 32nd coefficient: 32 queries for each r.
 */
import { type Context, deserializeCiphertext, Parameters } from '@slytherin/ckks'
import { LocalCryptography, type LocalCryptographyOptions, type SessionParameters } from '@slytherin/protocol'
import type { Polynomial } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { arrived, cast } from './parties.js'
import { ProbingQuerier, watchPublicKey } from './probing.js'
import { exactCoefficients, inverse, isSecretOf, modulus, quotient } from './recovery.js'

const FEATURES = 30
/** Rotations that are summed. */
const TRACE = 32
/** Primes near 2^14: there is room for as many steps of Q_l/r above the flooding, and four of them say what a phase is. */
const DIVISORS = [16381n, 16369n, 16363n, 16361n]

/** One monomial, times ⌊Q_l/r⌉. */
interface Oversized {
  readonly power: number
  readonly divisor: bigint
}

class OversizingQuerier extends ProbingQuerier {
  sends: Oversized | undefined
  /** Coefficients of the last result, centred modulo Q_l. */
  phase: bigint[] = []

  static override async create(options: LocalCryptographyOptions): Promise<OversizingQuerier> {
    return new OversizingQuerier(options, await LocalCryptography.loadKernel(options))
  }

  protected override crafted(context: Context, { plan }: SessionParameters, bytes: Uint8Array): Uint8Array {
    if (this.sends === undefined) return bytes
    const { level } = plan.inputs
    using message = monomial(context, level, this.sends)
    const { ring, parameters } = context
    const length = ring.packedLength(parameters.ciphertextIndices(level))
    using first = ring.decodePacked(bytes.subarray(0, length), parameters.ciphertextIndices(level), 'ntt')
    const out = bytes.slice()
    out.set(ring.encodePacked(ring.add(first, first, message)))
    return out
  }

  protected override seen(context: Context, { plan }: SessionParameters, ciphertexts: readonly Uint8Array[]): void {
    using secret = this.resultSecret(context)
    using ciphertext = deserializeCiphertext(context, ciphertexts[0]!, { level: plan.output.level })
    const [c0, c1] = ciphertext.components
    context.ring.multiplyAdd(c0!, c1!, secret.polynomial)
    this.phase = exactCoefficients(context, plan.output.level, c0!)
  }
}

function monomial(context: Context, level: number, { power, divisor }: Oversized): Polynomial {
  const { ring, parameters } = context
  const one = new Float64Array(ring.N)
  one[power] = 1
  const made = ring.fromIntegers(ring.allocate(parameters.ciphertextIndices(level), 'coefficient'), one)
  return ring.ntt(ring.multiplyScalar(made, made, modulus(context, level) / divisor))
}

/** The coefficients of s = (x - c0) / c1. @param bytes a weight as it travelled @param phase x */
function secretBehind(
  context: Context,
  bytes: Uint8Array,
  { level, scale }: { level: number; scale: number },
  phase: readonly bigint[]
): Float64Array {
  const { ring } = context
  using ciphertext = arrived(context, bytes, { level, scale })
  const [c0, c1] = ciphertext.components
  const q = ring.moduli[0]!.value
  const residues = Float64Array.from(phase, value => Number(value % q))
  using known = ring.ntt(ring.fromIntegers(ring.allocate([0], 'coefficient'), residues))
  using first = ring.copy(ring.allocate([0], 'ntt'), c0!)
  using second = ring.copy(ring.allocate([0], 'ntt'), c1!)
  using secret = quotient(context, ring.subtract(known, known, first), second)
  return ring.toDoubles(ring.inverseNtt(secret))
}

/** The integer with these residues, centred modulo the product of the divisors. */
function combined(residues: readonly bigint[], divisors: readonly bigint[]): bigint {
  const product = divisors.reduce((a, b) => a * b, 1n)
  const sum = residues.reduce((total, residue, i) => {
    const others = product / divisors[i]!
    return total + residue * others * inverse(others % divisors[i]!, divisors[i]!)
  }, 0n)
  const value = sum % product
  return value > product / 2n ? value - product : value
}

const positive = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus

export const oversizedInput: Attack = {
  name: 'oversized-input',
  layer: undefined,
  mount: async () => {
    let querier: OversizingQuerier | undefined
    const parties = await cast({
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder'],
        owner: ['key-holder', 'model-owner'],
        other: ['witness'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      model: 'breast-cancer-wdbc-logreg',
      batch: 128,
      queries: undefined,
      cryptography: (name, options) => (name === 'patient' ? OversizingQuerier.create(options).then(made => (querier = made)) : undefined)
    })
    // What the evaluator has anyway.
    let weight: Uint8Array | undefined
    const shares = watchPublicKey(parties, message => {
      if (message.header.kind === 'modelPartReply') weight ??= message.body('modelPartReply').ciphertext.slice()
    })
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    try {
      const patient = parties.member('patient')
      let queries = 0
      const ask = async (sends?: Oversized): Promise<bigint[]> => {
        querier!.sends = sends
        const answered = await Promise.race([patient.query([new Float64Array(FEATURES)]), run.then(() => undefined)])
        if (answered === undefined) throw new Error('the session ended')
        queries++
        return querier!.phase
      }
      const bias = await ask()
      const plan = parties.plan()
      const context = await parties.context()
      const { N } = Parameters.fromJSON(plan.parameters)
      const Q = modulus(context, plan.output.level)
      const residues = Array.from({ length: N }, (): bigint[] => [])
      for (const divisor of DIVISORS) {
        for (let power = 0; power < TRACE; power++) {
          const phase = await ask({ power, divisor })
          for (let at = 0; at < N; at += TRACE) {
            // TRACE·x in units of Q/divisor; X^power moves x[at - power] here, X^N = -1.
            const steps = ((phase[at]! - bias[at]!) * divisor * 2n + (phase[at]! < bias[at]! ? -Q : Q)) / (2n * Q)
            const residue = positive(steps * inverse(BigInt(TRACE), divisor), divisor)
            residues[(at - power + N) % N]!.push(at < power ? positive(-residue, divisor) : residue)
          }
        }
      }
      const x = residues.map(of => combined(of, DIVISORS))
      const secret = secretBehind(context, weight!, plan.weights.items[0]!, x)
      const succeeded = isSecretOf(context, shares.session!, [...shares.byHolder.values()], secret)
      return {
        succeeded,
        detail: succeeded ? `${N} of ${N} coefficients of the collective secret, with ${queries} queries` : 'no secret of this session'
      }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
