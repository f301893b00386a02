/** What every share ledger must do, whatever it keeps its entries in. */
import { afterEach, describe, expect, it } from 'vitest'
import { ShareAlreadyGivenError } from '../errors.js'
import type { ShareLedger, ShareLedgerEntry } from '../ledger.js'

/** An implementation under test. */
export interface ShareLedgerHarness {
  /** A new, empty ledger. */
  create(): ShareLedger
  /** Another object over the entries of the ledger made last, as the next process has it; none for a ledger that dies with its process. */
  reopen?(): ShareLedger
  /** After each test. */
  dispose?(): void
}

const ENTRY: ShareLedgerEntry = { session: 's', protocol: 'switch', instance: 'q/0', inputHash: 'aa' }

/** Registers the suite. */
export function shareLedgerCompliance(name: string, harness: ShareLedgerHarness): void {
  describe(`${name}, as a share ledger`, () => {
    afterEach(() => harness.dispose?.())

    it('records an instance once, knows its input again, and refuses another', () => {
      const ledger = harness.create()
      expect(ledger.claim(ENTRY)).toBe('first')
      expect(ledger.claim({ ...ENTRY })).toBe('again')
      expect(() => ledger.claim({ ...ENTRY, inputHash: 'bb' })).toThrow(ShareAlreadyGivenError)
      expect(() => ledger.claim({ ...ENTRY, inputHash: 'bb' })).toThrow(
        expect.objectContaining({ session: 's', protocol: 'switch', instance: 'q/0' })
      )
      expect(ledger.claim(ENTRY)).toBe('again')
    })

    it('tells sessions, protocols and instances apart, whatever they are called', () => {
      const ledger = harness.create()
      const names = ['', 'a', 'A', 'a b', 'b"', "a'; --", 'ä,%\u0001']
      const triples = names.flatMap(session => names.flatMap(protocol => names.map(instance => ({ session, protocol, instance }))))
      for (const [index, triple] of triples.entries()) expect(ledger.claim({ ...triple, inputHash: `${index}` })).toBe('first')
      for (const [index, triple] of triples.entries()) expect(ledger.claim({ ...triple, inputHash: `${index}` })).toBe('again')
    })

    it('counts the instances of a protocol in a session, those refused or repeated not twice, and knows each', () => {
      const ledger = harness.create()
      expect(ledger.count('s', 'switch')).toBe(0)
      expect(ledger.has('s', 'switch', 'q/0')).toBe(false)
      for (const instance of ['q/1', 'q/0', 'q/10']) ledger.claim({ ...ENTRY, instance })
      ledger.claim({ ...ENTRY, protocol: 'refresh', instance: 'r' })
      ledger.claim({ ...ENTRY, session: 't', instance: 't' })
      expect(() => ledger.claim({ ...ENTRY, inputHash: 'bb' })).toThrow(ShareAlreadyGivenError)
      ledger.claim(ENTRY)
      const counts = ['s', 't'].flatMap(session => ['switch', 'refresh'].map(protocol => ledger.count(session, protocol)))
      expect(counts).toEqual([3, 1, 1, 0])
      for (const instance of ['q/1', 'q/0', 'q/10']) expect(ledger.has('s', 'switch', instance)).toBe(true)
      expect(ledger.has('s', 'switch', 'q')).toBe(false)
      expect(ledger.has('s', 'refresh', 'q/0')).toBe(false)
      expect(ledger.has('t', 'switch', 'q/0')).toBe(false)
    })

    const { reopen } = harness
    if (reopen === undefined) return
    it('has not forgotten anything when it is opened again', () => {
      harness.create().claim(ENTRY)
      const ledger = reopen()
      expect(ledger.count('s', 'switch')).toBe(1)
      expect(ledger.has('s', 'switch', 'q/0')).toBe(true)
      expect(ledger.claim(ENTRY)).toBe('again')
      expect(() => ledger.claim({ ...ENTRY, inputHash: 'bb' })).toThrow(ShareAlreadyGivenError)
    })
  })
}
