import { execFile, spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import {
  createIdentity,
  createKeyFile,
  createKeystore,
  FileExistsError,
  FileModeError,
  FilePartStore,
  forgetPassphrase,
  KeyMaterial,
  LedgerDamagedError,
  loadKeyMaterial,
  MissingFileError,
  openIdentity,
  openKeystore,
  PassphraseSourceError,
  peekPeer,
  readSealed,
  SqliteShareLedger,
  StateInUseError,
  StateLock,
  signerOf,
  statePaths,
  TamperedFileError,
  WrongPassphraseError,
  writeAtomically,
  writeSealed
} from '@slytherin/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-storage-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

const passphrase = (text: string): KeyMaterial => new KeyMaterial('passphrase', Buffer.from(text))
const key = (fill = 7): KeyMaterial => new KeyMaterial('key', new Uint8Array(32).fill(fill))
const support = (name: string): string => fileURLToPath(new URL(`./support/${name}`, import.meta.url))

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => new Error('it worked'),
    (error: Error) => error
  )
}

describe('identity', () => {
  it('is made once, mode 0600, and opens with its passphrase alone', async () => {
    const path = join(directory, 'identity.json')
    const made = await createIdentity(path, passphrase('correct horse'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(made.peer).toMatch(/^12D3KooW/)
    expect(await peekPeer(path)).toBe(made.peer)
    const opened = await openIdentity(path, passphrase('correct horse'))
    expect(opened.peer).toBe(made.peer)
    const signature = await signerOf(opened).sign(Uint8Array.of(1, 2, 3))
    expect(await signerOf(made).verify(made.peer, Uint8Array.of(1, 2, 3), signature)).toBe(true)
    expect(await signerOf(made).verify(made.peer, Uint8Array.of(1, 2, 4), signature)).toBe(false)
    expect(await signerOf(made).verify('nobody', Uint8Array.of(1, 2, 3), signature)).toBe(false)
    const wrong = await failure(openIdentity(path, passphrase('wrong horse')))
    expect(wrong).toBeInstanceOf(WrongPassphraseError)
    expect(wrong).toMatchObject({ file: path, remedy: expect.any(String) })
    expect(await failure(createIdentity(path, passphrase('correct horse')))).toBeInstanceOf(FileExistsError)
    expect(await readFile(path, 'utf8')).not.toContain(Buffer.from(made.privateKey.raw).toString('base64').slice(0, 20))
  })

  it('does not open when others can read it, when it is missing, or with a key file instead of the passphrase', async () => {
    const path = join(directory, 'identity.json')
    expect(await failure(openIdentity(path, key()))).toBeInstanceOf(MissingFileError)
    await createIdentity(path, key())
    expect(await failure(openIdentity(path, passphrase('some passphrase')))).toBeInstanceOf(WrongPassphraseError)
    expect(await failure(openIdentity(path, key(8)))).toBeInstanceOf(WrongPassphraseError)
    await chmod(path, 0o644)
    expect(await failure(openIdentity(path, key()))).toMatchObject({ name: 'FileModeError', file: path, remedy: `Run: chmod 600 ${path}` })
  })

  it('is not opened when any part of its file was changed', async () => {
    const path = join(directory, 'identity.json')
    await createIdentity(path, key())
    const original = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>
    const flipped = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)
    for (const field of ['ciphertext', 'tag', 'nonce', 'label']) {
      await writeFile(path, JSON.stringify({ ...original, [field]: flipped(original[field]!) }))
      const error = await failure(openIdentity(path, key()))
      expect(error, field).toBeInstanceOf(TamperedFileError)
    }
    for (const field of ['salt', 'check']) {
      await writeFile(path, JSON.stringify({ ...original, [field]: flipped(original[field]!) }))
      expect(await failure(openIdentity(path, key())), field).toBeInstanceOf(WrongPassphraseError)
    }
    // The same bytes, written otherwise.
    await writeFile(path, JSON.stringify({ ...original, tag: original['tag']!.replaceAll('=', '') }))
    expect(await failure(openIdentity(path, key()))).toMatchObject({ name: 'TamperedFileError', field: 'tag' })
    await writeFile(path, JSON.stringify({ ...original, derivation: { name: 'scrypt', cost: 2 ** 40, blockSize: 8, parallelization: 1 } }))
    expect(await failure(openIdentity(path, key()))).toBeInstanceOf(TamperedFileError)
    await writeFile(path, '{"format": "slyth')
    expect(await failure(openIdentity(path, key()))).toMatchObject({ name: 'TamperedFileError', field: 'JSON' })
  })
})

describe('keystore', () => {
  it('keeps a secret, gives it back, shows none', async () => {
    const path = join(directory, 'keystore.json')
    await createKeystore(path, key())
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const [first, again] = [await openKeystore(path, key()), await openKeystore(path, key())]
    const names = ['sessionKey'] as const
    const values = names.map(name => Buffer.from(first.get(name)).toString('hex'))
    expect(values.every(value => value.length === 64)).toBe(true)
    expect(names.map(name => Buffer.from(again.get(name)).toString('hex'))).toEqual(values)
    expect(inspect({ first }) + JSON.stringify({ first }) + inspect(key())).not.toMatch(/[0-9a-f]{16}|\d+, \d+/)
    first.dispose()
    expect(first.get('sessionKey').every(byte => byte === 0)).toBe(true)
    expect(await failure(createKeystore(path, key()))).toBeInstanceOf(FileExistsError)
  })

  it('is not taken for an identity', async () => {
    const path = join(directory, 'keystore.json')
    await createKeystore(path, key())
    expect(await failure(openIdentity(path, key()))).toMatchObject({ name: 'TamperedFileError', field: 'purpose' })
  })

  it('seals differently every time', async () => {
    const path = join(directory, 'sealed.json')
    const seen = new Set<string>()
    for (let i = 0; i < 3; i++) {
      await writeSealed(path, 'test', Buffer.from('same'), key())
      const { ciphertext, nonce, salt } = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>
      seen.add(ciphertext!).add(nonce!).add(salt!)
      expect((await readSealed(path, 'test', key())).toString()).toBe('same')
    }
    expect(seen.size).toBe(9)
  })
})

describe('passphrases and key files', () => {
  it('come from environment, file or key file', async () => {
    const [file, keyFile] = [join(directory, 'pass'), join(directory, 'party.key')]
    await writeFile(file, 'a long passphrase\r\n', { mode: 0o600 })
    await createKeyFile(keyFile)
    const environment = { PASS: 'a long passphrase' }
    const loaded = await loadKeyMaterial({ kind: 'environment', name: 'PASS' }, environment)
    expect(loaded.bytes).toEqual((await loadKeyMaterial({ kind: 'passphrase-file', path: file })).bytes)
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
    expect(await loadKeyMaterial({ kind: 'key-file', path: keyFile })).toMatchObject({ kind: 'key' })
  })

  it('leave the environment once they have been read, also where a party runs', async () => {
    const environment: NodeJS.ProcessEnv = { PASS: 'a long passphrase', OTHER: 'stays' }
    forgetPassphrase({ kind: 'environment', name: 'PASS' }, environment)
    expect(environment).toEqual({ OTHER: 'stays' })
    const script = `
      import { createCryptography } from ${JSON.stringify(new URL('../dist/worker/local-cryptography.js', import.meta.url).href)}
      const keySource = { kind: 'environment', name: 'SLYTHERIN_TEST_PASS' }
      await createCryptography({ state: ${JSON.stringify(directory)}, keySource, evaluator: 'kernel', costs: 'reference', threads: 1, keepParts: false }).catch(() => {})
      console.log(process.env['SLYTHERIN_TEST_PASS'] ?? 'gone', process.env['SLYTHERIN_TEST_OTHER'])`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, SLYTHERIN_TEST_PASS: 'a long passphrase', SLYTHERIN_TEST_OTHER: 'stays' }
    })
    expect(stdout.trim()).toBe('gone stays')
  })

  it('are refused when missing, short, readable by others or of the wrong length', async () => {
    const file = join(directory, 'pass')
    expect(await failure(loadKeyMaterial({ kind: 'environment', name: 'NOT_SET' }, {}))).toBeInstanceOf(PassphraseSourceError)
    expect(await failure(loadKeyMaterial({ kind: 'passphrase-file', path: file }))).toBeInstanceOf(MissingFileError)
    await writeFile(file, 'short\n', { mode: 0o600 })
    expect(await failure(loadKeyMaterial({ kind: 'passphrase-file', path: file }))).toBeInstanceOf(PassphraseSourceError)
    expect(await failure(loadKeyMaterial({ kind: 'key-file', path: file }))).toBeInstanceOf(PassphraseSourceError)
    await chmod(file, 0o640)
    expect(await failure(loadKeyMaterial({ kind: 'passphrase-file', path: file }))).toBeInstanceOf(FileModeError)
  })
})

