/**
 * The evaluator forges the other holder's share of round one of the relinearisation key so that the sum is (D, 0): round two is then D·s + e, from which the
 * victim's secret is read off by rounding.
 */
import { PublicKeyGeneration, RelinearizationKeyGeneration } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { cast, NO_SHARE_CHECKS } from './parties.js'

/** D: far above the noise of round two, far below half a prime. */
const FACTOR = 2 ** 20

export const forgedRoundOne: Attack = {
  name: 'forged-round-one',
  layer: 'every holder sums round one itself',
  stoppedBy: /signature or commitment does not verify .*relinearizationPart, field signature/,
  networked: true,
  fast: true,
  mount: async ({ layerOn, sockets }) => {
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        victim: ['key-holder'],
        other: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      // One layer: what is attacked is over before anything is evaluated.
      model: 'breast-cancer-wdbc-logreg',
      party: peer => (layerOn && peer !== 'clinic' ? {} : { shareChecks: NO_SHARE_CHECKS })
    })
    const publicKeyShare = Promise.withResolvers<Uint8Array>()
    const roundOne = Promise.withResolvers<Uint8Array>()
    const roundTwo = Promise.withResolvers<Uint8Array>()
    let opened: Uint8Array | undefined
    let revealed = 0
    let asked = false
    parties.watch(async message => {
      const { kind, session } = message.header
      if (message.from === 'victim' && kind === 'revealedShare') {
        opened = session
        // The public key's comes first.
        ;(revealed++ === 0 ? publicKeyShare : roundOne).resolve(message.body('revealedShare').share)
      }
      if (message.to === 'victim' && kind === 'relinearizationPart') {
        const part = message.body('relinearizationPart')
        return message.with('relinearizationPart', { ...part, share: await forge(session, await roundOne.promise) })
      }
      if (message.to === 'victim' && kind === 'relinearizationTwo') asked = true
      if (message.from === 'victim' && kind === 'shares' && asked) roundTwo.resolve(message.body('shares').shares[0]!)
      return undefined
    })

    const forge = async (session: Uint8Array, shown: Uint8Array): Promise<Uint8Array> => {
      const context = await parties.context()
      const protocol = new RelinearizationKeyGeneration(context, session, parties.plan().relinearizationLevel!)
      const share = protocol.deserializeOne(shown)
      const constant = constantOf(share.h0[0]!)
      for (const h0 of share.h0) context.ring.subtract(h0, constant, h0)
      for (const h1 of share.h1) context.ring.negate(h1, h1)
      return protocol.serializeOne(share)

      function constantOf(like: Polynomial): Polynomial {
        const values = new Float64Array(context.ring.N)
        values[0] = FACTOR
        return context.ring.ntt(context.ring.fromIntegers(context.ring.allocate(like.indices, 'coefficient'), values))
      }
    }

    /** The secret that round two gives away, held against the victim's share of the public key. */
    const recovered = async (session: Uint8Array, two: Uint8Array, share: Uint8Array): Promise<boolean> => {
      const context = await parties.context()
      const { ring, parameters } = context
      const protocol = new RelinearizationKeyGeneration(context, session, parties.plan().relinearizationLevel!)
      const { h } = protocol.deserializeTwo(two)
      const coefficients = ring.toDoubles(ring.inverseNtt(h[0]!)).map(value => Math.round(value / FACTOR))
      if (!coefficients.every(value => Math.abs(value) <= 1)) return false
      const polynomial = ring.ntt(ring.fromIntegers(ring.allocate(parameters.keyIndices(), 'coefficient'), coefficients))
      const generation = new PublicKeyGeneration(context, session)
      // b + a·s is the share's error, of a standard deviation of 3.2, for the right secret and for no other.
      const error = ring.multiplyAdd(generation.deserialize(share), generation.referencePolynomial(), polynomial)
      return ring.toDoubles(ring.inverseNtt(error)).every(value => Math.abs(value) < 64)
    }

    const run = parties.coordinator.run()
    try {
      const two = await Promise.race([roundTwo.promise, run.then(() => undefined)])
      if (two === undefined) return { succeeded: false, detail: 'the victim never gave a share of round two' }
      const succeeded = await recovered(opened!, two, await publicKeyShare.promise)
      return { succeeded, detail: succeeded ? 'every coefficient of the victim’s secret' : 'the share of round two gave nothing away' }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      run.catch(() => undefined)
      await parties.stop()
    }
  }
}
