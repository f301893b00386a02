/** Network namespaces of Linux, one a party, with a line from each to the evaluator: what deploy/compose/compose.yaml says as networks. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ip = async (...words) => await run('ip', words)

/** Of one direction: both together are a round trip of 40 ms. */
const DELAY = '20ms'
const RATE = '100mbit'

export class Namespaces {
  /** Whether lines are slow, and if not, why. */
  slow = false
  why = ''
  #made = []
  #prefix = `sly${process.pid}`

  /** @returns why this system has none; undefined when it has */
  static async unavailable() {
    if (process.platform !== 'linux') return `network namespaces are Linux's, and this is ${process.platform}`
    const name = `sly${process.pid}try`
    try {
      await ip('netns', 'add', name)
      await ip('netns', 'del', name)
      return undefined
    } catch (error) {
      if (error.code === 'ENOENT') return 'the command "ip" is missing: apt-get install iproute2'
      return `network namespaces cannot be made here (${String(error.stderr ?? error.message).trim()}): run as root, or where CAP_SYS_ADMIN and CAP_NET_ADMIN are`
    }
  }

  name(party) {
    return `${this.#prefix}-${party}`
  }

  /** @param lines [party, evaluator] each; @returns the evaluator's address on each line, by party */
  async connect(parties, lines) {
    for (const party of parties) {
      await ip('netns', 'add', this.name(party))
      this.#made.push(party)
      await ip('-n', this.name(party), 'link', 'set', 'lo', 'up')
    }
    const addresses = {}
    for (const [k, [party, evaluator]] of lines.entries()) {
      const [near, far] = [`s${process.pid % 100000}p${k}`, `s${process.pid % 100000}e${k}`]
      await ip('link', 'add', near, 'netns', this.name(party), 'type', 'veth', 'peer', 'name', far, 'netns', this.name(evaluator))
      for (const [at, link, host] of [
        [party, near, 2],
        [evaluator, far, 1]
      ]) {
        await ip('-n', this.name(at), 'address', 'add', `10.77.${k}.${host}/30`, 'dev', link)
        await ip('-n', this.name(at), 'link', 'set', link, 'up')
        await this.#slow(at, link)
      }
      addresses[party] = `10.77.${k}.1`
    }
    return addresses
  }

  async #slow(party, link) {
    try {
      await run('tc', [
        '-n',
        this.name(party),
        'qdisc',
        'add',
        'dev',
        link,
        'root',
        'netem',
        'delay',
        DELAY,
        'rate',
        RATE,
        'limit',
        '20000'
      ])
      this.slow = true
    } catch (error) {
      const reason =
        error.code === 'ENOENT' ? 'the command "tc" is missing: apt-get install iproute2' : String(error.stderr).trim().split('\n')[0]
      this.why = `lines are as fast as the machine: ${reason}${/unknown/.test(reason) ? ' (the kernel has no netem: modprobe sch_netem)' : ''}`
    }
  }

  /** Words that run a command at a party. */
  within(party) {
    return ['ip', 'netns', 'exec', this.name(party)]
  }

  async remove() {
    for (const party of this.#made.splice(0)) await ip('netns', 'del', this.name(party)).catch(() => undefined)
  }
}
