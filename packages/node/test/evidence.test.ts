import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { FileEvidenceStore, findEvidence, readEvidence, runProgram, sessionsIn } from '@slytherin/node'
import type { EvidenceRecord } from '@slytherin/protocol'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  PLAYED,
  type Played,
  type SyntheticOptions,
  type SyntheticSession,
  syntheticSession
} from '../../protocol/test/support/synthetic-session.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-evidence-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

async function slytherin(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await runProgram(parameters, { out: text => out.push(text), err: text => err.push(text), terminal: false })
  return { code, out: out.join(''), err: err.join('') }
}

const keys = new Map<Played, Ed25519PrivateKey>()
beforeAll(async () => {
  for (const [seed, party] of PLAYED.entries()) keys.set(party, await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed + 1)))
})
const peer = (party: Played): string => peerIdFromPrivateKey(keys.get(party)!).toString()

const BOUNDS = { maximumBytes: 1e9, maximumAge: 1e10, blobs: true }

/** A session whose evaluator keeps evidence on disk. */
async function played(options: Partial<SyntheticOptions> = {}, into = directory): Promise<{ session: SyntheticSession; kept: string }> {
  const store = new FileEvidenceStore(into, BOUNDS)
  const names = new Map(PLAYED.map(party => [peer(party), party]))
  const sign = async (name: string, bytes: Uint8Array): Promise<Uint8Array> => await keys.get(names.get(name)!)!.sign(bytes)
  const session = await syntheticSession({ peer, sign, stores: { evaluator: store }, ...options })
  await store.close()
  return { session, kept: join(into, session.session) }
}

const FROZEN = fileURLToPath(new URL('./fixtures/evidence', import.meta.url))

