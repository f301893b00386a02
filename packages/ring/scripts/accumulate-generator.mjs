/**
 * Generates accumulate.ts: sums of products with one reduction at the end, component vectors multiplied as polynomials in the secret:
 *
 *   (1,1)  c0 = Σ a0·b0
 *   (2,1)  c0 = Σ a0·b0, c1 = Σ a1·b0                             ciphertext × plaintext; digits × key
 *   (2,2)  c0 = Σ a0·b0, c1 = Σ (a0·b1 + a1·b0), c2 = Σ a1·b1     ciphertext × ciphertext, by Karatsuba: c1 = Σ (a0+a1)·(b0+b1) - c0 - c2
 *
 * `table` holds, pair after pair, the u32 addresses of the rows in the order a0 [a1] b0 [b1]. With `add` the sums are added to what c holds.
 *
 * Sums of up to BURST pairs are unrolled: no table is read and no sum carried in the loop over the row, so that V8 can join the halves of a group into
 * 256-bit operations. Longer sums go burst after burst through memory.
 *
 * Bounds, units of q: a product of balanced residues is at most 1/2 + 3/64 (arithmetic.ts, A·B = 1/4), one of two sums of them at most 1/2 + 3/16 = 0.6875.
 * A burst and what c holds: 8·0.6875 + 1/2 = 6 < 8 fused, 4·0.6875 + 1/2 = 3.25 < 4 otherwise.
 */

const HALVES = [0, 1]
const SIGNATURE = 'table: usize, from: usize, to: usize, block: usize'
const CONSTANTS = 'const q = modulusOf(block), s = subtrahendOf(block), inverse = inverseOf(block), R = roundingOf(block)'

const load = (row, h) => `v128.load(${row} + i${h ? ', 16' : ''})`
const product = (a, b) => `multiply(${a}, ${b}, s, inverse, R)`
const sum = terms => terms.reduce((total, term) => `f64x2.add(${total}, ${term})`)
const store = (row, value, h) => `v128.store(${row} + i, ${value}${h ? ', 16' : ''})`

/** Names of the row addresses of `count` pairs, and the statement that loads them. */
function rows(names, count) {
  const pairs = Array.from({ length: count }, (_, t) => names.map(name => `${name}${t}`))
  const loads = pairs.flat().map((name, k) => `${name}: usize = load<u32>(table, ${4 * k})`)
  return { pairs, statement: `const ${loads.join(', ')}` }
}

const loop = body => ['for (let i = from; i < to; i += 32) {', ...body, '}']

/** (1,1) and (2,1): `outputs` sums that share their second factor. */
function shared(outputs, count, add) {
  const names = Array.from({ length: outputs }, (_, k) => `a${k}_`)
  const { pairs, statement } = rows([...names, 'b'], count)
  const sums = k =>
    HALVES.map(h => {
      const terms = pairs.map(pair => product(load(pair[k], h), load(pair[outputs], h)))
      return `const c${k}_${h} = reduce(${sum(add ? [...terms, load(`c${k}`, h)] : terms)}, q, inverse, R)`
    })
  const each = [...names.flatMap((_, k) => sums(k)), ...names.flatMap((_, k) => HALVES.map(h => store(`c${k}`, `c${k}_${h}`, h)))]
  const parameters = names.map((_, k) => `c${k}: usize`).join(', ')
  return [
    `function sum${outputs}1_${count}${add ? 'add' : ''}(${parameters}, ${SIGNATURE}): void {`,
    CONSTANTS,
    statement,
    ...loop(each),
    '}'
  ]
}

