/**
 * Writes assembly/transform.ts: the negacyclic number-theoretic transform, unrolled.
 *
 * Layout. The first forward pass is a radix-4 butterfly across the four quarters of the row, followed in registers by a 4×4 transposition:
 * from then on position 4g + lane of quarter k holds element 4g + k of the lane-th quarter-size transform, so the four lanes run four independent
 * transforms and no later pass shuffles. The last pass (strides 2 and 1) is across the quarters again. The output order is the
 * bit-reversed one up to that transposition, (k, g, lane) ↔ (lane, g, k), which is its own inverse (order.ts).
 *
 * Laziness. Values are not reduced after every butterfly; `bounds.mjs` follows the largest value through the passes emitted here, for every size,
 * and refuses to build when a bound of arithmetic.ts could be broken.
 *
 * `paired` emits both 128-bit halves of the four lanes side by side, which V8's revectorisation can join into 256-bit operations; otherwise the
 * halves go one after the other, which needs fewer registers.
 */
import { REDUCING_CONDITION } from './bounds.mjs'

const HALVES = [0, 1]
const pointer = k => (k ? `p${k}` : 'p')
const constant = (value, twiddle) => `multiplyConstant(${value}, ${twiddle}, ${twiddle}r, s, R)`
const plus = (a, b) => `f64x2.add(${a}, ${b})`
const minus = (a, b) => `f64x2.sub(${a}, ${b})`
const reduced = a => `reduce(${a}, q, inverse, R)`

/** Cooley-Tukey radix-4 butterfly: (x0, x1, x2, x3) → o0…o3, root w1 on the upper half, then w2 and w3. */
function forwardButterfly(h, load, twiddle, reduceFirst) {
  return [
    `const x2${h} = ${constant(load(2), twiddle(1))}, x3${h} = ${constant(load(3), twiddle(1))}`,
    `const x1${h} = ${load(1)}, x0${h} = ${reduceFirst ? reduced(load(0)) : load(0)}`,
    `const z1${h} = ${constant(plus(`x1${h}`, `x3${h}`), twiddle(2))}, z3${h} = ${constant(minus(`x1${h}`, `x3${h}`), twiddle(3))}`,
    `const z0${h} = ${plus(`x0${h}`, `x2${h}`)}, z2${h} = ${minus(`x0${h}`, `x2${h}`)}`,
    `const o0${h} = ${plus(`z0${h}`, `z1${h}`)}, o1${h} = ${minus(`z0${h}`, `z1${h}`)}, o2${h} = ${plus(`z2${h}`, `z3${h}`)}, o3${h} = ${minus(`z2${h}`, `z3${h}`)}`
  ]
}

/** Gentleman-Sande radix-4 butterfly, the inverse of the above up to a factor 4. */
function inverseButterfly(h, load, twiddle, reduceSecond) {
  return [
    `const a0${h} = ${load(0)}, a1${h} = ${load(1)}, a2${h} = ${load(2)}, a3${h} = ${load(3)}`,
    `const d0${h} = ${constant(minus(`a0${h}`, `a1${h}`), twiddle(2))}, d2${h} = ${constant(minus(`a2${h}`, `a3${h}`), twiddle(3))}`,
    `const s0${h} = ${plus(`a0${h}`, `a1${h}`)}, s2${h} = ${plus(`a2${h}`, `a3${h}`)}`,
    `const o0${h} = ${reduced(plus(`s0${h}`, `s2${h}`))}, o1${h} = ${reduceSecond ? reduced(plus(`d0${h}`, `d2${h}`)) : plus(`d0${h}`, `d2${h}`)}`,
    `const o2${h} = ${constant(minus(`s0${h}`, `s2${h}`), twiddle(1))}, o3${h} = ${constant(minus(`d0${h}`, `d2${h}`), twiddle(1))}`
  ]
}

