/**
 * Writes assembly/chacha.ts: ChaCha20 (RFC 8439), one state word of four blocks per vector. The key stream comes out in the standard order.
 *
 * `paired`: two such groups side by side, stored side by side and put in order afterwards, and rotations without shuffles: all of it V8's revectorisation can
 * join into 256-bit operations. Otherwise it would be slower than one group at a time, which is limited by the vector operations of a round as it is.
 */
const quarterRounds = (groups, halves) =>
  [
    (a, b, _c, d) => `${a} = i32x4.add(${a}, ${b}); ${d} = rotate16(v128.xor(${d}, ${a}))`,
    (_a, b, c, d) => `${c} = i32x4.add(${c}, ${d}); ${b} = rotate(v128.xor(${b}, ${c}), 12)`,
    (a, b, _c, d) => `${a} = i32x4.add(${a}, ${b}); ${d} = rotate8(v128.xor(${d}, ${a}))`,
    (_a, b, c, d) => `${c} = i32x4.add(${c}, ${d}); ${b} = rotate(v128.xor(${b}, ${c}), 7)`
  ].flatMap(step => groups.flatMap(group => halves.map(h => `      ${step(...group.map(i => `x${i}${h}`))}`)))

const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15]
]
const DIAGONALS = [
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14]
]
const WORDS = [...Array(16).keys()]

/** Words 4g … 4g+3 of the four blocks: a 4×4 transposition into the blocks' own places. */
function transposeGroup(g) {
  const [a, b, c, d] = [0, 1, 2, 3].map(k => `x${4 * g + k}`)
  const at = block => 64 * block + 16 * g
  return [
    `    const p${g} = v128.shuffle<i32>(${a}, ${b}, 0, 4, 1, 5), q${g} = v128.shuffle<i32>(${a}, ${b}, 2, 6, 3, 7)`,
    `    const r${g} = v128.shuffle<i32>(${c}, ${d}, 0, 4, 1, 5), s${g} = v128.shuffle<i32>(${c}, ${d}, 2, 6, 3, 7)`,
    `    v128.store(out, v128.shuffle<i64>(p${g}, r${g}, 0, 2), ${at(0)}); v128.store(out, v128.shuffle<i64>(p${g}, r${g}, 1, 3), ${at(1)})`,
    `    v128.store(out, v128.shuffle<i64>(q${g}, s${g}, 0, 2), ${at(2)}); v128.store(out, v128.shuffle<i64>(q${g}, s${g}, 1, 3), ${at(3)})`
  ]
}

const DOCUMENTATION = [
  '/**',
  ' * Writes 256·count bytes of key stream, count even, and may use 576 bytes beyond. `state`: the sixteen words of RFC 8439 (constants, key, block counter,',
  ' * nonce); its counter is advanced.',
  ' */'
]

const single = [
  '@inline function rotate16(x: v128): v128 { return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13) }',
  '@inline function rotate8(x: v128): v128 { return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14) }',
  ...DOCUMENTATION,
  'export function keyStream(out: usize, count: i32, state: usize): void {',
  '  let counter = load<u32>(state, 48)',
  '  for (let b = 0; b < count; b++, out += 256, counter += 4) {',
  '    const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3))',
  ...WORDS.map(i => `    let x${i} = ${i === 12 ? 'counters' : `v128.load32_splat(state, ${4 * i})`}`),
  '    for (let round = 0; round < 10; round++) {',
  ...quarterRounds(COLUMNS, ['']),
  ...quarterRounds(DIAGONALS, ['']),
  '    }',
  ...WORDS.map(i => `    x${i} = i32x4.add(x${i}, ${i === 12 ? 'counters' : `v128.load32_splat(state, ${4 * i})`})`),
  ...[0, 1, 2, 3].flatMap(transposeGroup),
  '  }',
  '  store<u32>(state, counter, 48)',
  '}'
]

const HALVES = ['_0', '_1']
const initial = (i, h) => (i === 12 ? `v128.load(counters, ${16 * h})` : `v128.load32_splat(state, ${4 * i})`)

/** The sums of word i for both groups, stored side by side. */
function finish(i) {
  const sums = HALVES.map((half, h) => `const y${i}${half} = i32x4.add(x${i}${half}, ${initial(i, h)})`)
  const stores = HALVES.map((half, h) => `v128.store(words, y${i}${half}, ${32 * i + 16 * h})`)
  return `    ${[...sums, ...stores].join('; ')}`
}

const paired = [
  '@inline function rotate16(x: v128): v128 { return rotate(x, 16) }',
  '@inline function rotate8(x: v128): v128 { return rotate(x, 8) }',
  '/** Words of eight blocks, word after word, into blocks. */',
  'function arrange(out: usize, words: usize): void {',
  '  for (let h: usize = 0; h < 2; h++, out += 256, words += 16) {',
  ...WORDS.map(i => `    const x${i} = v128.load(words, ${32 * i})`),
  ...[0, 1, 2, 3].flatMap(transposeGroup),
  '  }',
  '}',
  ...DOCUMENTATION,
  'export function keyStream(out: usize, count: i32, state: usize): void {',
  '  const counters = out + (<usize>count << 8), words = counters + 64',
  '  let counter = load<u32>(state, 48)',
  '  for (let b = 0; b < count; b += 2, out += 512, counter += 8) {',
  '    v128.store(counters, i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3)))',
  '    v128.store(counters, i32x4.add(i32x4.splat(counter), i32x4(4, 5, 6, 7)), 16)',
  ...WORDS.flatMap(i => HALVES.map((half, h) => `    let x${i}${half} = ${initial(i, h)}`)),
  '    for (let round = 0; round < 10; round++) {',
  ...quarterRounds(COLUMNS, HALVES),
  ...quarterRounds(DIAGONALS, HALVES),
  '    }',
  ...WORDS.map(finish),
  '    arrange(out, words)',
  '  }',
  '  store<u32>(state, counter, 48)',
  '}'
]

/** @param {{ paired: boolean }} options */
export function generateChaCha(options) {
  return `${[
    '// Generated by scripts/chacha-generator.mjs.',
    '@inline function rotate(x: v128, bits: i32): v128 { return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits)) }',
    ...(options.paired ? paired : single)
  ].join('\n')}\n`
}
