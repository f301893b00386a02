/**
 * A querier adds a small polynomial g to the second component of what it encrypts, so that its "message" is g·s, s the collective secret. With the slots of g zero but for
 * those of one feature, the predictions are that feature's weight times slots of s: linear functions of the secret, read off as any querier reads its results.
 *
 * One query of ordinary samples tells the weights, and one query for each feature its slots of s. What few slots no feature has follow from the others, for coefficients
 * of s are small whole numbers.
 */
import { type ComplexVector, Parameters } from '@slytherin/ckks'
import type { Attack } from './attack.js'
import { cast } from './parties.js'
import { GAIN, ProbingQuerier, slotsOfFeature, watchPublicKey } from './probing.js'
import { isSecretOf, noSlots, wholeNumbers } from './recovery.js'

const FEATURES = 30
const BATCH = 128

export const probingQuerier: Attack = {
  name: 'probing-querier',
  layer: 'proofs of encryption',
  stoppedBy: /proof of encryption does not hold .*message queryProof, field challenge, caused by patient/,
  networked: true,
  fast: true,
  mount: async ({ layerOn, sockets }) => {
    let prober: ProbingQuerier | undefined
    const parties = await cast({
      sockets,
      roles: {
        clinic: ['evaluator'],
        first: ['key-holder'],
        second: ['key-holder'],
        owner: ['key-holder', 'model-owner'],
        patient: ['data-owner', 'querier']
      },
      operands: { data: 'encrypted', weights: 'encrypted' },
      model: 'breast-cancer-wdbc-logreg',
      batch: BATCH,
      queries: undefined,
      proofs: layerOn,
      cryptography: (name, options) => (name === 'patient' ? ProbingQuerier.create(options).then(made => (prober = made)) : undefined)
    })
    const shares = watchPublicKey(parties)
    const run = parties.coordinator.run()
    run.catch(() => undefined)
    try {
      const patient = parties.member('patient')
      let queries = 0
      const ask = async (samples: Float64Array[]): Promise<ComplexVector> => {
        const answered = await Promise.race([patient.query(samples), run.then(() => undefined)])
        if (answered === undefined) throw new Error('the session ended')
        queries++
        return prober!.read!
      }
      // Ordinary samples: of each feature alone, and of none.
      const alone = Array.from({ length: BATCH }, (_, i) => {
        const sample = new Float64Array(FEATURES)
        if (i % (FEATURES + 1) < FEATURES) sample[i % (FEATURES + 1)] = 1
        return sample
      })
      const { real: ordinary } = await ask(alone)
      const plan = parties.plan()
      const average = (kind: number): number => {
        const chosen = alone
          .keys()
          .filter(i => i % (FEATURES + 1) === kind)
          .toArray()
        return chosen.reduce((sum, i) => sum + ordinary[i]!, 0) / chosen.length
      }
      const bias = average(FEATURES)
      const { N } = Parameters.fromJSON(plan.parameters)
      const known = noSlots(N)
      for (let feature = 0; feature < FEATURES; feature++) {
        const weight = average(feature) - bias
        const slots = slotsOfFeature(plan, FEATURES, feature)
        prober!.mask = new Float64Array(N / 2)
        for (const slot of slots) prober!.mask[slot] = GAIN
        const { real, imaginary } = await ask(alone.map(() => new Float64Array(FEATURES)))
        for (const [i, slot] of slots.entries()) {
          known.real[slot] = (real[i]! - bias) / (weight * GAIN)
          known.imaginary[slot] = imaginary[i]! / (weight * GAIN)
          known.has[slot] = 1
        }
      }
      const secret = wholeNumbers(N, known)
      const succeeded = isSecretOf(await parties.context(), shares.session!, [...shares.byHolder.values()], secret)
      return {
        succeeded,
        detail: succeeded ? `${N} of ${N} coefficients of the collective secret, with ${queries} queries` : 'no secret of this session'
      }
    } catch (error) {
      return { succeeded: false, detail: parties.reasonOf(error) }
    } finally {
      await parties.stop()
    }
  }
}