const SIGNATURE = 'N: usize, q: v128, s: v128, inverse: v128, R: v128'
const ROW_LOOP = 'for (let p = x, end = x + quarter; p < end; p += 32) { const p1 = p + quarter, p2 = p1 + quarter, p3 = p2 + quarter'

/** Emits a pass whose two halves are independent: one after the other, or side by side with paired stores. */
function halves(paired, compute, result) {
  const store = h => [0, 1, 2, 3].map(k => `v128.store(${result.pointer(k)}, ${result.name(k)}${h}, ${16 * h})`)
  if (paired) return [...HALVES.flatMap(compute), ...[0, 1, 2, 3].flatMap(k => HALVES.map(h => store(h)[k]))]
  return HALVES.flatMap(h => ['{', ...compute(h), ...store(h), '}'])
}

function firstForward(reduceFirst) {
  const lines = [
    `@inline function forwardFirst(to: usize, from: usize, table: usize, ${SIGNATURE}): void {`,
    'const quarter = N << 1',
    ...[1, 2, 3].map(
      i => `const w${i} = v128.load64_splat(table, ${16 * (i - 1)}), w${i}r = v128.load64_splat(table, ${16 * (i - 1) + 8})`
    ),
    'for (let p = from, end = from + quarter, t = to; p < end; p += 32, t += 32) { const p1 = p + quarter, p2 = p1 + quarter, p3 = p2 + quarter',
    'const t1 = t + quarter, t2 = t1 + quarter, t3 = t2 + quarter'
  ]
  for (const h of HALVES)
    lines.push(
      ...forwardButterfly(
        h,
        k => `v128.load(${pointer(k)}, ${16 * h})`,
        i => `w${i}`,
        reduceFirst
      )
    )
  for (const k of [0, 1, 2, 3]) {
    const h = k >> 1
    const lanes = k & 1 ? '1, 3' : '0, 2'
    const target = k ? `t${k}` : 't'
    lines.push(
      `v128.store(${target}, i64x2.shuffle(o0${h}, o1${h}, ${lanes}))`,
      `v128.store(${target}, i64x2.shuffle(o2${h}, o3${h}, ${lanes}), 16)`
    )
  }
  return [...lines, '}', '}']
}

/** One level pair in the middle: m roots known, butterflies at distance N/(4m) groups, the same in all four quarters. */
function middle(paired, name, butterfly) {
  const twiddles = h => [
    `const w1${h} = v128.load(upper, ${16 * h}), w2${h} = v128.load(lower, ${16 * h}), w3${h} = v128.load(lower, ${32 + 16 * h})`,
    `const w1${h}r = v128.load(upperRatio, ${16 * h}), w2${h}r = v128.load(lowerRatio, ${16 * h}), w3${h}r = v128.load(lowerRatio, ${32 + 16 * h})`
  ]
  const loop = start =>
    `for (let k = 0, b = ${start}; k < 4; k++, b += quarter) { for (let p = b, end = b + stride; p < end; p += 32) { const p1 = p + stride, p2 = p1 + stride, p3 = p2 + stride`
  const lines = [
    `@inline function ${name}(x: usize, m: usize, table: usize, ratios: usize, ${SIGNATURE}): void {`,
    'const stride = (N << 1) / m, quarter = N << 1, blocks = m >> 2',
    'let upper = table + (blocks << 5), lower = table + (blocks << 6), upperRatio = ratios + (blocks << 5), lowerRatio = ratios + (blocks << 6)',
    'for (let j: usize = 0; j < blocks; j++, upper += 32, lower += 64, upperRatio += 32, lowerRatio += 64) {',
    'const base = x + j * (stride << 2)'
  ]
  if (paired) {
    lines.push(...HALVES.flatMap(twiddles), loop('base'))
    lines.push(
      ...halves(
        true,
        h =>
          butterfly(
            h,
            k => `v128.load(${pointer(k)}, ${16 * h})`,
            i => `w${i}${h}`
          ),
        { pointer, name: k => `o${k}` }
      )
    )
    lines.push('} }')
  } else {
    for (const h of HALVES) {
      lines.push('{', ...twiddles(h), loop(h ? 'base + 16' : 'base'))
      lines.push(
        ...butterfly(
          h,
          k => `v128.load(${pointer(k)})`,
          i => `w${i}${h}`
        )
      )
      lines.push(...[0, 1, 2, 3].map(k => `v128.store(${pointer(k)}, o${k}${h})`), '} }', '}')
    }
  }
  return [...lines, '}', '}']
}

