/** What it takes to plan ResNet-20: reading the file, calibrating on samples, planning; in one thread. */
import { readFileSync } from 'node:fs'
import { architectureOf, Calibration, importOnnx, plan } from '@slytherin/engine'

const MODEL = new URL('../models/onnx/resnet20-quadratic.onnx', import.meta.url)
/** As many as the scenario of ResNet-20 calibrates on. */
const SAMPLES = 48
const PIXELS = 3 * 32 * 32

/** Images of smooth colours, the same in every run: CIFAR-10 is not part of the repository, and what is measured hardly depends on the pixels. */
function images(count) {
  return Array.from({ length: count }, (_, image) =>
    Float64Array.from({ length: PIXELS }, (__, k) => {
      const [channel, y, x] = [Math.floor(k / 1024), Math.floor(k / 32) % 32, k % 32]
      return Math.round(127 + 100 * Math.sin((image + 1) * 0.7 + channel + (x * (1 + (image % 5)) + y * (1 + (image % 3))) / 24))
    })
  )
}

/**
 * @returns {{ samples: number, seconds: { import: number, calibration: number, planning: number, processor: number }, peakMiB: number, predictedSeconds: number }}
 *   seconds of each part by the clock, of the processor in all, and the largest memory of the process so far
 */
export function measurePlanning() {
  const before = process.cpuUsage()
  const times = [performance.now()]
  const lap = () => times.push(performance.now())
  const graph = importOnnx(readFileSync(MODEL), { name: 'resnet20-quadratic' })
  lap()
  const calibration = Calibration.fromSamples(images(SAMPLES))
  const { network } = calibration.approximate(graph)
  const architecture = architectureOf(network, calibration.ranges(network))
  lap()
  const made = plan(architecture, {
    data: 'encrypted',
    weights: 'clear',
    parties: 1,
    batch: 1,
    seededInputs: true,
    floodingBits: 30,
    floodingBounds: 'norms',
    maximumDecryptions: 1024
  })
  lap()
  const { user, system } = process.cpuUsage(before)
  const [imported, calibrated, planned] = times.slice(1).map((time, k) => (time - times[k]) / 1e3)
  return {
    samples: SAMPLES,
    seconds: { import: imported, calibration: calibrated, planning: planned, processor: (user + system) / 1e6 },
    peakMiB: process.resourceUsage().maxRSS / 1024,
    predictedSeconds: made.costs.seconds.evaluation
  }
}

/** The measurement in words. */
export function describePlanning({ samples, seconds, peakMiB, predictedSeconds }) {
  const parts = ['import', 'calibration', 'planning'].map(part => `${part} ${seconds[part].toFixed(1)} s`)
  return `Planning ResNet-20, ${samples} samples: ${parts.join(', ')}; ${seconds.processor.toFixed(1)} s of processor time, ${peakMiB.toFixed(0)} MiB at most; one image is predicted to take ${predictedSeconds.toFixed(1)} s`
}
