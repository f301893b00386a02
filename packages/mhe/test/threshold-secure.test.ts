/**
 * 2 of 3 at a size that is secure: shares dealt, the public key made by an active set, a refresh with a holder lost in the middle, renewal, a switch to the receiver.
 */
import { Encryptor, type Flooding, KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  Attempt,
  encodeComponent,
  InMemoryShareLedger,
  PublicKeyGeneration,
  PublicKeySwitch,
  precisionLeft,
  Refresh,
  rerandomize,
  type ShamirShare,
  ThresholdShareGiver
} from '@slytherin/mhe'
import { expect, it } from 'vitest'
import { cohortOf, decrypt, largestDifference, randomSlots } from './cohort.js'
import { nextShares, shareSecrets, sharingOf } from './sharing.js'

it('2 of 3 at N = 2^14 with 128-bit parameters', async () => {
  const parameters = Parameters.generate({ logN: 14, firstPrimeBits: 48, primeBits: 45, levels: 6, specialPrimeBits: 48, scale: 2 ** 45 })
  expect(parameters.securityBits).toBe(128)
  const cohort = cohortOf(parameters, 3, 'threshold, secure')
  const { context, sessionId } = cohort
  const flooding: Flooding = { securityBits: 30, maximumDecryptions: 64 }
  const ledgers = [1, 2, 3].map(() => new InMemoryShareLedger())
  const giversOf = (shares: readonly ShamirShare[]) =>
    shares.map((share, i) => new ThresholdShareGiver({ share, shareKey: cohort.seed('share key', i), ledger: ledgers[i]!, flooding }))
  const shares = await shareSecrets(cohort, 2)
  const givers = giversOf(shares)

  const keys = new Attempt(sharingOf(shares), { query: 'keys', step: 'public-key', number: 0, active: [1, 3] })
  const generation = new PublicKeyGeneration(context, keys.keySession)
  using keyShares = generation.aggregation(2)
  for (const point of [1, 3]) keyShares.add(keys.activeSet.position(point), givers[point - 1]!.publicKeyShare(keys))
  using publicKey = generation.finalize(keyShares.take())
  const encryptor = new Encryptor(context, publicKey)

  const values = randomSlots(cohort, 'secure')
  const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
  using plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
  using ciphertext = encryptor.encrypt(plaintext, cohort.seed('encryption'))
  const { scale, magnitude } = ciphertext

  // holder 2 answers the first attempt, holder 1 does not any more
  const first = new Attempt(sharingOf(shares), { query: 'q', step: 'refresh', number: 0, active: [1, 2] })
  givers[1]!.refreshShare(first, { level, scale, magnitude, c1: encodeComponent(context, ciphertext.components[1]!) })
  using again = rerandomize(context, encryptor, ciphertext, cohort.seed('again'))
  const second = new Attempt(sharingOf(shares), { query: 'q', step: 'refresh', number: 1, active: [2, 3] })
  const refresh = new Refresh(context, sessionId)
  using refreshShares = refresh.aggregation(second.instance, level, 2)
  const c1 = encodeComponent(context, again.components[1]!)
  for (const point of [2, 3]) {
    refreshShares.add(second.activeSet.position(point), givers[point - 1]!.refreshShare(second, { level, scale, magnitude, c1 }))
  }
  const refreshSum = refreshShares.take()
  using refreshed = refresh.finalize(again, refreshSum, second.instance, 2)
  refresh.format.dispose(refreshSum)
  expect(refreshed.level).toBe(6)

  // between the two, everybody's share is renewed
  const renewed = await nextShares(cohort, 'zero', shares, [1, 2, 3])
  const after = giversOf(renewed)
  using receiver = SecretKey.fromSeed(context, cohort.seed('receiver'))
  using receiverKey = new KeyGenerator(context).publicKey(receiver, cohort.seed('receiver key'))
  const attempt = new Attempt(sharingOf(renewed), { query: 'q', step: 'result', number: 0, active: [1, 2] })
  const switching = new PublicKeySwitch(context, sessionId)
  using switchShares = switching.aggregation(attempt.instance, 6, 2)
  const request = {
    level: 6,
    noise: refreshed.noise,
    c1: encodeComponent(context, refreshed.components[1]!),
    targetKey: serializePublicKey(receiverKey)
  }
  for (const point of [1, 2]) switchShares.add(attempt.activeSet.position(point), after[point - 1]!.switchShare(attempt, request))
  const switchSum = switchShares.take()
  using result = switching.finalize(refreshed, switchSum, flooding, 2)
  switching.format.dispose(switchSum)

  const precision = precisionLeft(context, refreshed, flooding, 2)
  expect(precision).toBeGreaterThan(8)
  // five standard deviations
  expect(largestDifference(decrypt(cohort, result, receiver).real, values.real)).toBeLessThan(5 * 2 ** -precision)
  for (const giver of [...givers, ...after]) giver.dispose()
})