describe('slytherin audit', () => {
  it('runs a session again that was kept long ago', async () => {
    // RENEW_VECTORS=1 writes it anew; read what changed before it is committed.
    if (process.env['RENEW_VECTORS'] === '1') {
      await rm(FROZEN, { recursive: true, force: true })
      await played({}, FROZEN)
    }
    const json = join(directory, 'report.json')
    const { code, out, err } = await slytherin('audit', '--evidence', FROZEN, '--json', json)
    expect(err).toBe('')
    expect(out).toMatch(/^holds.*: 1 of 1 queries evaluated again/m)
    expect(code).toBe(0)
    const report = JSON.parse(await readFile(json, 'utf8'))
    const doubts = report.findings.filter((finding: { holds: string }) => finding.holds !== 'yes')
    // Kept by software that has been built again since; what follows is the same.
    expect(doubts.filter(({ text }: { text: string }) => !text.includes('by other software'))).toEqual([])
    expect(report).toMatchObject({ evaluated: 1, queries: 1, accusations: [], files: [] })
  })

  it('names an evaluator by its own signature in a file that convinces whoever has nothing else, and that cannot be altered', async () => {
    const { kept } = await played({
      deviate: (assist, c1) => (assist === 'refresh' ? c1.map(bytes => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1)) : c1),
      falsely: (_party, statement) => statement
    })
    const audited = await slytherin('audit', '--evidence', kept, '--out', directory)
    expect(audited.code).toBe(1)
    expect(audited.out).toContain(`culprit   ${peer('evaluator')}: evaluation, request refresh query-0/`)
    const files = (await readdir(directory)).filter(name => name.startsWith('culprit-'))
    // The witness of this session endorsed the same.
    expect(files.map(name => name.includes(peer('evaluator')) || name.includes(peer('holder')))).toEqual([true, true])
    const file = join(directory, files.find(name => name.includes(peer('evaluator')))!)
    expect(file).toMatch(/\.bundle$/)
    await rm(kept, { recursive: true })
    const proven = await slytherin('audit', '--verify', file)
    expect(proven).toMatchObject({ code: 0, out: expect.stringMatching(/^PROVEN {4}by its own signature/m) })

    const bytes = await readFile(file)
    const head = bytes.subarray(0, bytes.indexOf(10)).toString()
    for (const [what, changed] of [
      ['another party', head.replace(/"party":"[^"]*"/, `"party":"${peer('querier')}"`)],
      ['a hash', head.replace(/"c1":"(.)/, (_all, digit) => `"c1":"${digit === '0' ? '1' : '0'}`)]
    ] as const) {
      expect(changed.length, what).toBe(head.length)
      await writeFile(file, Buffer.concat([Buffer.from(changed), bytes.subarray(head.length)]))
      expect(await slytherin('audit', '--verify', file), what).toMatchObject({ code: 1, out: expect.stringContaining('NOT PROVEN') })
    }
    const flipped = Buffer.from(bytes)
    flipped[bytes.length - 100]! ^= 1
    await writeFile(file, flipped)
    expect((await slytherin('audit', '--verify', file)).code).toBe(1)
    await writeFile(file, bytes.subarray(0, bytes.length - 1))
    expect(await slytherin('audit', '--verify', file)).toMatchObject({ code: 1, err: expect.stringContaining('its first line says') })
  })

  it('says what is wrong with its usage, and with directories that have no session', async () => {
    expect(await slytherin('audit')).toMatchObject({ code: 2, err: expect.stringContaining('either --evidence') })
    expect(await slytherin('audit', '--evidence', 'a', '--sample', '0')).toMatchObject({
      code: 2,
      err: expect.stringContaining('at least 1')
    })
    expect(await slytherin('audit', '--evidence', directory)).toMatchObject({ code: 1, err: expect.stringContaining('it has no session') })
    const other = await slytherin('audit', '--evidence', FROZEN, '--session', 'ffff')
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('There is: ') })
    expect(await slytherin('audit', '--verify', join(directory, 'none'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('cannot be read')
    })
  })
})

describe('evidence on disk', () => {
  const copy = async (): Promise<string> => {
    const [session] = await findEvidence([FROZEN])
    await cp(session!, join(directory, 'copy'), { recursive: true })
    return join(directory, 'copy')
  }

  it('is readable by its owner alone', async () => {
    const { kept } = await played()
    expect((await stat(kept)).mode & 0o777).toBe(0o700)
    expect((await stat(join(kept, 'records.jsonl'))).mode & 0o777).toBe(0o600)
    const [blob] = await readdir(join(kept, 'blobs'))
    expect((await stat(join(kept, 'blobs', blob!))).mode & 0o777).toBe(0o600)
  })

  it('with the line breaks of other alphabets in what somebody signed is read as it was written', async () => {
    const store = new FileEvidenceStore(directory, BOUNDS)
    const session = 'ab'.repeat(32)
    const evidence = store.begin(session)
    evidence.record({ record: 'end', reason: 'one\u2028two\u2029three' })
    evidence.end()
    await store.close()
    const read = await readEvidence(join(directory, session))
    expect(read).toMatchObject({ records: [{ record: 'end', reason: 'one\u2028two\u2029three' }] })
    expect([read.damage, read.cut]).toEqual([undefined, undefined])
  })

  it('whose records were cut off is read as far as it goes', async () => {
    const kept = await copy()
    const path = join(kept, 'records.jsonl')
    const { size } = await stat(path)
    const whole = (await readEvidence(kept)).records.length
    await truncate(path, size - 20)
    const cut = await readEvidence(kept)
    expect(cut.records).toHaveLength(whole - 1)
    expect(cut).toMatchObject({ cut: expect.stringContaining('not whole') })
    const { code, out } = await slytherin('audit', '--evidence', kept)
    expect(out).toContain('holds as far as can be told: 1 of 1')
    expect(code).toBe(0)
  })

  it('of which any byte was altered is found out, and what comes after is not believed', async () => {
    const kept = await copy()
    const path = join(kept, 'records.jsonl')
    const bytes = await readFile(path)
    const lines = bytes.toString().split('\n')
    let offset = 0
    for (const [number, line] of lines.slice(0, -1).entries()) {
      for (const place of [3, 66, line.length - 3]) {
        const changed = Buffer.from(bytes)
        changed[offset + place]! ^= 1
        await writeFile(path, changed)
        const read = await readEvidence(kept)
        expect(read.damage, `line ${number + 1}, byte ${place}`).toContain(`line ${number + 1} of`)
        expect(read.records).toHaveLength(number)
      }
      offset += Buffer.byteLength(line) + 1
    }
    await writeFile(path, bytes.subarray(lines[0]!.length + 1))
    expect((await readEvidence(kept)).damage).toContain('line 1')
    const audited = await slytherin('audit', '--evidence', kept, '--signatures')
    expect(audited.code).toBe(1)
    expect(audited.out).toContain('NO  records')
  })

  it('of one byte string altered names nobody', async () => {
    const kept = await copy()
    const blobs = (await readdir(join(kept, 'blobs'))).sort()
    // of shares, of which the evaluation is made, and of a part of the model
    for (const blob of [blobs[0]!, blobs[1]!]) {
      const path = join(kept, 'blobs', blob)
      const bytes = await readFile(path)
      await writeFile(path, bytes.with(5, bytes[5]! ^ 1))
      const { code, out } = await slytherin('audit', '--evidence', kept, '--out', directory)
      expect(code).toBe(1)
      expect(out).toContain('has another hash than was signed')
      expect(out).not.toContain('culprit')
      await writeFile(path, bytes)
    }
  })

  const name = (digit: string): string => digit.repeat(64)
  const end: EvidenceRecord = { record: 'end', reason: 'closed' }
  async function write(bounds: Partial<typeof BOUNDS>, session: string, blobs: readonly number[]): Promise<void> {
    const store = new FileEvidenceStore(directory, { ...BOUNDS, ...bounds })
    const sink = store.begin(session)
    for (const [place, size] of blobs.entries()) sink.keep(name(place.toString(16)), new Uint8Array(size))
    sink.record(end)
    await store.close()
  }
  const ago = (milliseconds: number): Date => new Date(Date.now() - milliseconds)
  const sessions = async (): Promise<string[]> => (await sessionsIn(directory)).map(session => session.name)

  it('makes room by letting go of the oldest sessions, and of those that are too old', async () => {
    await write({}, name('a'), [1000])
    await utimes(join(directory, name('a'), 'records.jsonl'), ago(5e6), ago(5e6))
    await write({ maximumAge: 1e7 }, name('b'), [1000])
    expect(await sessions()).toEqual([name('b'), name('a')])
    await write({ maximumBytes: 3500 }, name('c'), [1500])
    expect(await sessions()).toEqual([name('c'), name('b')])
    await utimes(join(directory, name('b'), 'records.jsonl'), ago(5e6), ago(5e6))
    await write({ maximumAge: 3_600_000 }, name('d'), [])
    expect(await sessions()).toEqual([name('d'), name('c')])
  })

  it('of a session that is too large by itself is what was signed, and says what is missing', async () => {
    await write({ maximumBytes: 2000 }, name('a'), [900, 900, 900, 900])
    const { records } = await readEvidence(join(directory, name('a')))
    expect(records.map(({ record }) => record).sort()).toEqual(['dropped', 'end'])
    expect(await readdir(join(directory, name('a')))).toEqual(['records.jsonl'])
  })

  it('keeps no byte strings where they are not wanted', async () => {
    await write({ blobs: false }, name('a'), [100])
    expect(await readdir(join(directory, name('a'), 'blobs'))).toEqual([])
  })

  it('that cannot be written stops nobody, and says so once', async () => {
    const faults: unknown[] = []
    await writeFile(join(directory, 'file'), '')
    const store = new FileEvidenceStore(join(directory, 'file'), { ...BOUNDS, onFault: error => faults.push(error) })
    const sink = store.begin(name('a'))
    for (let k = 0; k < 5; k++) sink.record(end)
    await sink.room()
    await store.close()
    expect(faults).toHaveLength(1)
  })
})
