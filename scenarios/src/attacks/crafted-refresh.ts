/**
 * The evaluator asks for one refresh of something that no computation gave, and has the whole secret of every key holder that answers.
 */
import { Refresh } from '@slytherin/mhe'
import type { Attack } from './attack.js'
import { CraftingEvaluator, opensHolder } from './crafting.js'
import { cast } from './parties.js'
import { watchPublicKey } from './probing.js'

const HOLDERS = 2

export const craftedRefresh: Attack = {
  name: 'crafted-refresh',
  layer: 'witnesses',
  stoppedBy: /endorsement/,
  networked: true,
  mount: async ({ layerOn, sockets }) => {
    let evaluator: CraftingEvaluator | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier'],
        ...(layerOn ? { onlooker: ['witness' as const] } : {})
      },
      party: name => (layerOn && ['first', 'second'].includes(name) ? { policy: { assist: { witnesses: 1 } } } : {}),
      operands: { data: 'encrypted', weights: 'encrypted' },
      cryptography: (name, options) => (name === 'clinic' ? CraftingEvaluator.create(options).then(made => (evaluator = made)) : undefined)
    })
    const publicKey = watchPublicKey(parties)
    const run = parties.coordinator.run()
    const asked = parties.member('patient').query(parties.samples)
    for (const promise of [run, asked]) promise.catch(() => undefined)
    try {
      const answered = await Promise.race([evaluator!.answered.promise, run.then(() => undefined), asked.then(() => undefined)])
      if (answered === undefined) return { succeeded: false, detail: 'no share of the crafted request' }
      const context = await parties.context()
      const { instance, level, shares } = answered
      const protocol = new Refresh(context, publicKey.session!)
      const opened = shares.filter(share => opensHolder(context, level, protocol.deserialize(share, instance, level).h0, publicKey)).length
      return { succeeded: opened === HOLDERS, detail: `the whole secret of ${opened} of ${HOLDERS} key holders, from one share of each` }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
