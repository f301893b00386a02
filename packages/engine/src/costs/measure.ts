/**
 * The cost model of a machine: times every operation of an evaluator on a small set of parameters (N = 2^14, six primes and a special one) and solves the formulas of
 * `operation-costs.ts` for their constants. Takes some seconds, more where other work holds it up. Costs are rounded to steps of 5 %.
 */
import {
  Context,
  deserializeCiphertext,
  type EncodeOptions,
  Encryptor,
  type Evaluator,
  type EvaluatorCiphertext,
  type EvaluatorPair,
  galoisElementOf,
  isCombiner,
  isProductSummer,
  KeyGenerator,
  MAXIMUM_PRIME_BITS,
  Parameters,
  type PlaintextStorage,
  type ProductSummer,
  type PublicKey,
  SecretKey,
  serializeCiphertext,
  storesPlaintexts
} from '@slytherin/ckks'
import { ASSUMED_COSTS, type CostModel } from './cost-model.js'
import { ENCRYPTION_TRANSFORMS } from './operation-costs.js'
import { GIANT_STEPS_AT_ONCE, PRODUCTS_AT_ONCE } from './residence.js'
import { type TimingOptions, usualSeconds } from './timing.js'

const LOG_N = 14
const LEVEL = 5
const PRIME_BITS = 45
const SCALE = 2 ** 40
/** Rotations that share a decomposition, less one: their difference from a single one is the cost of so many. */
const HOISTED = 4
/** Ciphertexts and encoded vectors of a layer: together far more than a processor's caches hold. */
const DISTINCT_OPERANDS = 48
/** Vectors that wait as coefficients, which take a sixth of the room. */
const OUTSIDE_VECTORS = 192
/** A small layer of a large batch: outputs share inputs, three at a time. */
const COMBINED_ROWS = 12
const COMBINED_INPUTS = 32
/** What an operation takes among the others of a first evaluation, of what it takes when it is repeated: caches, and code and memory that are new. As the kept reports were measured (docs/reports). */
const AMONG_OTHERS = 1.08
/** Measured costs are powers of this. */
const STEP = 1.05

type Kernel = globalThis.Parameters<typeof Context.create>[1]

/** What is measured, and with what. */
export interface MeasureCostsOptions {
  /** What the model is to be called; at most 64 characters. */
  readonly name: string
  /** The kernel that the evaluator will use, with its threads. */
  readonly kernel: Kernel
  /** A kernel as key holders and data owners use it; `kernel` when not given. */
  readonly partyKernel?: Kernel
  /** Makes the evaluator that is to be measured; it is disposed afterwards. */
  readonly evaluator: (context: Context) => Evaluator | Promise<Evaluator>
  /** Whether it shares the decomposition of rotations of one ciphertext. */
  readonly hoisting: boolean
  /** Whether weights and inputs wait in its memory rather than as bytes. */
  readonly retaining: boolean
  readonly signal?: AbortSignal
}

/** @throws the signal's reason when aborted; whatever the evaluator throws */
export async function measureCosts(options: MeasureCostsOptions): Promise<CostModel> {
  const { kernel, partyKernel = kernel, signal } = options
  const parameters = Parameters.generate({
    logN: LOG_N,
    firstPrimeBits: PRIME_BITS,
    primeBits: PRIME_BITS,
    levels: LEVEL,
    specialPrimeBits: MAXIMUM_PRIME_BITS,
    scale: SCALE
  })
  using context = Context.create(parameters, kernel)
  const units = await measureEvaluator(context, options)
  using party = Context.create(parameters, partyKernel)
  const ringTransform = await measureEncryption(party, { threads: partyKernel.threads, signal })
  return {
    name: options.name,
    ...quantized({ ...units, ringTransform }, AMONG_OTHERS),
    hoisting: options.hoisting,
    retaining: options.retaining,
    ...ASSUMED_COSTS,
    combining: units.combining
  }
}

