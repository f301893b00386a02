/**
 * Milliseconds per share, one thread, best and median of several runs after a warm-up.
 * Shapes: N = 2^15 with 14 + 2 primes, N = 2^14 with 7 + 1.
 */
import { Context, Parameters, SecretKey } from '@slytherin/ckks'
import { GaloisKeyGeneration, PublicKeyGeneration, PublicKeySwitch, Refresh, RelinearizationKeyGeneration } from '@slytherin/mhe'
import { deriveSeed, loadKernel } from '@slytherin/ring'

const SHAPES = [
  { logN: 15, levels: 13, specialPrimes: 2, firstPrimeBits: 48, primeBits: 45, specialPrimeBits: 48 },
  { logN: 14, levels: 6, specialPrimes: 1, firstPrimeBits: 48, primeBits: 45, specialPrimeBits: 48 }
]
const RUNS = Number(process.argv[2] ?? 7)

const kernel = await loadKernel()
const seed = (...labels) => deriveSeed(new Uint8Array(32), ...labels)

function measure(name, make, dispose) {
  const times = []
  for (let run = -3; run < RUNS; run++) {
    const start = performance.now()
    const made = make(run + 3)
    const elapsed = performance.now() - start
    dispose(made)
    if (run >= 0) times.push(elapsed)
  }
  times.sort((a, b) => a - b)
  console.log(`  ${name.padEnd(34)} ${times[0].toFixed(1).padStart(8)} ${times[times.length >> 1].toFixed(1).padStart(8)}`)
}

for (const shape of SHAPES) {
  const parameters = Parameters.generate({ ...shape, scale: 2 ** shape.primeBits })
  const context = Context.create(parameters, kernel, { parties: 3 })
  const { ring } = context
  const session = seed('session')
  const secret = SecretKey.fromSeed(context, seed('secret'))
  console.log(
    `N = 2^${shape.logN}, ${parameters.primes.length} + ${parameters.specialPrimes.length} primes, kernel ${kernel.variant}, Node ${process.version}`
  )
  console.log(`  ${'ms'.padEnd(34)} ${'best'.padStart(8)} ${'median'.padStart(8)}`)

  const publicKey = new PublicKeyGeneration(context, session)
  measure(
    'public-key share',
    run => publicKey.share(secret, seed('p', run)),
    share => share.dispose()
  )

  const galois = new GaloisKeyGeneration(context, session)
  measure(
    'Galois share',
    run => galois.share(secret, 3, seed('g', run)),
    share => galois.format.dispose(share)
  )

  const relinearization = new RelinearizationKeyGeneration(context, session)
  const { formatOne, formatTwo } = relinearization
  measure(
    'relinearisation share, round one',
    run => relinearization.shareOne(secret, seed('u'), seed('1', run)),
    s => formatOne.dispose(s)
  )
  const one = relinearization.shareOne(secret, seed('u'), seed('1'))
  measure(
    'relinearisation share, round two',
    run => relinearization.shareTwo(secret, seed('u'), one, seed('2', run)),
    s => formatTwo.dispose(s)
  )
  formatOne.dispose(one)

  const refresh = new Refresh(context, session)
  const level = Refresh.minimumLevel(parameters, 3, parameters.scale, 1)
  const c1 = ring.uniform(ring.allocate(parameters.ciphertextIndices(level), 'ntt'), seed('c1'))
  const request = { instance: 'r', level, scale: parameters.scale, magnitude: 1, c1 }
  measure(
    `refresh share (from level ${level})`,
    run => refresh.share(secret, request, seed('r', run)),
    s => refresh.format.dispose(s)
  )
  const share = refresh.share(secret, request, seed('r'))
  const bytes = refresh.serialize(share, 'r')
  measure(
    '  its bytes, write',
    () => refresh.serialize(share, 'r'),
    () => {}
  )
  measure(
    '  its bytes, read',
    () => refresh.deserialize(bytes, 'r', level),
    s => refresh.format.dispose(s)
  )

  const target = publicKey.finalize(publicKey.share(secret, seed('target')))
  const keySwitch = new PublicKeySwitch(context, session)
  const flooding = { securityBits: 30, maximumDecryptions: 64 }
  const switching = { instance: 's', level, noise: 12, c1 }
  measure(
    `switch share (level ${level})`,
    run => keySwitch.share(secret, switching, target, flooding, seed('s', run)),
    s => keySwitch.format.dispose(s)
  )
}
