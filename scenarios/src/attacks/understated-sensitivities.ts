/**
 * A model owner publishes norms and sensitivities that are 2^60 too small, with everything else of its model as it is. Where flooding is sized by what it publishes, results
 * carry more error than they are flooded for, and whoever decrypts enough of them learns that error, hence the collective secret.
 */
import { readFile } from 'node:fs/promises'
import {
  Context,
  Decryptor,
  Encryptor,
  type EvaluatorCiphertext,
  KernelEvaluator,
  KeyGenerator,
  Parameters,
  SecretKey,
  type SlotValues
} from '@slytherin/ckks'
import {
  type Architecture,
  architectureOf,
  calibrate,
  fuse,
  importOnnx,
  type Network,
  type Plan,
  packInput,
  packWeight,
  plan,
  run,
  unpackOutputs,
  weightDescriptor
} from '@slytherin/engine'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'

const MODEL = new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url)
const FEATURES = 30
const SAMPLES = 64
const UNDERSTATED = 2 ** -60
const FLOODING_BITS = 30

export const understatedSensitivities: Attack = {
  name: 'understated-sensitivities',
  layer: 'flooding from what nobody gains from understating',
  stoppedBy: /^flooding keeps its 30 bits of security/,
  fast: true,
  mount: async ({ layerOn }) => {
    const network = fuse(importOnnx(await readFile(MODEL)))
    const samples = Array.from({ length: SAMPLES }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * 31 + k)))
    const published = understated(architectureOf(network, calibrate(network, samples)))
    // what every key holder derives from what is published
    const made = plan(published, {
      data: 'encrypted',
      weights: 'encrypted',
      batch: SAMPLES,
      parties: 2,
      floodingBits: FLOODING_BITS,
      maximumDecryptions: 64,
      floodingBounds: layerOn ? 'magnitudes' : 'norms'
    })
    const noise = await measuredNoise(made, network, samples)
    const { floodedNoise } = made.output
    // flooding by 2^(s/2) times the noise that it is sized by
    const left = FLOODING_BITS + 2 * (floodedNoise - noise)
    const sizes = `it is sized for noise of 2^${floodedNoise.toFixed(1)}, where results have 2^${noise.toFixed(1)}`
    return left < FLOODING_BITS
      ? { succeeded: left < 1, detail: `of the ${FLOODING_BITS} bits of security of flooding ${left.toFixed(1)} are left: ${sizes}` }
      : { succeeded: false, detail: `flooding keeps its ${FLOODING_BITS} bits of security: ${sizes}` }
  }
}

function understated(architecture: Architecture): Architecture {
  const layers = architecture.layers.map((layer): Architecture['layers'][number] => {
    const lowered = { ...layer, ...(layer.sensitivity === undefined ? {} : { sensitivity: layer.sensitivity * UNDERSTATED }) }
    if (lowered.kind !== 'affine') return lowered
    const { rowNorm, norms } = lowered
    return {
      ...lowered,
      ...(rowNorm === undefined ? {} : { rowNorm: rowNorm * UNDERSTATED }),
      ...(norms === undefined ? {} : { norms: { input: norms.input * UNDERSTATED, gain: UNDERSTATED } })
    }
  })
  return { ...architecture, input: { ...architecture.input, sensitivity: UNDERSTATED }, layers }
}

/** log2 of the standard deviation per coefficient of the error that results have before they are flooded. */
async function measuredNoise(made: Plan, network: Network, samples: readonly Float64Array[]): Promise<number> {
  const parameters = Parameters.fromJSON(made.parameters)
  const context = Context.create(parameters, await loadKernel(), { parties: made.parties })
  const random = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32))
  const secret = SecretKey.fromSeed(context, random())
  const generator = new KeyGenerator(context)
  const encryptor = new Encryptor(context, generator.publicKey(secret, random()))
  const decryptor = new Decryptor(context, secret)
  const evaluator = new KernelEvaluator(context)
  evaluator.setKeys({
    relinearizationKey: generator.relinearizationKey(secret, { level: made.relinearizationLevel! }),
    galoisKeys: new Map(made.galoisKeys.map(({ element, level }) => [element, generator.galoisKey(secret, element, { level })]))
  })
  const encrypt = (values: SlotValues, options: { level: number; scale: number }): EvaluatorCiphertext => {
    const plaintext = context.encoder.encode(values, options)
    const ciphertext = encryptor.encrypt(plaintext, random())
    const loaded = evaluator.load(ciphertext)
    plaintext.dispose()
    ciphertext.dispose()
    return loaded
  }
  const decrypt = (ciphertext: EvaluatorCiphertext) => {
    const stored = evaluator.store(ciphertext)
    ciphertext.dispose()
    const slots = decryptor.decrypt(stored)
    stored.dispose()
    return slots
  }
  try {
    const outputs = await run(made, {
      evaluator,
      inputs: async index => encrypt(packInput(made, samples, index), made.inputs),
      weights: async index => encrypt(packWeight(made, network, index), weightDescriptor(made, index)),
      refresher: {
        refresh: async ciphertexts =>
          ciphertexts.map(ciphertext => {
            const { scale } = ciphertext
            return encrypt(decrypt(ciphertext), { level: parameters.maxLevel, scale })
          })
      }
    })
    const logits = unpackOutputs(made, outputs.map(decrypt))
    const errors = logits.flatMap((row, k) => [...row].map((value, feature) => value - network.forward(samples[k]!)[feature]!))
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)
    return Math.log2(deviation * made.output.scale) - 0.5 * Math.log2(parameters.N / 2)
  } finally {
    evaluator[Symbol.dispose]()
    secret.dispose()
    context.dispose()
  }
}
