/**
 * The share ledger of a key holder is deleted while its session lives (by hand, by a restored backup), and the process starts again: quotas would begin anew,
 * and results would be decrypted under flooding that was sized for fewer.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Context, KeyGenerator, Parameters, SecretKey, serializePublicKey } from '@slytherin/ckks'
import { encodeComponent, ShareGiver } from '@slytherin/mhe'
import { FileSessionSecrets, SqliteShareLedger } from '@slytherin/node'
import { loadKernel } from '@slytherin/ring'
import type { Attack } from './attack.js'
import { reasonOf } from './parties.js'

const QUOTA = 2

export const deletedLedger: Attack = {
  name: 'deleted-ledger',
  layer: 'the ledger is bound to the session’s secrets',
  stoppedBy: /not the ledger of the session that lives/,
  fast: true,
  mount: async ({ layerOn }) => {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-attack-'))
    const parameters = Parameters.generate({
      logN: 13,
      firstPrimeBits: 48,
      primeBits: 45,
      levels: 2,
      specialPrimeBits: 48,
      specialPrimes: 1,
      scale: 2 ** 45
    })
    const context = Context.create(parameters, await loadKernel(), { parties: 2 })
    const [sessionId, key] = [0, 1].map(() => crypto.getRandomValues(new Uint8Array(32))) as [Uint8Array, Uint8Array]
    const receiver = SecretKey.fromSeed(context, key)
    const targetKey = serializePublicKey(new KeyGenerator(context).publicKey(receiver, sessionId))
    const path = join(directory, 'shares.sqlite')
    let given = 0
    /** The key holder's process: starts, gives what it may, ends. */
    const serve = async (): Promise<void> => {
      using ledger = new SqliteShareLedger(path)
      await using secrets = await FileSessionSecrets.open(join(directory, 'sessions'), key, ledger, { bound: layerOn })
      const { secretSeed, shareKey } = await secrets.take(sessionId)
      using giver = new ShareGiver(context, {
        secret: SecretKey.fromSeed(context, secretSeed),
        shareKey,
        ledger,
        sessionId,
        flooding: { securityBits: 30, maximumDecryptions: QUOTA }
      })
      const level = context.parameters.maxLevel
      for (let i = 0; i < QUOTA; i++) {
        const c1 = encodeComponent(context, context.ring.allocate(context.parameters.ciphertextIndices(level), 'ntt'))
        giver.switchShare({ instance: `result ${given}`, level, noise: 10, c1, targetKey })
        given++
      }
    }
    try {
      await serve()
      for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true })
      await serve()
      return { succeeded: given > QUOTA, detail: `${given} results of one session, where ${QUOTA} are allowed` }
    } catch (error) {
      return { succeeded: given > QUOTA, detail: reasonOf(error).replaceAll(directory, '…') }
    } finally {
      context.dispose()
      await rm(directory, { recursive: true, force: true })
    }
  }
}
