/** Mutations of JSON: any value of any other type, numbers at their edges, keys left out, added, twice, or that objects have anyway. */
import type { Keystream } from './random.js'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const NUMBERS: readonly number[] = [0, 1, -1, 2, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1e300, 1e-300, 5e-324]
const TEXTS: readonly string[] = [
  '',
  '0',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  '\ud83d\ude00',
  'a'.repeat(300),
  '../../etc',
  'NaN',
  '1e999'
]
const KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype', 'length', '', '0', 'version', 'kind']

const isParent = (value: Json): value is Json[] | { [key: string]: Json } => typeof value === 'object' && value !== null

function anyValue(random: Keystream): Json {
  switch (random.below(7)) {
    case 0:
      return null
    case 1:
      return random.chance(0.5)
    case 2:
      return random.pick(NUMBERS)
    case 3:
      return random.pick(TEXTS)
    case 4:
      return []
    case 5:
      return {}
    default:
      return Array.from({ length: random.below(40) }, () => random.pick(NUMBERS))
  }
}

function changed(value: Json, random: Keystream): Json {
  if (typeof value === 'number' && random.chance(0.8)) {
    return random.pick([value + 1, value - 1, -value, value * 2, value / 2, value + 2 ** -40, random.pick(NUMBERS), random.word()])
  }
  if (typeof value === 'string' && random.chance(0.8)) {
    const at = random.below(value.length + 1)
    return random.pick([
      value.slice(0, at),
      `${value}${value}`,
      `${value.slice(0, at)}0${value.slice(at + 1)}`,
      value.toUpperCase(),
      random.pick(TEXTS)
    ])
  }
  if (typeof value === 'boolean' && random.chance(0.8)) return !value
  if (Array.isArray(value) && value.length > 0 && random.chance(0.8)) {
    const at = random.below(value.length)
    return random.pick([
      () => value.toSpliced(at, 1),
      () => value.toSpliced(at, 0, value[random.below(value.length)]!),
      () => value.toReversed(),
      () => [...value, anyValue(random)]
    ])()
  }
  if (isParent(value) && !Array.isArray(value) && random.chance(0.8)) {
    const entries = Object.entries(value)
    const at = random.below(entries.length)
    const key = random.pick([...KEYS, ...entries.map(([name]) => name)])
    return random.pick([
      () => Object.fromEntries(entries.toSpliced(at, 1)),
      () => Object.fromEntries([...entries, [key, anyValue(random)]]),
      () => Object.fromEntries(entries.toReversed())
    ])()
  }
  return anyValue(random)
}

/** One value, at any depth, becomes another. */
function walk(value: Json, random: Keystream): Json {
  if (!isParent(value) || random.chance(0.15)) return changed(value, random)
  const keys = Object.keys(value)
  if (keys.length === 0) return changed(value, random)
  const key = random.pick(keys)
  if (Array.isArray(value)) return value.with(Number(key), walk(value[Number(key)]!, random))
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, name === key ? walk(member, random) : member]))
}

/** Texts that another writer makes of the same value, or that no writer makes. */
const REWRITINGS: readonly ((text: string, random: Keystream) => string)[] = [
  text => text.replaceAll(',', ', '),
  text => ` ${text}`,
  text => `${text}\n`,
  text => `${text}${text}`,
  text => text.replace(/(\d)([,}\]])/, '$1.0$2'),
  text => text.replace(/(\d)([,}\]])/, '$1e0$2'),
  text => text.replace(/"(\w)/, (_, letter: string) => `"\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
  // A key twice: the second counts.
  text => text.replace(/\{("\w+":)/, '{$1null,$1'),
  (text, random) => `${'['.repeat(random.pick([1, 100, 20_000]))}${text}`
]

const encoder = new TextEncoder()

export function mutateJson(bytes: Uint8Array, random: Keystream): Uint8Array {
  let value: Json
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch {
    return bytes
  }
  if (random.chance(0.2)) return encoder.encode(random.pick(REWRITINGS)(new TextDecoder().decode(bytes), random))
  return encoder.encode(JSON.stringify(walk(value, random)) ?? 'undefined')
}
