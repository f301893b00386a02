/** What keeps a key holder from giving a share twice: the ledger, the mark that says how much it must know, and the secrets that it is bound to. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MultipartyError } from '@slytherin/mhe/errors'
import { FileSessionSecrets, SqliteShareLedger, StorageError } from '@slytherin/node'
import { demand, type Target, type TargetGroup } from '../target.js'

const KEY = new Uint8Array(32).fill(6)
const SESSION = new Uint8Array(32).fill(0xab)
const SHARES = 5
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const session = hex(SESSION)
const entry = (k: number) => ({ session, protocol: 'refresh', instance: `q/1/${k}`, inputHash: hex(new Uint8Array(32).fill(k)) })

export async function ledgerTargets(): Promise<TargetGroup> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-fuzz-'))
  const at = (name: string): string => join(directory, name)
  const secretsDirectory = at('sessions')
  const [sealed, mark] = [join(secretsDirectory, `${session}.json`), join(secretsDirectory, `${session}.mark`)]

  // A session in which shares were given, and its ledger as it was some shares before: when it is closed, the file is all of it.
  let secret = ''
  for (const upTo of [SHARES - 2, SHARES]) {
    const ledger = new SqliteShareLedger(at('given.db'))
    await using store = await FileSessionSecrets.open(secretsDirectory, KEY, ledger)
    const { secretSeed, shareKey } = await store.take(SESSION)
    secret = hex(secretSeed) + hex(shareKey)
    for (let k = [...ledger.recorded(session)].length; k < upTo; k++) ledger.claim(entry(k))
    ledger.dispose()
    if (upTo < SHARES) await cp(at('given.db'), at('behind.db'))
  }
  const given = new SqliteShareLedger(at('given.db'))
  const behind = new SqliteShareLedger(at('behind.db'))
  const [sealedBytes, markBytes, ledgerBytes] = await Promise.all(
    [sealed, mark, at('given.db')].map(async path => new Uint8Array(await readFile(path)))
  )

  /** What a party that starts again makes of the files. */
  const start = async (ledger: SqliteShareLedger): Promise<string> => {
    await using store = await FileSessionSecrets.open(secretsDirectory, KEY, ledger)
    const { secretSeed, shareKey } = await store.take(SESSION)
    return hex(secretSeed) + hex(shareKey)
  }
  const restored = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } finally {
      await writeFile(sealed, sealedBytes!)
      await writeFile(mark, markBytes!)
    }
  }

  const targets: Target[] = [
    {
      name: 'session secrets',
      contract: 'authenticated',
      structure: 'json',
      weight: 1,
      corpus: [sealedBytes!],
      refusals: [StorageError],
      parse: async bytes =>
        await restored(async () => {
          await writeFile(sealed, bytes)
          demand((await start(given)) === secret, 'other secrets')
          return bytes
        })
    },
    {
      name: 'ledger mark',
      contract: 'bounded',
      structure: 'bytes',
      weight: 1,
      corpus: [markBytes!],
      refusals: [StorageError],
      // Of two slots one may be lost, as when a process is killed; a ledger that is further behind than that is refused by whatever is left.
      parse: async bytes =>
        await restored(async () => {
          await writeFile(mark, bytes)
          const accepted = await start(behind).catch(error => {
            if (!(error instanceof StorageError)) throw error
            return undefined
          })
          demand(accepted === undefined, 'a ledger that has forgotten shares is accepted')
          demand((await start(given)) === secret, 'other secrets')
          return bytes
        })
    },
    {
      name: 'share ledger',
      contract: 'bounded',
      structure: 'bytes',
      weight: 1,
      corpus: [ledgerBytes!],
      refusals: [StorageError, MultipartyError],
      parse: async bytes => {
        const path = at('mutated.db')
        for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true })
        await writeFile(path, bytes)
        using ledger = new SqliteShareLedger(path)
        const known = [...ledger.recorded(session)].length
        const answers = Array.from({ length: SHARES }, (_, k) => ledger.claim(entry(k)))
        // What it has forgotten, the mark remembers: rows that are missing are missing in what is recorded, too.
        demand(answers.filter(answer => answer === 'again').length <= known, 'more shares are known than counted')
        demand(ledger.count(session, 'refresh') >= SHARES, 'a share that was claimed is not counted')
        return bytes
      }
    }
  ]
  return {
    targets,
    [Symbol.asyncDispose]: async () => {
      given.dispose()
      behind.dispose()
      await rm(directory, { recursive: true, force: true })
    }
  }
}
