/** Attacks in one process; those that the long tests mount over sockets only as far as the querier's, which stands for the rest. */
import { describe, expect, it } from 'vitest'
import { ATTACKS } from '../src/attacks/list.js'
import { judge } from '../src/attacks/verdict.js'

const ALWAYS: readonly string[] = ['probing-querier']

describe('an attack is stopped by its layer, and by nothing else', () => {
  it.each(ATTACKS.filter(({ name, fast, networked }) => fast && (!networked || ALWAYS.includes(name))))(
    '$name',
    { timeout: 240_000 },
    async attack => {
      const verdict = await judge(attack)
      expect(verdict).toMatchObject({ attack: attack.name, blocked: true, succeedsWithoutLayer: true })
    }
  )
})
