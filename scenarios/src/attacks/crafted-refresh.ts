/**
 * The evaluator asks for one refresh of something that no computation gave: c1 = ⌊Q_l/3⌋. The share's mask is small beside s·Q_l/3, and its giver's whole secret is
 * read off by rounding.
 */
import { encodeComponent, Refresh } from '@slytherin/mhe'
import type { Attack } from './attack.js'
import { cast } from './parties.js'
import { constantFraction, isSecretOf, roundToFraction } from './recovery.js'

const DIVISOR = 3n

export const craftedRefresh: Attack = {
  name: 'crafted-refresh',
  layer: 'witnesses',
  stoppedBy: /endorsement/,
  networked: true,
  mount: async ({ sockets }) => {
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        victim: ['key-holder'],
        other: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' }
    })
    const publicKeyShare = Promise.withResolvers<Uint8Array>()
    const answer = Promise.withResolvers<{ session: Uint8Array; instance: string; level: number; share: Uint8Array }>()
    let crafted: { session: Uint8Array; instance: string; level: number } | undefined
    parties.watch(async message => {
      const { kind, session } = message.header
      if (message.from === 'victim' && kind === 'revealedShare') publicKeyShare.resolve(message.body('revealedShare').share)
      if (message.to === 'victim' && kind === 'refresh') {
        const request = message.body('refresh')
        const { instance, level } = request
        const context = await parties.context()
        using c1 = constantFraction(context, level, DIVISOR)
        crafted ??= { session, instance, level }
        return message.with('refresh', { ...request, c1: request.c1.map(() => encodeComponent(context, c1)) })
      }
      if (message.from === 'victim' && kind === 'shares' && crafted !== undefined) {
        answer.resolve({ ...crafted, share: message.body('shares').shares[0]! })
      }
      return undefined
    })
    const run = parties.coordinator.run()
    const asked = parties.member('patient').query(parties.samples)
    asked.catch(() => undefined)
    try {
      const given = await Promise.race([answer.promise, run.then(() => undefined), asked.then(() => undefined)])
      if (given === undefined) return { succeeded: false, detail: 'no share of the crafted request' }
      const { session, instance, level, share } = given
      const context = await parties.context()
      const protocol = new Refresh(context, session)
      const { h0 } = protocol.deserialize(share, `${instance}/0`, level)
      const coefficients = roundToFraction(context, level, h0, DIVISOR)
      const succeeded = isSecretOf(context, session, [await publicKeyShare.promise], coefficients)
      return { succeeded, detail: succeeded ? 'every coefficient of the victim’s secret, from one share' : 'the share gave nothing away' }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      run.catch(() => undefined)
      await parties.stop()
    }
  }
}
