/**
 * The evaluator, in league with a querier, asks for one switch of something that no computation gave: the querier opens every share, and what flooding leaves of
 * s·Q_l/3 is the whole secret of every key holder that answers.
 */
import { PublicKeySwitch } from '@slytherin/mhe'
import type { Attack } from './attack.js'
import { CraftingEvaluator, opensHolder } from './crafting.js'
import { cast } from './parties.js'
import { ProbingQuerier, watchPublicKey } from './probing.js'

const HOLDERS = 2

export const craftedSwitch: Attack = {
  name: 'crafted-switch',
  layer: 'witnesses',
  stoppedBy: /\[endorsement-refused\] .*message endorse, field c1, caused by clinic/,
  networked: true,
  mount: async ({ layerOn, sockets }) => {
    let evaluator: CraftingEvaluator | undefined
    let querier: ProbingQuerier | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier'],
        ...(layerOn ? { observer: ['witness'] as const } : {})
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      policy: layerOn ? { assist: { witnesses: 1 } } : {},
      cryptography: (name, options) => {
        if (name === 'clinic') return CraftingEvaluator.create(options).then(made => (evaluator = made))
        return name === 'patient' ? ProbingQuerier.create(options).then(made => (querier = made)) : undefined
      }
    })
    evaluator!.crafted = 'switch'
    const publicKey = watchPublicKey(parties)
    const run = parties.coordinator.run()
    const asked = parties.member('patient').query(parties.samples)
    for (const promise of [run, asked]) promise.catch(() => undefined)
    try {
      const answered = await Promise.race([evaluator!.answered.promise, run.then(() => undefined), asked.then(() => undefined)])
      if (answered === undefined) return { succeeded: false, detail: 'no share of the crafted request' }
      const context = await parties.context()
      const { instance, level, shares } = answered
      const protocol = new PublicKeySwitch(context, publicKey.session!)
      using own = querier!.resultSecret(context)
      const opened = shares.filter(share => {
        const { h0, h1 } = protocol.deserialize(share, instance, level)
        return opensHolder(context, level, context.ring.multiplyAdd(h0, h1, own.polynomial), publicKey)
      }).length
      return { succeeded: opened === HOLDERS, detail: `the whole secret of ${opened} of ${HOLDERS} key holders, from one share of each` }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
