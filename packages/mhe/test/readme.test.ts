import { readFile } from 'node:fs/promises'
import { type Ciphertext, Encryptor, secondComponent } from '@slytherin/ckks'
import { EncryptionProofs, InMemoryShareLedger, PublicKeyGeneration, ShareGiver } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { expect, it } from 'vitest'
import { collectivePublicKey, decrypt, largestDifference, makeCohort, randomSlots } from './cohort.js'

it('the example of the README runs and encrypts under the collective key', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = /```ts\n([\s\S]*?)```/.exec(readme)![1]!
  const cohort = makeCohort({ parties: 3, label: 'readme' })
  const { context, parameters, sessionId } = cohort
  const flooding = { securityBits: 30, maximumDecryptions: 1 }
  const givers = cohort.secrets.map(
    (secret, i) =>
      new ShareGiver(context, { secret, shareKey: cohort.seed('key', i), ledger: new InMemoryShareLedger(), sessionId, flooding })
  )
  const values = randomSlots(cohort, 'readme')
  const plaintext = context.encoder.encode(values, { level: 2, scale: parameters.scale })
  const names = { PublicKeyGeneration, Encryptor, context, sessionId, givers, plaintext }
  const run = new Function(...Object.keys(names), `${code}\nreturn ciphertext`) as (...values: unknown[]) => Ciphertext
  const decrypted = decrypt(cohort, run(...Object.values(names)))
  expect(largestDifference(decrypted.real, values.real)).toBeLessThan(2 ** -25)
})

it("the example of a proof runs: the proof holds, and c1 is the ciphertext's own", async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const code = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)][1]![1]!
  const cohort = makeCohort({ parties: 3, label: 'readme' })
  const { context, parameters, sessionId, ring } = cohort
  const plaintext = context.encoder.encode(randomSlots(cohort, 'readme'), { level: 2, scale: parameters.scale })
  const values = { publicKey: collectivePublicKey(cohort), seed: cohort.seed('seed'), queryHash: cohort.seed('query'), plaintext }
  const names = { EncryptionProofs, Encryptor, secondComponent, context, sessionId, ...values }
  const run = new Function(...Object.keys(names), `${code}\nreturn [ciphertext, c1]`) as (...values: unknown[]) => [Ciphertext, Polynomial]
  const [ciphertext, c1] = run(...Object.values(names))
  expect(ring.encodePacked(c1)).toEqual(ring.encodePacked(ciphertext.components[1]!))
})
