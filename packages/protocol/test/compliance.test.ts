/** Every implementation of this package's interfaces that it has itself; the node package's are held to the same. */
import { LocalCryptography, MemoryPartStore, MemorySessionSecrets } from '@slytherin/protocol'
import { FakeCryptography, logitsOf, MemoryNetwork } from '@slytherin/protocol/testing'
import {
  cryptographyCompliance,
  partStoreCompliance,
  sessionSecretsCompliance,
  transportCompliance
} from '@slytherin/protocol/testing/compliance'
import { testPlan } from './support/cohort.js'
import { realHarness } from './support/real-session.js'

const networks: MemoryNetwork[] = []
transportCompliance('the memory network', {
  start: async count => {
    const network = new MemoryNetwork()
    networks.push(network)
    return Array.from({ length: count }, (_, i) => network.transport(`party-${i}`))
  },
  leave: async ({ self }) => networks.at(-1)!.kill(self),
  stop: async () => void networks.splice(0)
})

sessionSecretsCompliance('memory', { create: async () => new MemorySessionSecrets(), reopen: async store => store })

partStoreCompliance('memory', { create: async () => new MemoryPartStore() })

let fakes = 0
cryptographyCompliance('the fake', {
  plan: async parties => testPlan(parties),
  create: async () => new FakeCryptography(`fake-${fakes++}`),
  dispose: async () => {},
  samples: [Float64Array.of(1, 2, 3, 4), Float64Array.of(-4, 1, 0, 2)],
  answer: logitsOf,
  tolerance: 0
})

cryptographyCompliance('local cryptography', await realHarness(options => LocalCryptography.create(options)))
