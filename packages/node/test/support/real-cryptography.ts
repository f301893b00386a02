/**
 * The protocol's cryptography as a module that a worker hosts, on a small ring, with a ledger in memory: of the options, the state is what its secrets are derived
 * from, and the model a path.
 */
import { readFile } from 'node:fs/promises'
import { calibrate, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import type { CryptographyOptions, HostedCryptography, PlanRequest } from '@slytherin/node'
import { type Architecture, LocalCryptography, MemorySessionSecrets } from '@slytherin/protocol'
import { fixedSecrets } from '@slytherin/protocol/testing'

/** Like the breast cancer data: 30 features. */
const samples = Array.from({ length: 64 }, (_, i) => Float64Array.from({ length: 30 }, (_, k) => Math.sin(i * 31 + k)))

export async function createCryptography({ state, model }: CryptographyOptions): Promise<HostedCryptography> {
  const seed = Number(state)
  const cryptography = await LocalCryptography.create({
    allowInsecure: true,
    ledger: new InMemoryShareLedger(),
    secrets: new MemorySessionSecrets(fixedSecrets(seed)),
    model: {
      name: 'breast cancer',
      onnx: await readFile(model!.path),
      ranges: network => calibrate(network, samples)
    }
  })
  return Object.assign(cryptography, {
    plan: async (architecture: Architecture, request: PlanRequest) => plan(architecture, { ...request, insecure: true, logN: 8 })
  })
}
