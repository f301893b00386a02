/**
 * The whole life of a result at a size that is secure: keys from shares given as bytes, encryption, refresh, switch to the receiver.
 */
import { Encryptor, KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import {
  encodeComponent,
  InMemoryShareLedger,
  PublicKeyGeneration,
  PublicKeySwitch,
  precisionLeft,
  Refresh,
  roundToPrecision,
  ShareGiver
} from '@slytherin/mhe'
import { expect, it } from 'vitest'
import { cohortOf, decrypt, largestDifference, randomSlots } from './cohort.js'

it('three parties at N = 2^14 with 128-bit parameters', () => {
  const parameters = Parameters.generate({ logN: 14, firstPrimeBits: 48, primeBits: 45, levels: 6, specialPrimeBits: 48, scale: 2 ** 45 })
  expect(parameters.securityBits).toBe(128)
  const cohort = cohortOf(parameters, 3, 'secure')
  const { context, sessionId } = cohort
  const flooding = { securityBits: 30, maximumDecryptions: 64 }
  const givers = cohort.secrets.map(
    (_, i) =>
      new ShareGiver(context, {
        secret: SecretKey.fromSeed(context, cohort.seed('secret', i)),
        shareKey: cohort.seed('share key', i),
        ledger: new InMemoryShareLedger(),
        sessionId,
        flooding
      })
  )

  const generation = new PublicKeyGeneration(context, sessionId)
  using keyShares = generation.aggregation()
  givers.forEach((giver, i) => {
    keyShares.add(i, giver.publicKeyShare())
  })
  using publicKey = generation.finalize(keyShares.take())

  const values = randomSlots(cohort, 'secure')
  const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
  using plaintext = context.encoder.encode(values, { level, scale: parameters.scale })
  using ciphertext = new Encryptor(context, publicKey).encrypt(plaintext, cohort.seed('encryption'))

  const refresh = new Refresh(context, sessionId)
  using refreshShares = refresh.aggregation('refresh', level)
  const { scale, magnitude } = ciphertext
  const request = { instance: 'refresh', level, scale, magnitude, c1: encodeComponent(context, ciphertext.components[1]!) }
  givers.forEach((giver, i) => {
    refreshShares.add(i, giver.refreshShare(request))
  })
  const refreshSum = refreshShares.take()
  using refreshed = refresh.finalize(ciphertext, refreshSum, 'refresh')
  refresh.format.dispose(refreshSum)
  expect(refreshed.level).toBe(6)

  using receiver = SecretKey.fromSeed(context, cohort.seed('receiver'))
  using receiverKey = new KeyGenerator(context).publicKey(receiver, cohort.seed('receiver key'))
  const switching = new PublicKeySwitch(context, sessionId)
  using switchShares = switching.aggregation('result', 6)
  const c1 = encodeComponent(context, refreshed.components[1]!)
  const targetKey = serializePublicKey(receiverKey)
  givers.forEach((giver, i) => {
    switchShares.add(i, giver.switchShare({ instance: 'result', level: 6, noise: refreshed.noise, c1, targetKey }))
  })
  const switchSum = switchShares.take()
  using result = switching.finalize(refreshed, switchSum, flooding)
  switching.format.dispose(switchSum)

  const precision = precisionLeft(context, refreshed, flooding)
  expect(precision).toBeGreaterThan(8)
  const decoded = roundToPrecision(decrypt(cohort, result, receiver).real, precision)
  // five standard deviations, and the rounding
  expect(largestDifference(decoded, values.real)).toBeLessThan(6 * 2 ** -precision)
  for (const giver of givers) giver.dispose()
})
