/** A cohort whose parties run wherever they are put, played through: keys, a model, questions, a holder that is lost, health and doctor of everybody. */
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { EVALUATOR, PORT, ROLES } from './prepare.mjs'

const run = promisify(execFile)
const PATIENCE = 120_000
const MODEL = 'models/onnx/breast-cancer-wdbc-mlp-square.onnx'
const SAMPLES = 'models/data/breast-cancer-wdbc-test-x.npy'

export class Cohort {
  #options
  #processes = new Map()

  /** @param options directory, words of the command, words that run something at a party, the probe, where to tell */
  constructor(options) {
    this.#options = options
  }

  config(party) {
    return join(this.#options.directory, party, `${party}.yaml`)
  }

  /** @returns what a command at a party prints; it exits with 0 */
  async at(party, ...words) {
    const [file, ...rest] = [...this.#options.within(party), ...words]
    return (await run(file, rest, { maxBuffer: 2 ** 26 })).stdout
  }

  async ask(party, ...words) {
    return JSON.parse(await this.at(party, ...this.#options.command, ...words, '--config', this.config(party), '--json'))
  }

  async start(party) {
    const [file, ...rest] = [...this.#options.within(party), ...this.#options.command, 'party', '--config', this.config(party)]
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#processes.set(party, child)
    let told = ''
    const ready = Promise.withResolvers()
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', chunk => {
        told = (told + chunk).slice(-20_000)
        if (told.includes('ready for commands')) ready.resolve()
      })
    }
    child.once('exit', code => ready.reject(new Error(`${party} ended with ${code}: ${told}`)))
    const signal = AbortSignal.timeout(PATIENCE)
    signal.addEventListener('abort', () => ready.reject(new Error(`${party} is not ready: ${told}`)))
    await ready.promise
  }

  async end(party, signal = 'SIGTERM') {
    const child = this.#processes.get(party)
    this.#processes.delete(party)
    if (child === undefined || child.exitCode !== null) return
    const exit = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    await exit
  }

  async stop() {
    await Promise.all([...this.#processes.keys()].map(async party => await this.end(party)))
  }

  async play(root) {
    const { tell, probe } = this.#options
    const [model, samples] = [join(root, MODEL), join(root, SAMPLES)]
    const parties = Object.keys(ROLES)
    for (const party of parties) await this.start(party)
    await this.#apart(parties)
    const others = parties.filter(party => party !== EVALUATOR)
    const met = async () => {
      const { peers } = await this.ask(EVALUATOR, 'status')
      return others.every(name => peers.some(peer => peer.name === name && peer.state === 'up' && peer.software !== undefined))
    }
    await timed('everybody is connected', tell, async () => await until(met))
    const create = ['cohort', 'create', 'hospitals', '--for', model, '--batch', '2', '--flooding-bits', '30', '--decryptions', '1024']
    await timed('keys of three holders, two of them needed', tell, async () => await this.ask(EVALUATOR, ...create))
    await until(async () => (await this.ask('owner', 'cohort', 'status')).epochs.length > 0)
    await timed(
      'a model published',
      tell,
      async () => await this.ask('owner', 'model', 'publish', model, '--name', 'cancer', '--batch', '2')
    )
    await this.ask('owner', 'grant', 'create', 'clinic', '--models', 'cancer', '--queries', '10')
    await until(
      async () => (await this.ask('clinic', 'grant', 'list')).length > 0 && (await this.ask('clinic', 'model', 'list')).length > 0
    )
    const question = async offset =>
      await this.ask('clinic', 'query', 'cancer', '--samples', samples, '--offset', offset, '--count', '2', '--follow')
    const first = await timed('a question answered', tell, async () => await question('0'))
    await this.end('b', 'SIGKILL')
    const second = await timed('the same question with a holder lost', tell, async () => await question('0'))
    if (JSON.stringify(first.answer.predictions) !== JSON.stringify(second.answer.predictions)) throw new Error('the answers differ')
    await this.start('b')
    await until(met)
    for (const party of parties) {
      await until(
        async () =>
          await this.at(party, process.execPath, probe, 'ready').then(
            () => true,
            () => false
          ),
        `${party} is ready`
      )
      const { checks } = await this.ask(party, 'doctor')
      for (const { check, state, message } of checks) if (state === 'warning') tell(`  doctor of ${party}, ${check}: ${message}`)
    }
    tell('everybody is ready, and the doctor finds nothing that has failed')
  }

  /** No two parties but the evaluator and one other are on one line. */
  async #apart(parties) {
    const script = `const s = require('node:net').connect({ host: process.argv[1], port: ${PORT} })
      s.setTimeout(3000, () => { console.log('no'); process.exit() }).on('connect', () => { console.log('yes'); process.exit() }).on('error', () => console.log('no'))`
    for (const [k, party] of parties.filter(name => name !== EVALUATOR).entries()) {
      for (const line of [k, (k + 1) % (parties.length - 1)]) {
        const reached = (await this.at(party, process.execPath, '-e', script, `10.77.${line}.1`)).trim() === 'yes'
        if (reached !== (line === k)) throw new Error(`${party} ${reached ? 'reaches' : 'does not reach'} the evaluator on line ${line}`)
      }
    }
  }
}

async function timed(what, tell, body) {
  const started = performance.now()
  const result = await body()
  tell(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`)
  return result
}

async function until(probe, what = 'what was waited for') {
  const end = performance.now() + PATIENCE
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`never: ${what}`)
    await setTimeout(300)
  }
}