/** So many times as long, rounded to steps of 5 %, with few digits. */
function quantized<T extends Record<string, unknown>>(units: T, times: number): { [K in keyof T]: T[K] } {
  const round = (value: unknown): unknown =>
    typeof value === 'number' && value > 0 ? Number((STEP ** Math.round(Math.log(times * value) / Math.log(STEP))).toPrecision(4)) : value
  return Object.fromEntries(Object.entries(units).map(([name, value]) => [name, round(value)])) as { [K in keyof T]: T[K] }
}

type Units = Omit<CostModel, 'name' | 'hoisting' | 'retaining' | 'ringTransform' | keyof typeof ASSUMED_COSTS>

async function measureEvaluator(context: Context, { kernel, evaluator: make, hoisting, signal }: MeasureCostsOptions): Promise<Units> {
  const { parameters } = context
  const steps = Array.from({ length: HOISTED + 1 }, (_, k) => k + 1)
  using evaluator = await make(context)
  using secret = SecretKey.generate(context)
  using publicKey = setKeys(evaluator, context, secret, steps)
  const slots = noise(parameters.slots)
  const options = { level: LEVEL, scale: SCALE }
  using plaintext = context.encoder.encode(slots, options)
  using encrypted = new Encryptor(context, publicKey).encrypt(plaintext)
  const bytes = serializeCiphertext(encrypted)
  using a = evaluator.load(encrypted)
  using b = evaluator.load(encrypted)
  using weight = evaluator.plaintext(slots, options)
  using plainSum = evaluator.multiplyPlain(a, weight)
  using sum = evaluator.multiply(a, b)
  const timing = { threads: kernel.threads, signal }
  const time = (work: () => unknown): Promise<number> => usualSeconds(work, timing)
  const drop = (...made: EvaluatorCiphertext[]): void => {
    for (const ciphertext of made) ciphertext.dispose()
  }

  const residues = LEVEL + 1
  const { transform, keyProduct, division } = await keySwitching(evaluator, a, steps, { hoisting, divided: kernel.threads > 1 }, time)
  // as layers do it: a few products at a time, of operands that have long left the caches
  using distinct = new DisposableStack()
  const copies = Array.from({ length: DISTINCT_OPERANDS }, () => distinct.use(evaluator.copy(a)))
  const weights = copies.map(() => distinct.use(evaluator.plaintext(slots, options)))
  const summed = async (total: EvaluatorCiphertext, factor: (k: number) => EvaluatorPair[1]): Promise<number> => {
    const all = await time(() => {
      for (let from = 0; from < DISTINCT_OPERANDS; from += PRODUCTS_AT_ONCE) {
        const pairs = copies.slice(from, from + PRODUCTS_AT_ONCE).map((copy, k): EvaluatorPair => [copy, factor(from + k)])
        using several = evaluator.multiplyAccumulate(pairs)
        evaluator.addInPlace(total, several)
      }
    })
    return all / DISTINCT_OPERANDS
  }
  const clear = (await summed(plainSum, k => weights[k]!)) / (2 * residues)
  const single = (await summed(sum, k => copies[DISTINCT_OPERANDS - 1 - k]!)) / (4 * residues)
  const together = isProductSummer(evaluator) ? (await summedTogether(evaluator, sum, copies, time)) / (4 * residues) : undefined
  const rescaling = (await time(() => drop(evaluator.rescale(a)))) / (2 * residues)
  // as weights and clear inputs are made: values are looked up one by one first
  const order = Int32Array.from(slots, (_, slot) => (slot * 31) % slots.length)
  const encoding = await time(() => {
    const packed = new Float64Array(slots.length)
    for (let slot = 0; slot < packed.length; slot++) packed[slot] = slots[order[slot]!]!
    evaluator.plaintext(packed, options)[Symbol.dispose]()
  })
  const loading = await time(() => {
    // a copy: bytes come freshly read
    using ciphertext = deserializeCiphertext(context, bytes.slice(), { level: LEVEL, degree: 1, scale: SCALE })
    drop(evaluator.load(ciphertext))
  })
  const copying = storesPlaintexts(evaluator) ? await broughtIn(evaluator, slots, options, timing) : encoding
  const combining = isCombiner(evaluator)
  const inputs = Array.from({ length: COMBINED_INPUTS }, (_, k) => k)
  const row = { inputs, coefficients: noise(COMBINED_INPUTS), constant: 1 }
  const rows = new Array<typeof row>(COMBINED_ROWS).fill(row)
  const operands = inputs.map(() => a)
  const scalarProduct = combining
    ? (await time(() => drop(...evaluator.linearCombinations(operands, rows, { scale: SCALE })))) /
      (2 * residues * COMBINED_ROWS * COMBINED_INPUTS)
    : clear
  return {
    transform,
    keyProduct,
    division,
    product: Math.sqrt(clear * single),
    ...(together === undefined ? {} : { ciphertextProduct: together }),
    scalarProduct,
    rescaling,
    embedding: positive(encoding - residues * transform, encoding),
    load: loading / (2 * residues),
    copy: positive(copying - residues * transform, copying),
    combining
  }
}