/** One level in the middle (radix 2), at m = 4 of the sizes with an odd number of levels. */
function middleRadix2(name, forward, reduceSum) {
  const value = (at, h) => `v128.load(${at}, ${16 * h})`
  const lines = [
    `@inline function ${name}(x: usize, table: usize, ratios: usize, ${SIGNATURE}): void {`,
    'const stride = N, quarter = N << 1',
    ...HALVES.map(h => `const w${h} = v128.load(table, ${32 + 16 * h}), w${h}r = v128.load(ratios, ${32 + 16 * h})`),
    'for (let k = 0, b = x; k < 4; k++, b += quarter) { for (let p = b, end = b + stride; p < end; p += 32) { const p1 = p + stride'
  ]
  for (const h of HALVES) {
    if (forward) {
      lines.push(
        `const t${h} = ${constant(value('p1', h), `w${h}`)}`,
        `const u${h} = ${reduceSum ? reduced(value('p', h)) : value('p', h)}`
      )
      lines.push(`const a${h} = ${plus(`u${h}`, `t${h}`)}, b${h} = ${minus(`u${h}`, `t${h}`)}`)
    } else {
      lines.push(`const u${h} = ${value('p', h)}, t${h} = ${value('p1', h)}`)
      lines.push(`const a${h} = ${reduced(plus(`u${h}`, `t${h}`))}, b${h} = ${constant(minus(`u${h}`, `t${h}`), `w${h}`)}`)
    }
  }
  for (const h of HALVES) lines.push(`v128.store(p, a${h}, ${16 * h})`)
  for (const h of HALVES) lines.push(`v128.store(p1, b${h}, ${16 * h})`)
  return [...lines, '} }', '}']
}

const lastTwiddles = h =>
  [1, 2, 3].map(i => `const w${i}${h} = v128.load(t, ${32 * (i - 1) + 16 * h}), w${i}${h}r = v128.load(t, ${96 + 32 * (i - 1) + 16 * h})`)

/**
 * The last forward pass, ending with the final reduction ('reduce'), or writing (a - value)·scale ('subtract'), or adding that to a row
 * ('subtract-add').
 */
function lastForward(paired, reduceFirst, finish) {
  const at = (name, k) => (k ? `${name}${k}` : name)
  const finished = (k, h) => {
    if (finish === 'reduce') return reduced(`o${k}${h}`)
    const scaled = constant(minus(`v128.load(${at('a', k)}, ${16 * h})`, `o${k}${h}`), 'scale')
    return reduced(finish === 'subtract' ? scaled : plus(scaled, `v128.load(${at('c', k)}, ${16 * h})`))
  }
  const compute = h => [
    ...lastTwiddles(h),
    ...forwardButterfly(
      h,
      k => `v128.load(${pointer(k)}, ${16 * h})`,
      i => `w${i}${h}`,
      reduceFirst
    ),
    ...[0, 1, 2, 3].map(k => `const f${k}${h} = ${finished(k, h)}`)
  ]
  const extra = { reduce: [], subtract: ['y', 'a'], 'subtract-add': ['y', 'a', 'c'] }[finish]
  const parameters = { y: 'y: usize', a: 'a: usize', c: 'c: usize' }
  const name = { reduce: 'forwardLast', subtract: 'forwardLastSubtract', 'subtract-add': 'forwardLastSubtractAdd' }[finish]
  return [
    `@inline function ${name}(x: usize, ${extra.map(e => `${parameters[e]}, `).join('')}${extra.length ? 'scale: v128, scaler: v128, ' : ''}table: usize, ${SIGNATURE}): void {`,
    'const quarter = N << 1',
    'let t = table',
    ROW_LOOP,
    ...extra.map(e => `const ${e}1 = ${e} + quarter, ${e}2 = ${e}1 + quarter, ${e}3 = ${e}2 + quarter`),
    ...halves(paired, compute, { pointer: k => (finish === 'reduce' ? pointer(k) : at('y', k)), name: k => `f${k}` }),
    't += 192',
    ...extra.map(e => `${e} += 32`),
    '}',
    '}'
  ]
}

