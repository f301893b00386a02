/** Secrets of a session at rest: what is on disk while it lives, what is left of it, and that they are bound to the share ledger. */
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FileSessionSecrets, LedgerMismatchError, LedgerMovedError, SqliteShareLedger, TamperedFileError } from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const KEY = new Uint8Array(32).fill(3)
const SESSION = new Uint8Array(32).fill(0xab)
const HEX = 'ab'.repeat(32)

let directory: string
let open: { secrets: FileSessionSecrets; ledger: SqliteShareLedger } | undefined
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-session-'))
})
afterEach(async () => {
  await stop()
  await rm(directory, { recursive: true, force: true })
})

const ledgerPath = (): string => join(directory, 'shares.sqlite')
const sessions = (): string => join(directory, 'sessions')

/** A process starts. */
async function start(key = KEY): Promise<{ secrets: FileSessionSecrets; ledger: SqliteShareLedger }> {
  const ledger = new SqliteShareLedger(ledgerPath())
  try {
    open = { ledger, secrets: await FileSessionSecrets.open(sessions(), key, ledger) }
    return open
  } catch (error) {
    ledger.dispose()
    throw error
  }
}

async function stop(): Promise<void> {
  await open?.secrets.dispose()
  open?.ledger.dispose()
  open = undefined
}

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => new Error('it worked'),
    (error: unknown) => error
  )
}

const claim = (ledger: SqliteShareLedger, instance: number, session = HEX): string =>
  ledger.claim({ session, protocol: 'switch', instance: `result ${instance}`, inputHash: 'aa' })

/** A session of three shares, left alive by a process that is gone. */
async function livingSession(): Promise<void> {
  const { secrets, ledger } = await start()
  await secrets.take(SESSION)
  for (let i = 0; i < 3; i++) claim(ledger, i)
  await stop()
}

describe('secrets of a session', () => {
  it('lie sealed while it lives, readable by the owner alone, and leave nothing', async () => {
    const { secrets } = await start()
    const { secretSeed, shareKey } = await secrets.take(SESSION)
    expect(await readdir(sessions())).toEqual([`${HEX}.json`, `${HEX}.mark`])
    const contents = await readFile(join(sessions(), `${HEX}.json`))
    for (const secret of [secretSeed, shareKey]) {
      expect(contents.includes(Buffer.from(secret))).toBe(false)
      expect(contents.includes(Buffer.from(secret).toString('base64'))).toBe(false)
    }
    for (const name of await readdir(sessions())) expect((await stat(join(sessions(), name))).mode & 0o777).toBe(0o600)
    await secrets.erase(SESSION)
    expect(await readdir(sessions())).toEqual([])
  })

  it('open under the key of the keystore alone', async () => {
    await livingSession()
    expect(await refusal(start(new Uint8Array(32).fill(4)))).toMatchObject({ name: 'WrongPassphraseError' })
  })

  it('are not taken for those of another session', async () => {
    await livingSession()
    await rename(join(sessions(), `${HEX}.json`), join(sessions(), `${'cd'.repeat(32)}.json`))
    expect(await refusal(start())).toBeInstanceOf(TamperedFileError)
  })
})

