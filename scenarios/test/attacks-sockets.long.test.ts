/** Attacks among parties that talk over libp2p on loopback, with parameters as they ship: as attacks.test.ts, and the slow ones too. */
import { describe, expect, it } from 'vitest'
import { ATTACKS } from '../src/attacks/list.js'
import { judge } from '../src/attacks/verdict.js'

describe('over sockets, an attack is stopped by its layer, and by nothing else', () => {
  it.each(ATTACKS.filter(({ networked }) => networked))('$name', { timeout: 480_000 }, async attack => {
    const verdict = await judge(attack, { sockets: true })
    expect(verdict).toMatchObject({ attack: attack.name, network: 'sockets', blocked: true })
    expect([verdict.succeedsWithoutLayer, verdict.stoppedTwice]).toEqual(attack.alsoStoppedBy ? [false, true] : [true, undefined])
  })
})