describe('durability', () => {
  it('leaves the old or the new file, whole, when killed in the middle of writing', async () => {
    const path = join(directory, 'state.json')
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [support('writer-process.ts'), path], { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise(resolve => child.stdout.once('data', resolve))
      await new Promise(resolve => setTimeout(resolve, 10 + round * 17))
      child.kill('SIGKILL')
      await new Promise(resolve => child.once('exit', resolve))
      const contents = await readFile(path)
      expect(contents.length).toBe(300_000)
      expect(new Set(contents).size).toBe(1)
    }
  })

  it('leaves nothing behind when a write fails', async () => {
    await expect(writeAtomically(join(directory, 'no', 'such', 'place'), 'x')).rejects.toThrow('ENOENT')
    await writeAtomically(join(directory, 'file'), 'x')
    await expect(writeAtomically(join(directory, 'file', 'below'), 'x')).rejects.toThrow()
    expect(await readdir(directory)).toEqual(['file'])
  })

  it('of the ledger: what was claimed before a kill is claimed after it', async () => {
    const path = join(directory, 'shares.sqlite')
    const { stdout, signal } = spawnSync(process.execPath, [support('claim-process.ts'), path], { encoding: 'utf8' })
    expect(signal).toBe('SIGKILL')
    const last = Number(stdout.trim().split('\n').at(-1))
    expect(last).toBeGreaterThan(3)
    using ledger = new SqliteShareLedger(path)
    expect(ledger.count('s', 'refresh')).toBe(last + 1)
    for (let i = 0; i <= last; i++) {
      expect(ledger.claim({ session: 's', protocol: 'refresh', instance: `i${i}`, inputHash: `h${i}` })).toBe('again')
    }
  })
})

