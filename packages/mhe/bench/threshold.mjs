/**
 * What t of n costs: a holder's refresh share with t = 3 of 5 against n of n with n = 3, in turn, best and median; then bytes and seconds of a dealing for n = 3 … 30.
 * Shapes: N = 2^14 with 7 + 1 primes, N = 2^15 with 14 + 2. One thread. Arguments: runs, numbers of holders (3,5,10,20,30).
 */
import { Context, Parameters, SecretKey } from '@slytherin/ckks'
import {
  Attempt,
  CONSISTENCY_BITS,
  Dealer,
  DealingRound,
  encodeComponent,
  envelopeLength,
  envelopePublicKey,
  firstHolders,
  InMemoryShareLedger,
  Refresh,
  ShamirShare,
  ShareGiver,
  ThresholdShareGiver
} from '@slytherin/mhe'
import { deriveSeed, loadKernel } from '@slytherin/ring'

const SHAPES = [
  { logN: 14, levels: 6, specialPrimes: 1, firstPrimeBits: 48, primeBits: 45, specialPrimeBits: 48 },
  { logN: 15, levels: 13, specialPrimes: 2, firstPrimeBits: 48, primeBits: 45, specialPrimeBits: 48 }
]
const RUNS = Number(process.argv[2] ?? 40)
const HOLDERS = (process.argv[3] ?? '3,5,10,20,30').split(',').map(Number)
const FLOODING = { securityBits: 30, maximumDecryptions: 64 }

const kernel = await loadKernel()
const seed = (...labels) => deriveSeed(new Uint8Array(32), ...labels)

/**
 * Both in turn, who is first changing, in milliseconds of processor time: whatever else the machine does hits both, and counts little.
 *
 * @returns per side [best, median]
 */
function interleaved(sides) {
  const times = sides.map(() => [])
  for (let run = -4; run < RUNS; run++) {
    const order = sides.map((_, i) => (i + Math.abs(run)) % sides.length)
    for (const i of order) {
      const start = process.cpuUsage()
      sides[i]()
      const { user, system } = process.cpuUsage(start)
      if (run >= 0) times[i].push((user + system) / 1e3)
    }
  }
  return times.map(all => {
    all.sort((a, b) => a - b)
    return [all[0], all[all.length >> 1]]
  })
}

for (const shape of SHAPES) {
  const parameters = Parameters.generate({ ...shape, scale: 2 ** shape.primeBits })
  const context = Context.create(parameters, kernel, { parties: 3 })
  const { ring } = context
  console.log(
    `N = 2^${shape.logN}, ${parameters.primes.length} + ${parameters.specialPrimes.length} primes, kernel ${kernel.variant}, Node ${process.version}`
  )

  const epoch = seed('epoch')
  const init = { shareKey: seed('key'), flooding: FLOODING }
  const whole = new ShareGiver(context, {
    ...init,
    ledger: new InMemoryShareLedger(),
    sessionId: epoch,
    secret: SecretKey.fromSeed(context, seed('secret'))
  })
  const sharing = { epoch, generation: 0, lineage: seed('lineage'), access: firstHolders(3, 5) }
  const spare = Array.from({ length: Math.ceil(CONSISTENCY_BITS / Math.min(...ring.moduli.map(({ log2 }) => log2))) }, () =>
    ring.moduli.map(() => 0n)
  )
  const polynomial = ring.uniform(ring.allocate(parameters.keyIndices(), 'ntt'), seed('share'))
  const giver = new ThresholdShareGiver({
    ...init,
    ledger: new InMemoryShareLedger(),
    share: new ShamirShare(context, sharing, 2, polynomial, spare)
  })
  const level = Refresh.minimumLevel(parameters, 5, parameters.scale, 1)
  const c1 = encodeComponent(context, ring.uniform(ring.allocate(parameters.ciphertextIndices(level), 'ntt'), seed('c1')))
  const request = { level, scale: parameters.scale, magnitude: 1, c1 }
  const attempt = new Attempt(sharing, { query: 'q', step: 's', number: 0, active: [2, 3, 5] })
  const [n, t] = interleaved([() => whole.refreshShare({ ...request, instance: 'r' }), () => giver.refreshShare(attempt, request)])
  const figures = ([best, median]) => `${best.toFixed(2).padStart(8)} ${median.toFixed(2).padStart(8)}`
  console.log(`  ${'refresh share as bytes, ms of CPU'.padEnd(34)} ${'best'.padStart(8)} ${'median'.padStart(8)}`)
  console.log(`  ${`3 of 3 (from level ${level})`.padEnd(34)} ${figures(n)}`)
  console.log(`  ${'3 of 5'.padEnd(34)} ${figures(t)}`)
  console.log(`  ${'ratio'.padEnd(34)} ${figures([t[0] / n[0], t[1] / n[1]])}`)

  console.log(`  one dealer's dealing, t = ⌈2n/3⌉; an envelope has ${envelopeLength(context)} bytes`)
  console.log(
    `  ${'n'.padStart(4)} ${'t'.padStart(4)} ${'announcement'.padStart(14)} ${'answer'.padStart(10)} ${'envelopes, MB'.padStart(14)} ${'all dealers, MB'.padStart(16)} ${'deal, s'.padStart(9)} ${'answer, s'.padStart(10)}`
  )
  for (const holders of HOLDERS) {
    const access = firstHolders(Math.ceil((2 * holders) / 3), holders)
    const receiverKeys = await Promise.all(access.points.map(point => envelopePublicKey(seed('X25519', point))))
    const round = new DealingRound(context, { kind: 'secret', epoch, dealers: access.points, access, receiverKeys })
    using secret = SecretKey.fromSeed(context, seed('dealt'))
    using dealer = new Dealer(round, 1, secret.polynomial, seed('dealer', holders))
    const start = performance.now()
    const { announcement, envelopes } = await dealer.deal()
    const dealt = performance.now()
    const answer = dealer.answer(seed('coin'))
    const answered = performance.now()
    const bytes = envelopes.reduce((sum, envelope) => sum + envelope.length, 0)
    const columns = [
      String(holders).padStart(4),
      String(access.threshold).padStart(4),
      String(announcement.length).padStart(14),
      String(answer.length).padStart(10),
      (bytes / 1e6).toFixed(1).padStart(14),
      ((holders * (bytes + announcement.length + answer.length)) / 1e6).toFixed(0).padStart(16),
      ((dealt - start) / 1e3).toFixed(2).padStart(9),
      ((answered - dealt) / 1e3).toFixed(2).padStart(10)
    ]
    console.log(`  ${columns.join(' ')}`)
  }
  giver.dispose()
  whole.dispose()
}
