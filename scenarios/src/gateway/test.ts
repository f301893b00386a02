/** `npm run test:gateway`: a service among processes on a small ring, and in front of it a gateway that curl, Triton's client and this repository's Python client ask. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fuse, importOnnx } from '@slytherin/engine'
import { loadSamples, sourceOf } from '@slytherin/node'
import { execa } from 'execa'
import { EXIT_FAILED, stopping } from '../command-line.js'
import { loadServiceScenario, type ServiceModel } from '../service/description.js'
import { COMMAND, EVALUATOR, OWNER, type ServiceProcesses } from '../service/parties.js'
import { until } from '../service/until.js'
import { makeCertificates } from './certificates.js'
import { QUERIER, withServedCohort } from './cohort.js'
import { GatewayProcess } from './process.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CLIENT = join(ROOT, 'clients', 'python')
const ENVIRONMENT = join(ROOT, '.slytherin', 'python')
const PYTHON = join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
const SCENARIO = join(ROOT, 'scenarios', 'small-service.yaml')
/** Of the reference implementation of a client of the protocol. */
const PACKAGE = 'tritonclient'
const TRITON = `${PACKAGE}[http]==2.73.0`
/** Samples that clients ask about. */
const SAMPLES = 16
/** Largest error of a logit, as a share of the largest, that counts as right. */
const TOLERANCE = 0.02

const signal = stopping()
const begun = performance.now()
const say = (text: string): void => void process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
const directory = await mkdtemp(join(tmpdir(), 'slytherin-gateway-test-'))
try {
  if (!(await hasClients())) {
    process.stdout.write(
      `${'*'.repeat(100)}\nSKIPPED: no ${TRITON} here, and no package index to get it from: the gateway was NOT tested\n${'*'.repeat(100)}\n`
    )
    await rm(directory, { recursive: true, force: true })
    process.exit(0)
  }
  const environment = makeEnvironment()
  environment.catch(() => undefined)
  const scenario = await loadServiceScenario(SCENARIO)
  await withServedCohort({ ...scenario, queriers: 1 }, { port: 0, signal, keep: false, onLine: say }, async ({ processes, gateway }) => {
    const model = scenario.models[0]!
    await curl(gateway.url, model.name)
    const certificates = await makeCertificates(directory)
    const tokens = await makeTokens(processes, model.name)
    const { authority, server, client } = certificates
    const flags = ['--certificate', server.certificate, '--certificate-key', server.key, '--client-authority', authority]
    const secure = await GatewayProcess.start(processes.party(QUERIER), { port: 0, flags })
    try {
      const cases = join(directory, 'cases.json')
      const token = await makeToken(processes, 'all')
      const told = { url: gateway.url, token, secure: { url: secure.url, authority, ...client, tokens }, ...(await expected(model)) }
      await writeFile(cases, JSON.stringify(told))
      await environment
      say('the Python environment is there')
      await python(['-m', 'unittest', 'discover', '-s', join(CLIENT, 'tests')])
      await python([join(CLIENT, 'tests', 'gateway', 'check_gateway.py'), '-v'], { GATEWAY_CASES: cases })
    } finally {
      await secure.stop()
    }
    await withoutEvaluator(processes, gateway.url, model.name)
    const status = await gateway.stop()
    if (status !== 0) throw new Error(`the gateway ended with ${status}: ${gateway.told}`)
    say('the gateway ended in good order')
  })
  say('passed')
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT_FAILED
} finally {
  await rm(directory, { recursive: true, force: true })
}

/** Whether Triton's client is installed from an earlier run, or the package index that pip is set up for can be asked for it. */
async function hasClients(): Promise<boolean> {
  await mkdir(join(ROOT, '.slytherin'), { recursive: true })
  await execa('python3', ['-m', 'venv', ENVIRONMENT], { cancelSignal: signal })
  const asked = async (...parameters: string[]): Promise<boolean> =>
    (await execa(PYTHON, ['-m', 'pip', '--disable-pip-version-check', ...parameters], { cancelSignal: signal, reject: false })).exitCode ===
    0
  return (await asked('show', '--quiet', PACKAGE)) || (await asked('index', 'versions', PACKAGE, '--timeout', '10', '--retries', '1'))
}

