/**
 * Lays out a scenario on this machine: a state directory with identity and keystore, a free port and a configuration for every party.
 */
import { randomInt } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createIdentity, createKeyFile, createKeystore, loadKeyMaterial, type ModelChoice, sourceOf, statePaths } from '@slytherin/node'
import { stringify } from 'yaml'
import { calibrationOf } from './calibration.js'
import { modelChoiceOf } from './model-choice.js'
import { batchesOf, type PartyDescription, partiesOf, type Scenario } from './scenario.js'

export interface DeployedParty extends PartyDescription {
  readonly peer: string
  readonly configuration: string
  /** Its state directory. */
  readonly state: string
}

/**
 * All processes share the processors of one machine, which can silence one of many for a while: longer deadlines, in milliseconds, the more there are.
 */
export function deadlinesFor(processes: number): object {
  const down = Math.max(8_000, 2_500 * processes)
  return { dial: 2 * down, hello: down, down, idle: 2 * down, stall: 2 * down }
}

/**
 * @param directory made anew; everything of the scenario lies below it
 * @param evidence where parties keep evidence, each in a directory of its name; with their states when not given
 */
export async function deploy(scenario: Scenario, directory: string, evidence?: string): Promise<DeployedParty[]> {
  await rm(directory, { recursive: true, force: true })
  const described = partiesOf(scenario)
  const calibration = await calibrationOf(scenario)
  const choice = await modelChoiceOf(scenario)
  const parties = await Promise.all(
    described.map(async party => {
      const home = join(directory, party.name)
      const state = join(home, 'state')
      const keyFile = join(home, 'key')
      const peer = await makeState(state, keyFile)
      const port = party.roles.includes('evaluator') ? await freePort() : undefined
      return { ...party, keyFile, home, state, peer, addresses: port === undefined ? [] : [`/ip4/127.0.0.1/tcp/${port}`] }
    })
  )
  const roster = parties.map(({ name, peer, roles, addresses }) => ({ name, peerId: peer, roles, addresses }))
  return await Promise.all(
    parties.map(async party => {
      const file = join(party.home, 'party.yaml')
      const { data, weights, floodingBits, floodingBounds, maximumDecryptions, minimumRefreshes, precision, link, refreshing } =
        scenario.session
      const { expectedQueries, maximumKeyBytes } = scenario.session
      const { batch, queries } = batchesOf(scenario)
      const asks = party.roles.includes('data-owner')
      const configuration = {
        name: party.name,
        state: party.state,
        keystore: { keyFile: party.keyFile },
        network: { listen: party.addresses, deadlines: deadlinesFor(parties.length) },
        roster,
        session: {
          data,
          weights,
          batch,
          ...(floodingBits === undefined ? {} : { floodingBits }),
          ...(floodingBounds === undefined ? {} : { floodingBounds }),
          minimumRefreshes,
          refreshing,
          queries,
          ...(maximumDecryptions === undefined ? {} : { maximumDecryptions }),
          ...(precision === undefined ? {} : { precision }),
          ...(expectedQueries === undefined ? {} : { expectedQueries }),
          ...(maximumKeyBytes === undefined ? {} : { maximumKeyBytes }),
          ...(link === undefined ? {} : { link })
        },
        ...(party.roles.includes('model-owner') ? modelKeys(scenario, choice, calibration) : {}),
        ...(asks ? { samples: samplesOf(scenario) } : {}),
        ...(party.roles.includes('key-holder') ? { assist: scenario.assist } : {}),
        evaluator: scenario.evaluator,
        costs: scenario.costs,
        ...(evidence === undefined ? {} : { evidence: { directory: join(evidence, party.name) } }),
        log: { level: 'silent' }
      }
      await writeFile(file, stringify(configuration), { mode: 0o600 })
      return { name: party.name, roles: party.roles, peer: party.peer, configuration: file, state: party.state }
    })
  )
}

function modelKeys({ model, approximation }: Scenario, { output, inputShape, replace, task }: ModelChoice, calibration: unknown): object {
  return {
    model,
    calibration,
    approximation,
    ...(output === undefined ? {} : { output }),
    ...(inputShape === undefined ? {} : { inputShape }),
    ...(replace === undefined ? {} : { replace }),
    ...(task === undefined ? {} : { task })
  }
}

export async function makeState(state: string, keyFile: string): Promise<string> {
  await mkdir(state, { recursive: true, mode: 0o700 })
  await createKeyFile(keyFile)
  using material = await loadKeyMaterial({ kind: 'key-file', path: keyFile })
  const paths = statePaths(state)
  const identity = await createIdentity(paths.identity, material)
  await createKeystore(paths.keystore, material)
  return identity.peer
}

function samplesOf(scenario: Scenario): object {
  const { samples, normalisation, layout, label } = scenario.data
  return {
    ...sourceOf(samples),
    count: scenario.images,
    normalisation,
    ...(layout === undefined ? {} : { layout }),
    ...(label === undefined ? {} : { label })
  }
}

/**
 * A port of loopback that nobody listens on now. It is none of those that systems give to connections (from 32768 on): while its party is down, one of them could take it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1)
    if (await isFree(port)) return port
  }
  throw new Error(`none of ${PORT_TRIES} ports from ${FIRST_PORT} to ${LAST_PORT} is free`)
}

const [FIRST_PORT, LAST_PORT] = [10_240, 32_767]
const PORT_TRIES = 100

async function isFree(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
