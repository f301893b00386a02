/** Mutations of protobuf messages: fields repeated, left out, reordered, unknown, of another type, and lengths that lie; at any depth. */
import type { Keystream } from './random.js'

interface Field {
  /** Tag and, where there is one, length, as they stand. */
  readonly head: Uint8Array
  readonly number: number
  readonly wire: number
  readonly value: Uint8Array
}

function varint(value: number, padding = 0): Uint8Array {
  const out: number[] = []
  do {
    out.push((value % 128) | 0x80)
    value = Math.floor(value / 128)
  } while (value > 0)
  for (let i = 0; i < padding; i++) out.push(0x80)
  out[out.length - 1]! &= 0x7f
  return Uint8Array.from(out)
}

/** The fields of a message; undefined for what is none. */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const number = (): number | undefined => {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const start = at
    const tag = number()
    if (tag === undefined || tag < 8) return undefined
    const wire = tag % 8
    let length: number | undefined
    let head = at
    if (wire === 0) {
      if (number() === undefined) return undefined
      length = at - head
    } else if (wire === 1) length = 8
    else if (wire === 5) length = 4
    else if (wire === 2) {
      length = number()
      head = at
    }
    if (length === undefined || head + length > bytes.length) return undefined
    at = head + length
    fields.push({ head: bytes.slice(start, head), number: Math.floor(tag / 8), wire, value: bytes.slice(head, at) })
  }
  return fields
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const written = ({ head, value }: Field): Uint8Array => joined([head, value])

function made(number: number, wire: number, value: Uint8Array, lie = 0, padding = 0): Field {
  const tag = varint(8 * number + wire, padding)
  const head = wire === 2 ? joined([tag, varint(Math.max(0, value.length + lie))]) : tag
  return { head, number, wire, value }
}

function anyField(number: number, random: Keystream): Field {
  const wire = random.pick([0, 1, 2, 2, 5, 3, 4, 6])
  const value =
    wire === 0
      ? varint(random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53]), random.below(3))
      : random.bytes(wire === 1 ? 8 : wire === 5 ? 4 : random.below(24))
  return made(number, wire, value)
}

export function mutateProtobuf(bytes: Uint8Array, random: Keystream): Uint8Array {
  const fields = fieldsOf(bytes)
  if (fields === undefined || fields.length === 0) return joined([bytes, written(anyField(1 + random.below(100), random))])
  const at = random.below(fields.length)
  const field = fields[at]!
  // Bodies are the last field: what is inside matters most.
  const inner = fields.findLast(({ wire }) => wire === 2)
  if (inner !== undefined && random.chance(0.6)) {
    const deeper = mutateProtobuf(inner.value, random)
    return joined(fields.map(each => written(each === inner ? made(each.number, 2, deeper) : each)))
  }
  const others = fields.map(written)
  switch (random.below(9)) {
    case 0:
      return joined([...others.slice(0, at), ...others.slice(at + 1)])
    case 1:
      return joined([...others.slice(0, at + 1), others[at]!, ...others.slice(at + 1)])
    case 2: {
      const to = random.below(others.length)
      const moved = others.splice(at, 1)
      others.splice(to, 0, ...moved)
      return joined(others)
    }
    case 3:
      others.splice(
        random.below(others.length + 1),
        0,
        written(anyField(random.chance(0.5) ? field.number : 1 + random.below(100), random))
      )
      return joined(others)
    case 4:
      others[at] = written(made(field.number, random.below(8), field.value))
      return joined(others)
    case 5:
      others[at] = written(made(field.number, field.wire, field.value, random.pick([-2, -1, 1, 2, 2 ** 16, 2 ** 31, 2 ** 32])))
      return joined(others)
    case 6:
      // The same number in more bytes.
      others[at] = written(made(field.number, field.wire, field.value, 0, 1 + random.below(6)))
      return joined(others)
    case 7:
      others[at] = written(
        field.wire === 0
          ? made(field.number, 0, varint(random.pick([0, 1, 300, 2 ** 32 - 1, 2 ** 40]), random.below(3)))
          : anyField(field.number, random)
      )
      return joined(others)
    default:
      others[at] = written(made(1 + random.below(100), field.wire, field.value))
      return joined(others)
  }
}