describe('share ledger', () => {
  it('gives a share once per instance, again for the same input, never for another', () => {
    using ledger = new SqliteShareLedger(':memory:')
    const entry = { session: 's', protocol: 'switch', instance: 'q/0', inputHash: 'aa' }
    expect(ledger.claim(entry)).toBe('first')
    expect(ledger.claim(entry)).toBe('again')
    expect(ledger.claim({ ...entry, session: 't' })).toBe('first')
    expect(ledger.claim({ ...entry, protocol: 'refresh' })).toBe('first')
    expect(ledger.claim({ ...entry, instance: 'q/1' })).toBe('first')
    expect(() => ledger.claim({ ...entry, inputHash: 'bb' })).toThrow(
      expect.objectContaining({ name: 'ShareAlreadyGivenError', instance: 'q/0' })
    )
    expect(ledger.claim(entry)).toBe('again')
    expect(ledger.count('s', 'switch')).toBe(2)
  })

  it('of which bytes or tables are not its own is refused, and says what to do', async () => {
    const path = join(directory, 'shares.sqlite')
    {
      using ledger = new SqliteShareLedger(path)
      for (let k = 0; k < 100; k++) ledger.claim({ session: 's', protocol: 'switch', instance: `q/${k}`, inputHash: 'aa'.repeat(32) })
    }
    const bytes = await readFile(path)
    const damaged = [
      bytes.map((byte, i) => (i < 16 ? byte ^ 1 : byte)),
      bytes.subarray(0, bytes.length >> 1),
      // a page that is not where it belongs
      Buffer.concat([bytes.subarray(0, 8192), bytes.subarray(12288, 16384), bytes.subarray(12288)]),
      Buffer.from(
        bytes.toString('latin1').replace('PRIMARY KEY (session, protocol, instance)', 'PRIMARY KEY (session, instance, protocol)'),
        'latin1'
      )
    ]
    for (const other of damaged) {
      expect(Buffer.compare(other, bytes)).not.toBe(0)
      await writeFile(path, other)
      const error = await Promise.try(() => new SqliteShareLedger(path)).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(LedgerDamagedError)
      expect(error).toMatchObject({ file: path, remedy: expect.stringContaining('Put the ledger back') })
    }
    await writeFile(path, bytes)
    using ledger = new SqliteShareLedger(path)
    expect([...ledger.recorded('s')]).toHaveLength(100)
  })
})