function firstInverse(paired, reduceSecond) {
  const compute = h => [
    ...lastTwiddles(h),
    ...inverseButterfly(
      h,
      k => `v128.load(${pointer(k)}, ${16 * h})`,
      i => `w${i}${h}`,
      reduceSecond
    )
  ]
  return [
    `@inline function inverseFirst(to: usize, from: usize, table: usize, ${SIGNATURE}): void {`,
    'const quarter = N << 1',
    'let t = table, y = to',
    'for (let p = from, end = from + quarter; p < end; p += 32, y += 32) { const p1 = p + quarter, p2 = p1 + quarter, p3 = p2 + quarter',
    'const y1 = y + quarter, y2 = y1 + quarter, y3 = y2 + quarter',
    ...halves(paired, compute, { pointer: k => (k ? `y${k}` : 'y'), name: k => `o${k}` }),
    't += 192',
    '}',
    '}'
  ]
}

/** The transposition back, the butterfly across quarters, N^-1 folded into its roots, and the reduction to balanced residues. */
function lastInverse() {
  const lines = [
    `@inline function inverseLast(x: usize, table: usize, ${SIGNATURE}): void {`,
    'const quarter = N << 1',
    'const k = v128.load64_splat(table), kr = v128.load64_splat(table, 8), w1 = v128.load64_splat(table, 16), w1r = v128.load64_splat(table, 24)',
    'const w2 = v128.load64_splat(table, 32), w2r = v128.load64_splat(table, 40), w3 = v128.load64_splat(table, 48), w3r = v128.load64_splat(table, 56)',
    ROW_LOOP
  ]
  for (const h of HALVES) {
    lines.push(
      `const e${h}0 = v128.load(${pointer(2 * h)}), e${h}1 = v128.load(${pointer(2 * h + 1)}), g${h}0 = v128.load(${pointer(2 * h)}, 16), g${h}1 = v128.load(${pointer(2 * h + 1)}, 16)`
    )
  }
  for (const h of HALVES) {
    lines.push(
      `const a0${h} = i64x2.shuffle(e${h}0, e${h}1, 0, 2), a1${h} = i64x2.shuffle(e${h}0, e${h}1, 1, 3), a2${h} = i64x2.shuffle(g${h}0, g${h}1, 0, 2), a3${h} = i64x2.shuffle(g${h}0, g${h}1, 1, 3)`,
      `const d0${h} = ${constant(minus(`a0${h}`, `a1${h}`), 'w2')}, d2${h} = ${constant(minus(`a2${h}`, `a3${h}`), 'w3')}`,
      `const s0${h} = ${plus(`a0${h}`, `a1${h}`)}, s2${h} = ${plus(`a2${h}`, `a3${h}`)}`
    )
    const outputs = [
      constant(plus(`s0${h}`, `s2${h}`), 'k'),
      constant(plus(`d0${h}`, `d2${h}`), 'k'),
      constant(minus(`s0${h}`, `s2${h}`), 'w1'),
      constant(minus(`d0${h}`, `d2${h}`), 'w1')
    ]
    lines.push(...outputs.map((value, k) => `v128.store(${pointer(k)}, ${reduced(value)}, ${16 * h})`))
  }
  return [...lines, '}', '}']
}

