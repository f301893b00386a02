/** Parties with fake cryptography, each a process of its own, that tests kill, suspend and start again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { PartyEvent } from '@slytherin/node'
import type { Role } from '@slytherin/protocol'
import { expect, inject } from 'vitest'
import { Cohort } from './cohort.js'
import { until } from './network.js'

const MODEL = 'model: none.onnx\ncalibration: { manifest: none.json }'
const SCRIPT = join(inject('processes'), 'party-process.js')

export interface Child {
  readonly name: string
  readonly child: ChildProcess
  readonly events: PartyEvent[]
  readonly exit: Promise<number | null>
}

/** @param cleanups to which what ends the process is added */
export function start(cohort: Cohort, name: string, cleanups: (() => unknown)[]): Child {
  const child = spawn(process.execPath, [SCRIPT, cohort.members[name]!.file], { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanups.push(() => child.kill('SIGKILL'))
  const events: PartyEvent[] = []
  createInterface({ input: child.stdout! }).on('line', line => events.push(JSON.parse(line) as PartyEvent))
  return { name, child, events, exit: new Promise(resolve => child.once('exit', resolve)) }
}

/** A process for every role; the party `owner` has the model. */
export async function startAll(
  roles: Record<string, readonly Role[]>,
  yaml: string,
  cleanups: (() => unknown)[]
): Promise<{ cohort: Cohort; children: Record<string, Child> }> {
  const cohort = await Cohort.make({ roles, yaml, yamlOf: { owner: MODEL } })
  cleanups.push(() => cohort.remove())
  return { cohort, children: Object.fromEntries(Object.keys(roles).map(name => [name, start(cohort, name, cleanups)])) }
}

export const of = <E extends PartyEvent['event']>(events: readonly PartyEvent[], kind: E): Extract<PartyEvent, { event: E }>[] =>
  events.filter((event): event is Extract<PartyEvent, { event: E }> => event.event === kind)

/** Everybody has become ready so many times. */
export async function ready(children: Record<string, Child>, times: number): Promise<void> {
  for (const { name, events } of Object.values(children)) {
    await until(() => of(events, 'ready').length >= times, 40_000, `${name} ready ${times} times`)
  }
}

/** Asks a query, and expects its answer. */
export async function answers(asking: Child, sum: number): Promise<void> {
  const before = of(asking.events, 'result').length
  ask(asking, sum)
  await until(() => of(asking.events, 'result').length > before, 20_000, 'an answer')
  expect(of(asking.events, 'result').at(-1)).toMatchObject({ logits: [[sum, -sum]] })
}

export function ask({ child }: Child, sum: number): void {
  child.stdin!.write(`{"command":"query","samples":[[${sum},0]]}\n`)
}