/** Sums as the giant steps of a layer have them, of a few batch blocks: inputs are shared by giant steps, weights by blocks. @returns seconds of one product */
async function summedTogether(
  evaluator: Evaluator & ProductSummer,
  sum: EvaluatorCiphertext,
  operands: readonly EvaluatorCiphertext[],
  time: (work: () => unknown) => Promise<number>
): Promise<number> {
  const weights = operands.slice(0, GIANT_STEPS_AT_ONCE * PRODUCTS_AT_ONCE)
  const inputs = operands.slice(weights.length)
  const blocks = inputs.length / PRODUCTS_AT_ONCE
  const sums = Array.from({ length: GIANT_STEPS_AT_ONCE * blocks }, () => evaluator.copy(sum))
  try {
    const all = await time(() => {
      evaluator.multiplyAddMany(
        sums.map((total, k) => {
          const [giant, block] = [Math.floor(k / blocks) * PRODUCTS_AT_ONCE, (k % blocks) * PRODUCTS_AT_ONCE]
          const pairs = Array.from({ length: PRODUCTS_AT_ONCE }, (_, t): EvaluatorPair => [inputs[block + t]!, weights[giant + t]!])
          return { sum: total, pairs }
        })
      )
    })
    return all / (sums.length * PRODUCTS_AT_ONCE)
  } finally {
    for (const total of sums) total.dispose()
  }
}

/** Encoded vectors that wait outside, far more of them than the caches hold. @returns seconds that each takes to come back */
async function broughtIn(
  evaluator: Evaluator & PlaintextStorage,
  slots: Float64Array,
  options: EncodeOptions,
  timing: TimingOptions
): Promise<number> {
  const outside = Array.from({ length: OUTSIDE_VECTORS }, () => evaluator.encodeOutside(slots, options))
  const all = await usualSeconds(() => {
    for (const encoded of outside) evaluator.bringIn(encoded)[Symbol.dispose]()
  }, timing)
  return all / outside.length
}

/** A pass over a key against a transform: in the ring kernel, and in an evaluator that does not tell them apart. The difference of two measured times would tell it less well. */
const KEY_PRODUCT_SHARE = { hoisting: 0.3, single: 0.1 } as const
/** The levels at which key switches are timed: what does not grow with the level is what their division takes. */
const KEY_SWITCH_LEVELS = [LEVEL, 2] as const