describe('a share ledger under a living session', () => {
  it('is taken up again, with what it knows, also when it is ahead of its mark', async () => {
    await livingSession()
    const mark = await readFile(join(sessions(), `${HEX}.mark`))
    const { ledger, secrets } = await start()
    expect(claim(ledger, 3)).toBe('first')
    await stop()
    // As if the process had been killed between the ledger and its mark.
    await writeFile(join(sessions(), `${HEX}.mark`), mark)
    const again = await start()
    expect(again.secrets).not.toBe(secrets)
    expect(claim(again.ledger, 3)).toBe('again')
    expect(claim(again.ledger, 4)).toBe('first')
    expect([...again.ledger.recorded(HEX)]).toHaveLength(5)
  })

  it('that was deleted is noticed: the party refuses to start, and says what can be done', async () => {
    await livingSession()
    for (const suffix of ['', '-wal', '-shm']) await rm(`${ledgerPath()}${suffix}`, { force: true })
    const error = (await refusal(start())) as LedgerMismatchError
    expect(error).toBeInstanceOf(LedgerMismatchError)
    expect(error).toMatchObject({ file: ledgerPath(), remedy: expect.stringContaining(`${HEX}.json`) })
    // What the remedy says works.
    await rm(join(sessions(), `${HEX}.json`))
    const { secrets } = await start()
    await secrets.take(SESSION)
  })

  it('that was rolled back is noticed', async () => {
    await livingSession()
    const old = join(directory, 'old.sqlite')
    await copyFile(ledgerPath(), old)
    const { ledger } = await start()
    claim(ledger, 3)
    await stop()
    for (const suffix of ['-wal', '-shm']) await rm(`${ledgerPath()}${suffix}`, { force: true })
    await rename(old, ledgerPath())
    const error = await refusal(start())
    expect(error).toBeInstanceOf(LedgerMismatchError)
    expect(error).toMatchObject({ message: expect.stringMatching(/knows 3 shares, and 4 were given/) })
  })

  it.each([
    ['another input', `UPDATE share SET inputHash = 'ff' WHERE instance = (SELECT MIN(instance) FROM share)`],
    ['another instance', `UPDATE share SET instance = 'elsewhere' WHERE instance = (SELECT MIN(instance) FROM share)`],
    [
      'one row fewer and another more',
      `DELETE FROM share; INSERT INTO share VALUES ('${HEX}', 'refresh', 'a', 'b', ''), ('${HEX}', 'refresh', 'b', 'b', ''), ('${HEX}', 'refresh', 'c', 'b', '')`
    ],
    [
      'rows beside those that were given',
      `INSERT INTO share VALUES ('${HEX}', 'refresh', 'a', 'b', ''), ('${HEX}', 'refresh', 'b', 'b', '')`
    ],
    [
      'one row beside another that was altered',
      `UPDATE share SET inputHash = 'ff' WHERE instance = (SELECT MIN(instance) FROM share); INSERT INTO share VALUES ('${HEX}', 'refresh', 'a', 'b', '')`
    ]
  ])('that has %s is noticed', async (_what, sql) => {
    await livingSession()
    const database = new DatabaseSync(ledgerPath())
    database.exec(sql)
    database.close()
    const error = await refusal(start())
    expect(error).toBeInstanceOf(LedgerMismatchError)
    expect(error).toMatchObject({ message: expect.stringMatching(/not all are what was given|knows 5 shares, where 3 were given/) })
  })

  it('whose mark is of an earlier moment is noticed, unless it is one share behind', async () => {
    await livingSession()
    const mark = await readFile(join(sessions(), `${HEX}.mark`))
    const { ledger } = await start()
    claim(ledger, 3)
    claim(ledger, 4)
    await stop()
    await writeFile(join(sessions(), `${HEX}.mark`), mark)
    expect(await refusal(start())).toMatchObject({ name: 'LedgerMismatchError', message: expect.stringContaining('where 3 were given') })
  })

  it('whose mark was deleted or forged is not believed', async () => {
    await livingSession()
    const path = join(sessions(), `${HEX}.mark`)
    const mark = await readFile(path)
    for (const forged of [
      undefined,
      new Uint8Array(144),
      new Uint8Array(144).fill(255),
      mark.subarray(0, 70),
      mark.map(byte => byte ^ 1)
    ]) {
      if (forged === undefined) await rm(path)
      else await writeFile(path, forged)
      expect(await refusal(start())).toBeInstanceOf(LedgerMismatchError)
    }
  })

  it('that is taken away while the process runs is noticed at the next share', async () => {
    const { secrets, ledger } = await start()
    await secrets.take(SESSION)
    claim(ledger, 0)
    await rename(ledgerPath(), join(directory, 'elsewhere'))
    expect(() => claim(ledger, 1)).toThrow(LedgerMovedError)
    await rename(join(directory, 'elsewhere'), ledgerPath())
    expect(claim(ledger, 1)).toBe('first')
  })

  it('may be another once the session is over', async () => {
    const { secrets, ledger } = await start()
    await secrets.take(SESSION)
    claim(ledger, 0)
    await secrets.erase(SESSION)
    await stop()
    await rm(ledgerPath())
    const again = await start()
    expect(claim(again.ledger, 0)).toBe('first')
  })
})