/** Python with the clients, made once. */
async function makeEnvironment(): Promise<void> {
  await execa(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', TRITON, CLIENT], { cancelSignal: signal })
}

async function python(parameters: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  await execa(PYTHON, parameters, { env, stdout: 'inherit', stderr: 'inherit', cancelSignal: signal })
}

/** What a person tries first. */
async function curl(url: string, model: string): Promise<void> {
  const body = { id: 'c', inputs: [{ name: 'input', shape: [1, 30], datatype: 'FP32', data: new Array(30).fill(0) }] }
  const { stdout } = await execa('curl', [
    '-fsS',
    `${url}/v2/models/${model}/infer`,
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify(body)
  ])
  const { id, outputs } = JSON.parse(stdout) as { id: string; outputs: { name: string }[] }
  if (id !== 'c' || outputs.map(({ name }) => name).join() !== 'logits,values,prediction,near_tie')
    throw new Error(`curl was answered ${stdout}`)
  say('curl has an answer')
}

async function expected(model: ServiceModel): Promise<{ model: string; samples: number[][]; logits: number[][]; tolerance: number }> {
  const { samples: file, normalisation } = model.data
  const network = fuse(importOnnx(await readFile(model.file)))
  const samples = await loadSamples({ ...sourceOf(file), offset: 0, count: SAMPLES, normalisation }, network.shape)
  const logits = samples.map(sample => [...network.forward(sample)])
  const largest = Math.max(...logits.flat().map(Math.abs))
  return { model: model.name, samples: samples.map(sample => [...sample]), logits, tolerance: TOLERANCE * largest }
}

/** One that is good for one query, and one for another model. */
async function makeTokens(processes: ServiceProcesses, model: string): Promise<Record<string, string>> {
  const common = { querier: QUERIER, senders: [], decryptions: 1000, days: 1 }
  const tokens: Record<string, string> = {}
  for (const [name, models] of Object.entries({ once: [model], other: ['nothing'] })) {
    const { grant } = await processes.ask(OWNER, 'grant.create', { ...common, models, queries: 1 }, { signal })
    await until(async () => (await processes.ask(QUERIER, 'grant.list', {}, { signal })).some(one => one.grant === grant), signal)
    tokens[name] = await makeToken(processes, name, '--grant', grant)
  }
  return tokens
}

async function makeToken(processes: ServiceProcesses, name: string, ...more: readonly string[]): Promise<string> {
  const { configuration } = processes.party(QUERIER)
  return (await execa(process.execPath, [COMMAND, 'token', 'create', name, '--config', configuration, ...more])).stdout.trim()
}

/** Whoever asks is told what is missing, and answered when it is back. */
async function withoutEvaluator(processes: ServiceProcesses, url: string, model: string): Promise<void> {
  const token = await makeToken(processes, 'last')
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const body = JSON.stringify({ inputs: [{ name: 'input', shape: [1, 30], datatype: 'FP32', data: new Array(30).fill(0) }] })
  const ask = async (): Promise<Response> => await fetch(`${url}/v2/models/${model}/infer`, { method: 'POST', headers, body })
  await processes.kill(EVALUATOR)
  await until(async () => {
    const response = await ask()
    const text = await response.text()
    if (response.status === 503 && text.includes('evaluator')) return true
    throw new Error(`without an evaluator: ${response.status} ${text}`)
  }, signal)
  say('without an evaluator it says so')
  await processes.start(EVALUATOR, signal)
  await until(async () => (await ask()).status === 200, signal)
  say('and answers when it is back')
}
