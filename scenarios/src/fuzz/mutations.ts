/** Mutations of bytes: blind ones, and those that lie about lengths and numbers. */
import { mutateJson } from './json-mutations.js'
import { mutateProtobuf } from './protobuf-mutations.js'
import type { Keystream } from './random.js'
import type { Target } from './target.js'

/** Longest piece that is added at once. */
const LARGEST_PIECE = 64

const EDGES: readonly bigint[] = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0xffff_ffff_ffff_ffffn
]
const FLOATS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  5e-324,
  1e308,
  2 ** 53,
  0.1
]

type Mutation = (bytes: Uint8Array, random: Keystream, other: Uint8Array) => Uint8Array

/** `removed` bytes from `at` become `piece`. */
export function replaced(bytes: Uint8Array, at: number, removed: number, piece: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - removed + piece.length)
  out.set(bytes.subarray(0, at))
  out.set(piece, at)
  out.set(bytes.subarray(at + removed), at + piece.length)
  return out
}

const range = (bytes: Uint8Array, random: Keystream): { at: number; length: number } => {
  const at = random.below(bytes.length + 1)
  return { at, length: random.below(Math.min(bytes.length - at, random.chance(0.1) ? bytes.length : LARGEST_PIECE) + 1) }
}

const BYTES: readonly Mutation[] = [
  function flipBits(bytes, random) {
    const out = bytes.slice()
    for (let n = 1 + random.below(8); n > 0 && out.length > 0; n--) out[random.below(out.length)]! ^= 1 << random.below(8)
    return out
  },
  function flipOneBit(bytes, random) {
    const out = bytes.slice()
    if (out.length > 0) out[random.below(out.length)]! ^= 1 << random.below(8)
    return out
  },
  function randomBytes(bytes, random) {
    const { at, length } = range(bytes, random)
    return replaced(bytes, at, length, random.bytes(Math.min(length, LARGEST_PIECE)))
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1))
  },
  function loseTheStart(bytes, random) {
    return bytes.slice(random.below(bytes.length + 1))
  },
  function extend(bytes, random) {
    return replaced(bytes, bytes.length, 0, random.bytes(1 + random.below(LARGEST_PIECE)))
  },
  function insert(bytes, random) {
    return replaced(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(8)))
  },
  function remove(bytes, random) {
    const { at, length } = range(bytes, random)
    return replaced(bytes, at, length, new Uint8Array(0))
  },
  function repeat(bytes, random) {
    const { at, length } = range(bytes, random)
    return replaced(bytes, at + length, 0, bytes.slice(at, at + length))
  },
  function move(bytes, random) {
    const { at, length } = range(bytes, random)
    const without = replaced(bytes, at, length, new Uint8Array(0))
    return replaced(without, random.below(without.length + 1), 0, bytes.slice(at, at + length))
  },
  /** All ones: residues that are not below their primes, varints that never end. */
  function fill(bytes, random) {
    const { at, length } = range(bytes, random)
    return bytes.slice().fill(random.pick([0, 0xff, 0x80, 0x7f]), at, at + length)
  },
  function splice(bytes, random, other) {
    const cut = random.below(bytes.length + 1)
    return replaced(bytes, cut, bytes.length - cut, other.slice(random.chance(0.5) ? cut : random.below(other.length + 1)))
  },
  function transplant(bytes, random, other) {
    const { at, length } = range(bytes, random)
    return replaced(bytes, at, length, other.slice(at, at + length))
  },
  function wholeNumber(bytes, random) {
    const out = bytes.slice()
    const width = random.pick([1, 2, 4, 8] as const)
    if (out.length < width) return out
    const view = new DataView(out.buffer)
    const at = random.below(out.length - width + 1)
    const little = random.chance(0.5)
    const near = BigInt(random.below(5) - 2)
    const value = random.chance(0.7) ? random.pick(EDGES) : BigInt(out.length) + near
    if (width === 1) view.setUint8(at, Number(BigInt.asUintN(8, value)))
    else if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), little)
    else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), little)
    else view.setBigUint64(at, BigInt.asUintN(64, value), little)
    return out
  },
  function float(bytes, random) {
    const out = bytes.slice()
    if (out.length < 8) return out
    // Headers keep theirs at multiples of eight.
    const at = random.chance(0.5) ? 8 * random.below(Math.floor(Math.min(out.length, 64) / 8)) : random.below(out.length - 7)
    new DataView(out.buffer).setFloat64(at, random.pick(FLOATS), true)
    return out
  },
  /** The start is where formats keep what decides. */
  function header(bytes, random) {
    const out = bytes.slice()
    if (out.length > 0) out[random.below(Math.min(out.length, 48))] = random.byte()
    return out
  },
  function nothing(_bytes, random) {
    return random.bytes(random.below(LARGEST_PIECE))
  }
]

/** A mutation of a valid message of a target, by two mutations one in four times. */
export function mutate(target: Target, origin: Uint8Array, random: Keystream): Uint8Array {
  let bytes = origin
  for (let count = random.chance(0.25) ? 2 : 1; count > 0; count--) {
    const own = target.mutate !== undefined && random.chance(0.4) ? target.mutate(bytes, random) : undefined
    if (own !== undefined) bytes = own
    else if (target.structure === 'json' && random.chance(0.6)) bytes = mutateJson(bytes, random)
    else if (target.structure === 'protobuf' && random.chance(0.6)) bytes = mutateProtobuf(bytes, random)
    else bytes = random.pick(BYTES)(bytes, random, random.pick(target.corpus))
  }
  return bytes
}
