/** Party directories and configurations for whole sessions on loopback. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity, createKeyFile, createKeystore, loadKeyMaterial, statePaths } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'

export interface Member {
  readonly name: string
  readonly peer: string
  /** Its party.yaml. */
  readonly file: string
}

export interface CohortOptions {
  readonly roles: Record<string, readonly Role[]>
  /** More YAML for every party, and for one of them. */
  readonly yaml?: string
  readonly yamlOf?: Record<string, string>
}

export class Cohort {
  readonly directory: string
  readonly members: Record<string, Member>

  private constructor(directory: string, members: Record<string, Member>) {
    this.directory = directory
    this.members = members
  }

  /** Identities, key files and configurations as `slytherin init` and a careful administrator would make them. */
  static async make({ roles, yaml = '', yamlOf = {} }: CohortOptions): Promise<Cohort> {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-cohort-'))
    const port = await freePort()
    const members: Record<string, Member> = {}
    for (const name of Object.keys(roles)) {
      const paths = statePaths(join(directory, name))
      const keyFile = join(directory, `${name}.key`)
      await createKeyFile(keyFile)
      await mkdir(paths.directory, { mode: 0o700 })
      const material = await loadKeyMaterial({ kind: 'key-file', path: keyFile })
      const { peer } = await createIdentity(paths.identity, material)
      await createKeystore(paths.keystore, material)
      members[name] = { name, peer, file: join(directory, `${name}.yaml`) }
    }
    const listen = (name: string): string => (roles[name]!.includes('evaluator') ? `/ip4/127.0.0.1/tcp/${port}` : '')
    const roster = Object.values(members).map(
      ({ name, peer }) => `  - { name: ${name}, peerId: ${peer}, roles: [${roles[name]!.join(', ')}], addresses: [${listen(name)}] }`
    )
    for (const { name, file } of Object.values(members)) {
      const lines = [
        `name: ${name}`,
        `state: ${name}`,
        `keystore: { keyFile: ${name}.key }`,
        `network: { listen: [${listen(name)}] }`,
        'costs: reference',
        'roster:',
        ...roster
      ]
      await writeFile(file, [...lines, yaml, yamlOf[name] ?? '', ''].join('\n'))
    }
    return new Cohort(directory, members)
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A .npy file of 64-bit floats, one row per sample. */
export function npyOf(rows: readonly (readonly number[])[]): Uint8Array {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0]!.length}), }`.padEnd(117).concat('\n')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    length,
    Buffer.from(header, 'latin1'),
    new Uint8Array(Float64Array.from(rows.flat()).buffer)
  ])
}
