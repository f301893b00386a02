import { describe, expect, it } from 'vitest'
import { ATTACKS } from '../src/attacks/list.js'
import { judge } from '../src/attacks/verdict.js'

describe('an attack is stopped by its layer, and by nothing else', () => {
  it.each(ATTACKS.filter(({ fast }) => fast))('$name', { timeout: 240_000 }, async attack => {
    const verdict = await judge(attack)
    expect(verdict).toMatchObject({ attack: attack.name, blocked: true, succeedsWithoutLayer: true })
  })
})
