import { describe, expect, test } from 'vitest'
import { type Clock, hostClock, usualSeconds } from '../src/costs/timing.js'

/** A machine whose clocks go on by what each run says, in milliseconds. */
class Machine {
  runs = 0
  private at = { wall: 0, thread: 0, process: 0 }
  readonly clock: Clock = () => ({ wall: this.at.wall / 1e3, thread: this.at.thread / 1e3, process: this.at.process / 1e3 })

  constructor(private readonly taken: (run: number) => { wall: number; thread: number; process: number }) {}

  readonly work = (): void => {
    const { wall, thread, process } = this.taken(this.runs++)
    this.at = { wall: this.at.wall + wall, thread: this.at.thread + thread, process: this.at.process + process }
  }
}

const milliseconds = async (machine: Machine, threads: number): Promise<number> =>
  1e3 * (await usualSeconds(machine.work, { threads, clock: machine.clock }))

describe('what an operation takes', () => {
  test('is what its thread has worked, however long other processes hold up every run', async () => {
    const machine = new Machine(run => ({ wall: 55 + (run % 7), thread: 20, process: 26 }))
    expect(await milliseconds(machine, 1)).toBeCloseTo(20, 6)
  })

  test('is the time by the clock where a host tells nothing else', async () => {
    const machine = new Machine(() => ({ wall: 20, thread: 20, process: 20 }))
    expect(await milliseconds(machine, 1)).toBeCloseTo(20, 6)
    expect(await milliseconds(new Machine(() => ({ wall: 20, thread: 20, process: 20 })), 2)).toBeCloseTo(20, 6)
  })

  test('leaves out runs that are longer than usual, and those of code that is not compiled yet', async () => {
    const machine = new Machine(run => {
      const thread = run < 3 ? 90 : run % 3 === 0 ? 31 : 20 + (run % 2)
      return { wall: thread + 9, thread, process: thread }
    })
    const taken = await milliseconds(machine, 1)
    expect(taken).toBeGreaterThanOrEqual(20)
    expect(taken).toBeLessThanOrEqual(21)
  })

  test('is an equal part of what threads have worked that were held up in turn', async () => {
    // of 20 ms that two threads share, the one that asks does more than half, or less
    const machine = new Machine(run => ({ wall: 40, thread: run % 2 === 0 ? 3 : 10, process: 20 }))
    expect(await milliseconds(machine, 2)).toBeCloseTo(10, 6)
  })

  test('is the whole of what one of several threads has done alone', async () => {
    const machine = new Machine(() => ({ wall: 20, thread: 20, process: 20.5 }))
    expect(await milliseconds(machine, 2)).toBeCloseTo(20, 6)
  })

  test('is had within a second by the clock, however busy the machine is', async () => {
    const machine = new Machine(run => ({ wall: 300, thread: 20 * 1.3 ** (run % 9), process: 200 }))
    const taken = await milliseconds(machine, 1)
    expect(taken).toBeGreaterThanOrEqual(20)
    expect(machine.runs).toBeLessThan(12)
  })
})

test('the clocks of this host tell work from waiting', async () => {
  const before = hostClock()
  await new Promise(resolve => setTimeout(resolve, 200))
  const between = hostClock()
  while (hostClock().thread - between.thread < 0.02);
  const after = hostClock()
  expect(between.wall - before.wall).toBeGreaterThan(0.19)
  expect(between.thread - before.thread).toBeLessThan(0.15)
  // to a fraction of a millisecond: no more than what was waited for
  expect(after.thread - between.thread).toBeLessThan(0.025)
  expect(after.process - between.process).toBeGreaterThan(0.015)
})
