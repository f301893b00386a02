import { readFile } from 'node:fs/promises'
import { calibrate, fuse, importOnnx, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import { Coordinator, LocalCryptography, Member, MemoryNetwork, type Role, type RosterEntry } from '@slytherin/protocol'
import { expect, it } from 'vitest'
import { FakeSigner } from './support/fake-signer.js'

const ROLES: Record<string, Role[]> = {
  clinic: ['evaluator'],
  first: ['key-holder'],
  second: ['key-holder', 'model-owner'],
  patient: ['querier', 'data-owner']
}

it('a trained network, encrypted under two parties’ key, answers as it does in the clear', async () => {
  const onnx = await readFile(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
  const network = fuse(importOnnx(onnx))
  const asked = Array.from({ length: 8 }, (_, i) => Float64Array.from({ length: network.inputs }, (_, k) => Math.sin(i * 31 + k)))
  const ranges = calibrate(network, asked)

  const wires = new MemoryNetwork()
  const roster: RosterEntry[] = Object.entries(ROLES).map(([peer, roles]) => ({ peer, roles }))
  const common = async (peer: string, roles: Role[]) => ({
    transport: wires.transport(peer),
    signer: new FakeSigner(peer),
    roster,
    cryptography: await LocalCryptography.create({
      ...(roles.includes('key-holder')
        ? {
            ledger: new InMemoryShareLedger(),
            secrets: { secretSeed: crypto.getRandomValues(new Uint8Array(32)), shareKey: crypto.getRandomValues(new Uint8Array(32)) }
          }
        : {}),
      ...(roles.includes('model-owner') ? { model: { name: 'breast cancer', onnx, ranges: () => ranges } } : {})
    })
  })
  const refused: Error[] = []
  const onRefused = (error: Error): number => refused.push(error)
  let patient: Member | undefined
  for (const [peer, roles] of Object.entries(ROLES)) {
    if (roles.includes('evaluator')) continue
    const member = new Member({ ...(await common(peer, roles)), onRefused })
    member.start()
    if (peer === 'patient') patient = member
  }
  const coordinator = new Coordinator({
    ...(await common('clinic', ROLES['clinic']!)),
    onRefused,
    planner: (architecture, { parties, floodingBits }) =>
      plan(architecture, { batch: asked.length, data: 'encrypted', weights: 'encrypted', parties, floodingBits, minimumRefreshes: 1 })
  })
  const run = coordinator.run()
  const predictions = await patient!.query(asked)
  await patient!.leave()
  const summary = await run
  expect(refused).toEqual([])
  expect(summary.refreshes).toBeGreaterThan(0)
  expect(predictions).toHaveLength(asked.length)
  for (const [i, logits] of predictions.entries()) {
    const clear = network.forward(asked[i]!)
    for (const [k, value] of logits.entries()) expect(Math.abs(value - clear[k]!)).toBeLessThan(0.01 * ranges.largestLogit)
  }
})