/** @param {{ paired: boolean, fused: boolean }} options */
export function generateTransform({ paired, fused }) {
  const everyPass = !fused
  const call = 'table, ratios, N, q, s, inverse, R'
  const constants = [
    'const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)',
    'const logN = load<u32>(block, 32), N: usize = <usize>1 << logN'
  ]
  const reducing = everyPass
    ? `forwardMiddleReduced(to, m, ${call})`
    : `if (${REDUCING_CONDITION}) forwardMiddleReduced(to, m, ${call}); else forwardMiddle(to, m, ${call})`
  return `${[
    '// Generated by scripts/transform-generator.mjs.',
    "import { constantForm, multiplyConstant, reduce } from './arithmetic'",
    "import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'",
    ...firstForward(everyPass),
    ...middle(paired, 'forwardMiddle', (h, load, twiddle) => forwardButterfly(h, load, twiddle, false)),
    ...middle(paired, 'forwardMiddleReduced', (h, load, twiddle) => forwardButterfly(h, load, twiddle, true)),
    ...middleRadix2('forwardMiddle2', true, everyPass),
    ...['reduce', 'subtract', 'subtract-add'].flatMap(finish => lastForward(paired, everyPass, finish)),
    ...firstInverse(paired, everyPass),
    ...middle(paired, 'inverseMiddle', (h, load, twiddle) => inverseButterfly(h, load, twiddle, everyPass)),
    ...middleRadix2('inverseMiddle2', false, true),
    ...lastInverse(),
    '/** All forward passes but the last. */',
    'function forwardPasses(to: usize, from: usize, block: usize): void {',
    ...constants,
    'const table: usize = load<u32>(block, 44), ratios: usize = load<u32>(block, 48)',
    'forwardFirst(to, from, load<u32>(block, 40), N, q, s, inverse, R)',
    'let m: usize = 4',
    `if (logN & 1) { forwardMiddle2(to, ${call}); m = 8 }`,
    `for (; m <= N >> 4; m <<= 2) { ${reducing} }`,
    '}',
    '/** Forward transform of a row, |from| <= 2^50, out of place or in place. Output balanced. */',
    'export function forward(to: usize, from: usize, block: usize): void {',
    ...constants,
    'forwardPasses(to, from, block)',
    'forwardLast(to, load<u32>(block, 52), N, q, s, inverse, R)',
    '}',
    '/** out = (a - forward(from))·w, ratio = w/q; `scratch` holds the transform on the way and may be `from`. Output balanced. */',
    'export function forwardSubtractMultiply(out: usize, a: usize, from: usize, scratch: usize, w: f64, ratio: f64, block: usize): void {',
    ...constants,
    'forwardPasses(scratch, from, block)',
    'forwardLastSubtract(scratch, out, a, constantForm(w), f64x2.splat(ratio), load<u32>(block, 52), N, q, s, inverse, R)',
    '}',
    '/** out = (a - forward(from))·w + addend; `addend` may be `out`. */',
    'export function forwardSubtractMultiplyAdd(out: usize, a: usize, addend: usize, from: usize, scratch: usize, w: f64, ratio: f64, block: usize): void {',
    ...constants,
    'forwardPasses(scratch, from, block)',
    'forwardLastSubtractAdd(scratch, out, a, addend, constantForm(w), f64x2.splat(ratio), load<u32>(block, 52), N, q, s, inverse, R)',
    '}',
    '/** Inverse transform of a row, balanced input and output, out of place or in place. */',
    'export function backward(to: usize, from: usize, block: usize): void {',
    ...constants,
    'const table: usize = load<u32>(block, 60), ratios: usize = load<u32>(block, 64)',
    'inverseFirst(to, from, load<u32>(block, 68), N, q, s, inverse, R)',
    `for (let m: usize = N >> 4; m >= 4; m >>= 2) inverseMiddle(to, m, ${call})`,
    `if (logN & 1) inverseMiddle2(to, ${call})`,
    'inverseLast(to, load<u32>(block, 56), N, q, s, inverse, R)',
    '}'
  ].join('\n')}\n`
}