describe('part store', () => {
  it('keeps parts on disk, uses the room of deleted ones again, and leaves nothing behind', async () => {
    const store = await FilePartStore.create(join(directory, 'parts'), 'session')
    const part = (index: number): Uint8Array => new Uint8Array(10_000).fill(index)
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`weight-${39 - i}`, part(39 - i))))
    await store.put('weight-7', part(99))
    for (let i = 0; i < 40; i++) expect(await store.get(`weight-${i}`)).toEqual(part(i === 7 ? 99 : i))
    expect(await failure(store.get('weight-40'))).toMatchObject({ name: 'MissingPartError', key: 'weight-40' })
    const size = store.byteLength
    for (let query = 0; query < 20; query++) {
      await store.put(`input-${query}`, part(query))
      expect(await store.get(`input-${query}`)).toEqual(part(query))
      await store.delete(`input-${query}`)
    }
    expect(store.byteLength).toBeLessThanOrEqual(size)
    expect(await store.get('weight-39')).toEqual(part(39))
    expect((await stat(store.path)).mode & 0o777).toBe(0o600)
    await store.clear()
    expect((await stat(store.path)).size).toBe(0)
    expect(await failure(store.get('weight-1'))).toMatchObject({ name: 'MissingPartError' })
    await store.put('weight-1', part(5))
    expect(await store.get('weight-1')).toEqual(part(5))
    await store.close()
    await expect(stat(store.path)).rejects.toThrow('ENOENT')
    const kept = await FilePartStore.create(directory, 'kept', { keep: true })
    await kept.put('weight-0', part(1))
    await kept.clear()
    await kept.close()
    expect((await stat(kept.path)).size).toBe(10_000)
  })
})

describe('state directory', () => {
  it('has one process at a time, and is free again when that one is gone', async () => {
    const paths = statePaths(join(directory, 'state'))
    const lock = await StateLock.acquire(paths)
    expect((await stat(paths.directory)).mode & 0o777).toBe(0o700)
    expect(await failure(StateLock.acquire(paths))).toBeInstanceOf(StateInUseError)
    lock.dispose()
    ;(await StateLock.acquire(paths)).dispose()
  })

  it.skipIf(process.platform === 'win32')('is refused when others can enter it', async () => {
    const paths = statePaths(join(directory, 'state'))
    await mkdir(paths.directory, { mode: 0o755 })
    const error = await failure(StateLock.acquire(paths))
    expect(error).toBeInstanceOf(FileModeError)
    expect(error).toMatchObject({ file: paths.directory, remedy: `Run: chmod 700 ${paths.directory}` })
    await chmod(paths.directory, 0o700)
    ;(await StateLock.acquire(paths)).dispose()
  })
})
