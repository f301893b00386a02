import { readFile } from 'node:fs/promises'
import { Coordinator, Member, type RosterEntry } from '@slytherin/protocol'
import { FakeCryptography, logitsOf, MemoryNetwork } from '@slytherin/protocol/testing'
import { expect, it } from 'vitest'
import { samples, testPlan } from './support/cohort.js'
import { FakeSigner } from './support/fake-signer.js'

const AsyncFunction = (async () => undefined).constructor as FunctionConstructor

it('the example of the README runs', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = /```ts\n([\s\S]*?)```/.exec(readme)![1]!.replace(/^import .*$/gm, '')
  const network = new MemoryNetwork()
  const roster: RosterEntry[] = [
    { peer: 'evaluator', roles: ['evaluator', 'key-holder', 'model-owner'] },
    { peer: 'hospital', roles: ['key-holder', 'querier', 'data-owner'] }
  ]
  const common = (peer: string) => ({
    transport: network.transport(peer),
    signer: new FakeSigner(peer),
    cryptography: new FakeCryptography(peer),
    policy: { allowInsecure: true }
  })
  const given = {
    ...common('evaluator'),
    roster,
    planner: () => testPlan(2),
    hospitalOptions: common('hospital'),
    samples: samples(3),
    // The example leaves out the policy that tests with small rings need.
    Coordinator: class extends Coordinator {
      constructor(options: ConstructorParameters<typeof Coordinator>[0]) {
        super({ ...options, policy: { allowInsecure: true } })
      }
    },
    Member
  }
  const run = new AsyncFunction(...Object.keys(given), `${code}\nreturn { summary, predictions }`)
  const { summary, predictions } = await run(...Object.values(given))
  expect(summary.queries).toBe(1)
  expect(predictions.map((logits: Float64Array) => [...logits])).toEqual(given.samples.map(logitsOf))
})
