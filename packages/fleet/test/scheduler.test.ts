import { describe, expect, test } from 'vitest'
import { type Place, Scheduler, type Task } from '../src/coordinator/scheduler.js'

const place = (id: string, init: Partial<Place> = {}): Place => ({ id, memory: 8e9, ready: new Set(), ...init })
const task = (id: string, init: Partial<Task> = {}): Task => ({
  id,
  means: 'm',
  querySeconds: 1,
  bytes: 1e9,
  since: 0,
  most: 1,
  allows: () => true,
  ...init
})
const names = (scheduler: Scheduler, now = 0): string[] => scheduler.assign(now).map(({ task: { id }, place: at }) => `${id}@${at}`)

describe('parts', () => {
  test('go to places that are free, one at a time', () => {
    const scheduler = new Scheduler()
    for (const id of ['a', 'b']) scheduler.add(place(id))
    for (const id of ['1', '2', '3']) scheduler.put(task(id))
    expect(names(scheduler)).toEqual(['1@a', '2@b'])
    expect(names(scheduler)).toEqual([])
    scheduler.free('a', '1')
    expect(names(scheduler)).toEqual(['3@a'])
  })

  test('of a small query go before those of a large one that came first, which is not forgotten', () => {
    const scheduler = new Scheduler()
    scheduler.add(place('a'))
    scheduler.put(task('large', { querySeconds: 400, since: 0 }))
    scheduler.put(task('small', { querySeconds: 1, since: 20_000 }))
    expect(names(scheduler, 21_000)).toEqual(['small@a'])
    scheduler.free('a', 'small')
    // A stream of small ones: each has just come.
    const waits = 2_000_000
    scheduler.put(task('next', { querySeconds: 1, since: waits - 100 }))
    expect(names(scheduler, waits)).toEqual(['large@a'])
  })

  test('go where their keys and weights are in memory already, and else where least is', () => {
    const scheduler = new Scheduler()
    scheduler.add(place('a', { ready: new Set(['x', 'y']) }))
    scheduler.add(place('b', { ready: new Set(['m']) }))
    scheduler.add(place('c'))
    scheduler.put(task('1'))
    scheduler.put(task('2', { means: 'n' }))
    expect(names(scheduler)).toEqual(['1@b', '2@c'])
  })

  test('never go to a place with too little memory, or that they do not allow', () => {
    const scheduler = new Scheduler()
    scheduler.add(place('a', { memory: 1e9 }))
    scheduler.add(place('b'))
    const large = task('large', { bytes: 4e9 })
    const picky = task('picky', { allows: id => id === 'c' })
    scheduler.put(large)
    scheduler.put(picky)
    expect(scheduler.hasPlaceFor(large)).toBe(true)
    expect(scheduler.hasPlaceFor(picky)).toBe(false)
    expect(names(scheduler)).toEqual(['large@b'])
    expect(scheduler.waiting).toEqual([picky])
    scheduler.withdraw('picky')
    expect(scheduler.waiting).toEqual([])
  })

  test('are divided among places that are free and that no other needs, as far as they can be', () => {
    const scheduler = new Scheduler()
    for (const id of ['a', 'b', 'c', 'd', 'e']) scheduler.add(place(id))
    const divide = ({ id }: Task, parts: number): Task[] => {
      const made = Array.from({ length: parts }, (_, k) => task(k === 0 ? id : `${id}.${k}`))
      for (const one of made) scheduler.put(one)
      return made
    }
    const turn = (expected = 0): string[] => scheduler.assign(0, { expected, divide }).map(({ task: { id }, place: at }) => `${id}@${at}`)
    scheduler.put(task('1', { most: 9 }))
    scheduler.put(task('2', { most: 9 }))
    expect(turn()).toEqual(['1@a', '1.1@b', '2@c', '2.1@d', '2.2@e'])
    scheduler.put(task('3', { most: 9 }))
    expect(turn()).toEqual([])
    for (const [at, id] of [
      ['a', '1'],
      ['b', '1.1'],
      ['c', '2']
    ] as const)
      scheduler.free(at, id)
    expect(turn(1)).toEqual(['3@a'])
    scheduler.put(task('4', { most: 9 }))
    expect(turn()).toEqual(['4@b', '4.1@c'])
    expect(scheduler.waiting).toEqual([])
  })

  test('of a place that is gone may wait again', () => {
    const scheduler = new Scheduler()
    scheduler.add(place('a'))
    scheduler.put(task('1'))
    expect(names(scheduler)).toEqual(['1@a'])
    scheduler.remove('a')
    expect(scheduler.has('a')).toBe(false)
    scheduler.put(task('1'))
    scheduler.add(place('b'))
    expect(names(scheduler)).toEqual(['1@b'])
  })
})