/** (2,2) */
function tensor(count, add) {
  const { pairs, statement } = rows(['a', 'A', 'b', 'B'], count)
  const half = h => {
    const each = combine => sum(pairs.map(combine))
    const value = (name, expression) => `const ${name}${h} = reduce(${expression}, q, inverse, R)`
    const held = (expression, row) => (add ? `f64x2.add(${expression}, ${load(row, h)})` : expression)
    return [
      value(
        'low',
        each(([a, , b]) => product(load(a, h), load(b, h)))
      ),
      value(
        'high',
        each(([, A, , B]) => product(load(A, h), load(B, h)))
      ),
      value(
        'cross',
        each(([a, A, b, B]) => product(`f64x2.add(${load(a, h)}, ${load(A, h)})`, `f64x2.add(${load(b, h)}, ${load(B, h)})`))
      ),
      // three balanced values, and what c1 holds: at most 2
      `const middle${h} = reduce(${held(`f64x2.sub(cross${h}, f64x2.add(low${h}, high${h}))`, 'c1')}, q, inverse, R)`,
      ...(add ? [value('first', held(`low${h}`, 'c0')), value('last', held(`high${h}`, 'c2'))] : [])
    ]
  }
  const [low, high] = add ? ['first', 'last'] : ['low', 'high']
  const stores = [
    ['c0', low],
    ['c1', 'middle'],
    ['c2', high]
  ].flatMap(([row, name]) => HALVES.map(h => store(row, `${name}${h}`, h)))
  const name = `sum22_${count}${add ? 'add' : ''}`
  return [
    `function ${name}(c0: usize, c1: usize, c2: usize, ${SIGNATURE}): void {`,
    CONSTANTS,
    statement,
    ...loop([...HALVES.flatMap(half), ...stores]),
    '}'
  ]
}

/** Burst after burst over the bytes from..to of the rows, the first of which overwrites unless told to add. `counts` are the sizes of burst there are. */
function dispatcher(shape, outputs, rowsPerPair, counts) {
  const arguments_ = Array.from({ length: outputs }, (_, k) => `c${k}`)
  const parameters = arguments_.map(name => `${name}: usize`).join(', ')
  const call = (count, add) => `sum${shape}_${count}${add}(${arguments_.join(', ')}, t, from, to, block)`
  const sizes = [...counts].sort((a, b) => b - a)
  const branches = sizes.map(
    size =>
      `if (count >= ${size}) { if (add) ${call(size, 'add')}; else ${call(size, '')}; count -= ${size}; t += ${4 * rowsPerPair * size} }`
  )
  return [
    `function sum${shape}(${parameters}, table: usize, count: i32, from: usize, to: usize, block: usize, add: bool): void {`,
    `if (count == 0 && !add) { ${arguments_.map(name => `memory.fill(${name} + from, 0, to - from)`).join('; ')} }`,
    'for (let t = table; count > 0; add = true) {',
    branches.join(' else '),
    '}',
    '}',
    `export function multiplyAccumulate${shape}(${parameters}, table: usize, count: i32, n: i32, block: usize, add: bool): void {`,
    `sum${shape}(${arguments_.join(', ')}, table, count, 0, <usize>n << 3, block, add)`,
    '}'
  ]
}

/**
 * Many sums over the bytes from..to of their rows, `tile` bytes of all of them before the next: rows that several sums read stay in the cache. A sum is the u32 values
 * c0, c1, c2, number of pairs, whether to add, and the addresses of its pairs.
 */
const TILED = [
  'export function multiplyAccumulateMany22(sums: usize, count: i32, from: usize, to: usize, tile: usize, block: usize): void {',
  'for (let at = from; at < to; at += tile) {',
  'const end = at + tile < to ? at + tile : to',
  'for (let k: i32 = 0, p = sums; k < count; k++) {',
  'const pairs = load<i32>(p, 12)',
  'sum22(load<u32>(p), load<u32>(p, 4), load<u32>(p, 8), p + 20, pairs, at, end, block, load<u32>(p, 16) != 0)',
  'p += 20 + (<usize>pairs << 4)',
  '}',
  '}',
  '}'
]

/** @returns the AssemblyScript source */
export function generateAccumulate({ fused }) {
  const burst = fused ? 8 : 4
  // key switches sum as many products as there are digits, which may be any number
  const every = Array.from({ length: burst }, (_, k) => k + 1)
  const powers = every.filter(count => (count & (count - 1)) === 0)
  const variants = (counts, make) => counts.flatMap(count => [false, true].flatMap(add => make(count, add)))
  return `${[
    '// Generated by scripts/accumulate-generator.mjs.',
    "import { multiply, reduce } from './arithmetic'",
    "import { inverseOf, modulusOf, roundingOf, subtrahendOf } from './modulus'",
    ...variants(powers, (count, add) => shared(1, count, add)),
    ...variants(every, (count, add) => shared(2, count, add)),
    ...variants(powers, tensor),
    ...dispatcher('11', 1, 2, powers),
    ...dispatcher('21', 2, 3, every),
    ...dispatcher('22', 3, 4, powers),
    ...TILED
  ].join('\n')}\n`
}
