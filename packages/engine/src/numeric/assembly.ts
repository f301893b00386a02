/**
 * As much of the binary format of WebAssembly (https://webassembly.github.io/spec/core/binary) as a loop over 128-bit vectors of doubles takes: instructions as bytes, and the
 * module around one body. Small enough to be made where it is used, so that nothing is loaded, and a caller need not wait.
 */
export type Code = readonly number[]

/** Value types. */
export const I32 = 0x7f
export const V128 = 0x7b

/** An unsigned number, seven bits a byte, lowest first. */
function unsigned(value: number): number[] {
  const low = value & 0x7f
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)]
}

/** The same of a signed one, up to the byte whose sixth bit is its sign. */
function signed(value: number): number[] {
  const low = value & 0x7f
  const rest = value >> 7
  return (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40) ? [low] : [low | 0x80, ...signed(rest)]
}

const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()]
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
const text = (value: string): Code => [...unsigned(value.length), ...[...value].map(letter => letter.charCodeAt(0))]
const vector = (operation: number): Code => [0xfd, ...unsigned(operation)]
/** Alignment is a hint, as log2 of bytes. */
const access = (alignment: number, offset: number): Code => [alignment, ...unsigned(offset)]

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number): Code => [0x21, ...unsigned(local)]
export const tee = (local: number): Code => [0x22, ...unsigned(local)]
export const constant = (value: number): Code => [0x41, ...signed(value)]
export const add: Code = [0x6a]
export const load = (offset: number): Code => [0x28, ...access(2, offset)]
/** Again from the start of `body` while the address `local`, which `body` leaves on the stack, is below `end`. */
export const loopBelow = (end: number, ...body: readonly Code[]): Code => [0x03, 0x40, ...body.flat(), ...get(end), 0x49, 0x0d, 0, 0x0b]

export const loadVector = (offset: number): Code => [...vector(0x00), ...access(3, offset)]
/** One double in both halves. */
export const loadSplat = (offset: number): Code => [...vector(0x0a), ...access(3, offset)]
/** One double in the lower half. */
export const loadLow: Code = [...vector(0x5d), ...access(3, 0)]
/** One double in the upper half of the vector on the stack. */
export const loadHigh: Code = [...vector(0x57), ...access(3, 0), 1]
export const storeVector = (offset: number): Code => [...vector(0x0b), ...access(3, offset)]
export const zeros: Code = [...vector(0x0c), ...new Array<number>(16).fill(0)]
export const addDoubles: Code = vector(0xf0)
export const multiplyDoubles: Code = vector(0xf2)

/**
 * A module of one function, exported as `run`, on the memory that it imports as `host.memory`.
 * @param parameters how many, all of them i32; they are the first locals
 * @param locals types of those that follow
 */
export function moduleOf(parameters: number, locals: readonly number[], body: Code): Uint8Array<ArrayBuffer> {
  const type = [0x60, ...list(new Array<Code>(parameters).fill([I32])), ...list([])]
  const memory = [...text('host'), ...text('memory'), 0x02, 0x00, ...unsigned(1)]
  const code = [...list(locals.map(local => [1, local])), ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([type])),
    ...section(2, list([memory])),
    ...section(3, list([[0]])),
    ...section(7, list([[...text('run'), 0x00, 0]])),
    ...section(10, list([[...unsigned(code.length), ...code]]))
  ])
}
