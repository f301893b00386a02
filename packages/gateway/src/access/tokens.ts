/**
 * Bearer tokens of a gateway: who may ask through it, and under which grants. A token is 256 random bits, which is why a plain SHA-256 of it is what is kept: there is
 * nothing to guess. It is shown once, when it is made.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import * as z from 'zod'

const PREFIX = 'slyt_'
/** Between two looks at the file's time, milliseconds. */
const PAUSE = 500

const fileSchema = z.strictObject({
  version: z.literal(1),
  tokens: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w][\w.-]{0,63}$/, { error: 'expected a name of letters, digits, "-", "_" and "." (at most 64)' }),
        /** SHA-256 of the token, hexadecimal. */
        hash: z.string().regex(/^[0-9a-f]{64}$/),
        /** Identifier of the only grant that it is good for; null: whatever the party may ask. */
        grant: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .nullable(),
        created: z.number().int(),
        /** Milliseconds since 1970; null: never. */
        expires: z.number().int().nullable()
      })
    )
    .max(10_000)
})

/** What is kept of a token: everything but the token. */
export type TokenEntry = z.infer<typeof fileSchema>['tokens'][number]

/** A file of tokens that cannot be used. */
export class TokenFileError extends Error {
  override name = 'TokenFileError'
}

/** The tokens of a gateway, in a file that is read again when it has changed. */
export class TokenFile {
  #entries: readonly TokenEntry[] = []
  #modified = -1
  #looked = Number.NEGATIVE_INFINITY

  constructor(readonly path: string) {}

  /** As the file is now; none where there is no file. @throws TokenFileError */
  async list(): Promise<readonly TokenEntry[]> {
    this.#looked = Number.NEGATIVE_INFINITY
    await this.#refresh()
    return this.#entries
  }

  /** @returns the token, which nobody will know again @throws TokenFileError when the name is taken */
  async create({ name, grant, expires }: Pick<TokenEntry, 'name' | 'grant' | 'expires'>): Promise<string> {
    const entries = await this.list()
    if (entries.some(entry => entry.name === name))
      throw new TokenFileError(`there is a token "${name}": revoke it first, or take another name`)
    const token = `${PREFIX}${randomBytes(32).toString('base64url')}`
    await this.#write([...entries, { name, hash: hashOf(token).toString('hex'), grant, created: Date.now(), expires }])
    return token
  }

  /** @returns what was removed @throws TokenFileError when there is none of this name */
  async revoke(name: string): Promise<TokenEntry> {
    const entries = await this.list()
    const found = entries.find(entry => entry.name === name)
    if (found === undefined)
      throw new TokenFileError(`there is no token "${name}"; there are: ${entries.map(entry => entry.name).join(', ') || 'none'}`)
    await this.#write(entries.filter(entry => entry !== found))
    return found
  }

  /** Whose token it is; what is revoked or expired is nobody's. Takes as long for every token. */
  async find(token: string): Promise<TokenEntry | undefined> {
    await this.#refresh()
    const hash = hashOf(token)
    let found: TokenEntry | undefined
    for (const entry of this.#entries) if (timingSafeEqual(hash, Buffer.from(entry.hash, 'hex'))) found = entry
    return found === undefined || (found.expires !== null && found.expires < Date.now()) ? undefined : found
  }

  async #refresh(): Promise<void> {
    const now = performance.now()
    if (now - this.#looked < PAUSE) return
    const modified = await stat(this.path).then(
      ({ mtimeMs }) => mtimeMs,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return 0
        throw error
      }
    )
    this.#looked = now
    if (modified === this.#modified) return
    this.#entries = modified === 0 ? [] : await this.#read()
    this.#modified = modified
  }

  async #read(): Promise<readonly TokenEntry[]> {
    try {
      return fileSchema.parse(JSON.parse(await readFile(this.path, 'utf8'))).tokens
    } catch (error) {
      throw new TokenFileError(`${this.path} is no file of tokens`, { cause: error })
    }
  }

  async #write(tokens: readonly TokenEntry[]): Promise<void> {
    const next = `${this.path}.next`
    const text = `${JSON.stringify(fileSchema.parse({ version: 1, tokens }), null, 2)}\n`
    await writeFile(next, text, { mode: 0o600, flush: true })
    await rename(next, this.path)
    this.#entries = tokens
    this.#modified = -1
  }
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token, 'utf8').digest()