/** A transform, a pass over a key, and what a key switch takes beside them where threads share it: from one rotation and several, at two levels. */
async function keySwitching(
  evaluator: Evaluator,
  a: EvaluatorCiphertext,
  steps: readonly number[],
  { hoisting, divided }: { readonly hoisting: boolean; readonly divided: boolean },
  time: (work: () => unknown) => Promise<number>
): Promise<Pick<CostModel, 'transform' | 'keyProduct' | 'division'>> {
  const share = hoisting ? KEY_PRODUCT_SHARE.hoisting : KEY_PRODUCT_SHARE.single
  const timed: { passes: number; seconds: number }[] = []
  for (const level of KEY_SWITCH_LEVELS) {
    const lower = level === a.level ? evaluator.copy(a) : evaluator.dropLevel(a, level)
    try {
      for (const count of hoisting ? [1, steps.length] : [1]) {
        const taken = await time(() => {
          for (const made of evaluator.rotateMany(lower, steps.slice(0, count))) made.dispose()
        })
        timed.push({ passes: keySwitchPasses(level, count, share), seconds: taken })
      }
    } finally {
      lower.dispose()
    }
  }
  const { slope, intercept } = line(timed, divided)
  return { transform: slope, keyProduct: share * slope, division: intercept }
}

/** Transforms of so many rotations with one decomposition (`operation-costs.ts`), passes over keys counted as their share of one. */
function keySwitchPasses(level: number, count: number, share: number): number {
  const residues = level + 1
  return residues * (residues + 1) + residues + count * (2 * (residues + 2) + share * 2 * residues * (residues + 1))
}

/** The line through (passes, seconds) with the least sum of squared relative distances; through the origin where nothing is divided, or where it would begin below it. */
function line(
  timed: readonly { readonly passes: number; readonly seconds: number }[],
  divided: boolean
): { slope: number; intercept: number } {
  // a·x + b·y ≈ 1 for every run, x = passes / seconds, y = 1 / seconds
  let [xx, xy, yy, x1, y1] = [0, 0, 0, 0, 0]
  for (const { passes, seconds } of timed) {
    const x = passes / seconds
    const y = 1 / seconds
    xx += x * x
    xy += x * y
    yy += y * y
    x1 += x
    y1 += y
  }
  const determinant = xx * yy - xy * xy
  const intercept = (xx * y1 - xy * x1) / determinant
  const slope = (yy * x1 - xy * y1) / determinant
  return divided && intercept > 0 && slope > 0 ? { slope, intercept } : { slope: x1 / xx, intercept: 0 }
}

/** The least share of a whole that the difference of two measured times may be. */
const LEAST_SHARE = 0.05

/** A difference of two measured times, which noise may make too small. */
const positive = (difference: number, whole: number): number => Math.max(difference, LEAST_SHARE * whole)

/** Encoding, encrypting and serialising. @returns seconds of what `OperationCosts.encryption` takes for one transform */
async function measureEncryption(context: Context, timing: TimingOptions): Promise<number> {
  using secret = SecretKey.generate(context)
  using publicKey = new KeyGenerator(context).publicKey(secret)
  const encryptor = new Encryptor(context, publicKey)
  const slots = noise(context.parameters.slots)
  const whole = await usualSeconds(() => {
    using plaintext = context.encoder.encode(slots, { level: LEVEL, scale: SCALE })
    using ciphertext = encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }, timing)
  return whole / (ENCRYPTION_TRANSFORMS * (LEVEL + 2))
}

function setKeys(evaluator: Evaluator, context: Context, secret: SecretKey, steps: readonly number[]): PublicKey {
  const generator = new KeyGenerator(context)
  const elements = steps.map(step => galoisElementOf(step, context.parameters.N))
  const galoisKeys = new Map(elements.map(element => [element, generator.galoisKey(secret, element)]))
  try {
    evaluator.setKeys({ galoisKeys })
  } finally {
    for (const key of galoisKeys.values()) key.dispose()
  }
  return generator.publicKey(secret)
}

/** Values of no meaning between -1 and 1, the same every time. */
const noise = (length: number): Float64Array => Float64Array.from({ length }, (_, k) => Math.sin(12.9898 * (k + 1)))
