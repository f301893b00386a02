import { plan, describePlan, SEAL_COSTS, KERNEL_COSTS } from '@slytherin/engine'
import { loadKernel } from '@slytherin/ring'
import { networkOf, testSamples, largestDifference } from '/work/main/packages/engine/test/data.ts'
import { architectureFor, simulate } from '/work/main/packages/engine/test/simulate.ts'
import { runEncrypted } from '/work/main/packages/engine/test/encrypted.ts'
const [, , name, batch, kind, refreshes] = process.argv as string[]
const made = plan(architectureFor(name!), { batch: Number(batch), data: 'encrypted', weights: 'encrypted', parties: 3, minimumRefreshes: Number(refreshes ?? 1), costModel: kind === 'seal' ? SEAL_COSTS : KERNEL_COSTS })
console.log(describePlan(made))
const kernel = await loadKernel()
const samples = testSamples(name!, Number(batch))
const steps: any[] = []
const r = await runEncrypted(made, networkOf(name!), samples, kernel, kind as 'seal', { onStep: s => { console.log(s.kind, s.layer, s.seconds.toFixed(2), 'level', s.level, 'noise', s.noise.toFixed(1)) } })
console.log('keys', r.seconds.keys.toFixed(1), 'run (with encryption)', r.seconds.run.toFixed(1))
const net = networkOf(name!)
let worst = 0, agree = 0
samples.forEach((s, i) => { const c = net.forward(s); worst = Math.max(worst, largestDifference(c, r.logits[i]!)); const am = (a: ArrayLike<number>) => Array.from(a).indexOf(Math.max(...Array.from(a))); if (am(c) === am(r.logits[i]!)) agree++ })
console.log('worst error before flooding', worst.toExponential(2), 'agree', agree, '/', samples.length)
const sigmaSlot = 2 ** (r.trackedNoise + 0.5 * (made.parameters.logN - 1)) / made.output.scale
console.log('tracked slot sigma', sigmaSlot.toExponential(2), 'log2(tracked/measured rms)', Math.log2(sigmaSlot / (worst / 3.3)).toFixed(2), 'mem', (process.memoryUsage().rss / 1e6).toFixed(0))
