/** What one key holder computes in each protocol, and a whole refresh. SEAL has no counterpart. */
import { SecretKey } from '@slytherin/ckks'
import {
  Attempt,
  CONSISTENCY_BITS,
  encodeComponent,
  GaloisKeyGeneration,
  InMemoryShareLedger,
  PublicKeyGeneration,
  PublicKeySwitch,
  Refresh,
  RelinearizationKeyGeneration,
  ShamirShare,
  ShareGiver,
  ThresholdShareGiver
} from '@slytherin/mhe'
import { PARTIES, seedOf } from '../shapes.js'

/** @typedef {import('../main.js').Row} Row */

const SESSION = seedOf('session')
/** Of whom any `PARTIES` suffice. */
const HOLDERS = 5
const FLOODING = { securityBits: 30, maximumDecryptions: 64 }

/** Each share from a seed of its own, as in use. */
const seeds = label => {
  let run = 0
  return () => seedOf(label, run++)
}

/** @returns {Row[]} */
export const multipartyRows = () => [
  {
    operation: 'share-public-key',
    title: 'share: public key',
    prepare: ({ ours: { context, secret } }) => {
      const protocol = new PublicKeyGeneration(context, SESSION)
      const next = seeds('public key')
      return { kernel: { run: () => protocol.share(secret, next()), release: share => share.dispose() }, seal: null }
    }
  },
  {
    operation: 'share-relinearization-1',
    title: 'share: relinearisation key, round one',
    prepare: ({ ours: { context, secret } }) => {
      const protocol = new RelinearizationKeyGeneration(context, SESSION)
      const next = seeds('relinearization 1')
      const ephemeral = seedOf('ephemeral')
      return {
        kernel: { run: () => protocol.shareOne(secret, ephemeral, next()), release: share => protocol.formatOne.dispose(share) },
        seal: null
      }
    }
  },
  {
    operation: 'share-relinearization-2',
    title: 'share: relinearisation key, round two',
    prepare: ({ ours: { context, secret }, stack }) => {
      const protocol = new RelinearizationKeyGeneration(context, SESSION)
      const next = seeds('relinearization 2')
      const ephemeral = seedOf('ephemeral')
      const one = protocol.shareOne(secret, ephemeral, seedOf('one'))
      stack.defer(() => protocol.formatOne.dispose(one))
      return {
        kernel: { run: () => protocol.shareTwo(secret, ephemeral, one, next()), release: share => protocol.formatTwo.dispose(share) },
        seal: null
      }
    }
  },
  {
    operation: 'share-galois',
    title: 'share: Galois key',
    prepare: ({ ours: { context, secret } }) => {
      const protocol = new GaloisKeyGeneration(context, SESSION)
      const next = seeds('galois')
      return { kernel: { run: () => protocol.share(secret, 3, next()), release: share => protocol.format.dispose(share) }, seal: null }
    }
  },
  {
    operation: 'share-refresh',
    title: 'share: refresh',
    prepare: bench => {
      const setup = refreshOf(bench)
      if (!setup) return null
      const { protocol, request } = setup
      const next = seeds('refresh')
      return {
        kernel: { run: () => protocol.share(bench.ours.secret, request, next()), release: share => protocol.format.dispose(share) },
        seal: null
      }
    }
  },
  {
    operation: 'share-refresh-all',
    title: `share: refresh, bytes to bytes, ${PARTIES} of ${PARTIES}`,
    prepare: bench => {
      const setup = refreshOf(bench)
      if (!setup) return null
      const { context, secret } = bench.ours
      const request = { ...setup.request, c1: encodeComponent(context, setup.request.c1) }
      const run = () => {
        using giver = new ShareGiver(context, {
          secret: SecretKey.fromPolynomial(secret.polynomial.clone()),
          shareKey: seedOf('share key'),
          ledger: new InMemoryShareLedger(),
          sessionId: SESSION,
          flooding: FLOODING
        })
        return giver.refreshShare(request)
      }
      return { kernel: { run, release: () => undefined }, seal: null }
    }
  },
  {
    operation: 'share-refresh-threshold',
    title: `share: refresh, bytes to bytes, ${PARTIES} of ${HOLDERS}, other active holders each time`,
    prepare: bench => {
      const setup = refreshOf(bench)
      if (!setup) return null
      const { context, secret } = bench.ours
      const { instance: _, ...request } = { ...setup.request, c1: encodeComponent(context, setup.request.c1) }
      const points = Array.from({ length: HOLDERS }, (_unused, k) => k + 1)
      const sharing = { epoch: SESSION, generation: 0, lineage: SESSION, access: { threshold: PARTIES, points } }
      const spares = Math.ceil(CONSISTENCY_BITS / Math.min(...context.ring.moduli.map(({ log2 }) => log2)))
      const spare = Array.from({ length: spares }, () => new Float64Array(0))
      let number = 0
      const run = () => {
        // What a share costs does not depend on its value.
        const share = new ShamirShare(context, sharing, 1, secret.polynomial.clone(), spare)
        using giver = new ThresholdShareGiver({
          share,
          shareKey: seedOf('share key'),
          ledger: new InMemoryShareLedger(),
          flooding: FLOODING
        })
        const active = [1, 2 + (number % 2), 4 + (number % 2)]
        return giver.refreshShare(new Attempt(sharing, { query: 'benchmark', step: 'refresh', number: number++, active }), request)
      }
      return { kernel: { run, release: () => undefined }, seal: null }
    }
  },
  {
    operation: 'share-switch',
    title: 'share: switch to a public key, level 1',
    prepare: ({ ours: { context, secret, ciphertext, publicKey }, evaluator, stack }) => {
      const protocol = new PublicKeySwitch(context, SESSION)
      const next = seeds('switch')
      const low = stack.use(lowered(evaluator, ciphertext, 1))
      const request = { instance: 'benchmark', level: 1, noise: low.noise, c1: low.components[1] }
      return {
        kernel: {
          run: () => protocol.share(secret, request, publicKey, FLOODING, next()),
          release: share => protocol.format.dispose(share)
        },
        seal: null
      }
    }
  },
  {
    operation: 'refresh',
    title: `refresh: one share, sum of ${PARTIES}, finalise`,
    prepare: bench => {
      const setup = refreshOf(bench)
      if (!setup) return null
      const { protocol, request, ciphertext } = setup
      const { secret } = bench.ours
      const next = seeds('whole refresh')
      const others = Array.from({ length: PARTIES - 1 }, (_, party) => protocol.share(secret, request, seedOf('party', party)))
      bench.stack.defer(() => {
        for (const share of others) protocol.format.dispose(share)
      })
      const run = () => {
        const share = protocol.share(secret, request, next())
        const sum = protocol.aggregate([share, ...others])
        const refreshed = protocol.finalize(ciphertext, sum, request.instance)
        protocol.format.dispose(share)
        protocol.format.dispose(sum)
        return refreshed
      }
      return { kernel: { run, release: refreshed => refreshed.dispose() }, seal: null }
    }
  }
]

/** A refresh from the lowest level that the masks allow, or null when this modulus holds none. */
function refreshOf({ ours: { context, parameters, ciphertext }, evaluator, stack }) {
  const { scale } = parameters
  let level
  try {
    level = Refresh.minimumLevel(parameters, PARTIES, scale, 1)
  } catch (error) {
    if (error?.name === 'RefreshLevelError') return null
    throw error
  }
  const low = stack.use(lowered(evaluator, ciphertext, level))
  const request = { instance: 'benchmark', level, scale, magnitude: low.magnitude, c1: low.components[1] }
  return { protocol: new Refresh(context, SESSION), request, ciphertext: low }
}

function lowered(evaluator, ciphertext, level) {
  using whole = evaluator.load(ciphertext)
  using low = evaluator.dropLevel(whole, level)
  return evaluator.store(low)
}
